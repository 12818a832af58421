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
from style import STYLE

ICON = Path(__file__).with_name(
    "icon.png"
)  # a local file: Streamlit's named icons are fetched from the internet

st.set_page_config(page_title="labourqa", page_icon=ICON, layout="centered")
st.html(STYLE)
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
