"""The page: `labourqa ui`, or `streamlit run app/streamlit_app.py`.

It shows what `labourqa` does and has no logic of its own. Each file in `app_pages/` is one page. The other modules are
shared: `server.py` holds the models, which all visitors use, and `visitor.py` what each visitor chose.
"""

from pathlib import Path

import conversation_list
import navigation
import streamlit as st
from messages import user_errors
from server import server, show_loading

ICON = Path(__file__).with_name(
    "icon.png"
)  # a local file: Streamlit's named icons are fetched from the internet

st.set_page_config(page_title="labourqa", page_icon=ICON, layout="centered")
page = st.navigation(navigation.pages())
with user_errors():
    with st.sidebar:
        show_loading()
        conversation_list.show()
    page.run()
    server().loading.start()  # after the page is drawn, so that the first visitor sees it at once
