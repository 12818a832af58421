"""The page, which `streamlit_app.py` serves.

It shows what `labourqa` does and has no logic of its own. Each file in `app_pages/` is one page. The other modules are
shared: `server.py` holds the models, which all visitors use, and `visitor.py` what each visitor chose.
"""

from pathlib import Path

import conversation_list
import navigation
import sign_in
import streamlit as st
import visitor
from language import declare_language
from messages import user_errors
from server import server, show_loading

ICON = Path(__file__).with_name(
    "icon.png"
)  # a local file: Streamlit's named icons are fetched from the internet
# Streamlit's own greys, and white on the light blue of the dark theme, have too little contrast (WCAG 1.4.3).
_CONTRAST = """<style>
.stApp [data-testid="stCaptionContainer"], .stApp [data-testid="stCaptionContainer"] p {
  color: light-dark(#5a6570, #aab4be); opacity: 1;
}
.stApp [data-testid^="stBaseButton-primary"] p { color: light-dark(#ffffff, #0b1a29); }
</style>"""

st.set_page_config(page_title="labourqa", page_icon=ICON, layout="centered")
st.html(_CONTRAST)
with user_errors():
    if visitor.must_sign_in():
        st.navigation([sign_in.show_sign_in], position="hidden").run()
    else:
        visitor.forget_other_owner()
        page = st.navigation(navigation.pages())
        st.session_state["page-before"] = st.session_state.get("page")
        st.session_state.page = page.url_path
        with st.sidebar:
            show_loading()
            conversation_list.show()
            visitor.show_sign_out()
            declare_language()
        page.run()
        server().loading.start()  # after the page is drawn, so that the first visitor sees it at once
