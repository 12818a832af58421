"""The page: `labourqa ui`, or `streamlit run app/streamlit_app.py`.

It shows what `labourqa` does and has no logic of its own. One file for each page, and in `common.py` what they share:
the engine, which is loaded once a server, and the settings, which every visitor has for himself.
"""

from pathlib import Path

import common
import history
import streamlit as st

ICON = Path(__file__).with_name("icon.png")  # our own: the named icons of Streamlit come from elsewhere

st.set_page_config(page_title="labourqa", page_icon=ICON, layout="centered")
page = st.navigation([common.ASK, common.CODE, common.EVALUATION, common.SETTINGS])
with common.user_errors():
    with st.sidebar:
        common.show_loading()
        history.show()
    page.run()
    common.server().loading.start()  # behind the page, which the first visitor sees at once
