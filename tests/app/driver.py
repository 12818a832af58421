"""Drives the page without a browser, through Streamlit's AppTest."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from labourqa.config import PAGE, Settings
from labourqa.store.owners import LOCAL


@contextmanager
def page_server(home: Path, **settings: str) -> Iterator[None]:
    """A server of the page, which all `open_page` inside visit, with this data folder and these LABOURQA_* settings.

    The visitors are the local user.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABOURQA_HOME", str(home))
        for name, value in settings.items():
            patch.setenv(f"LABOURQA_{name.upper()}", value)
        patch.syspath_prepend(str(PAGE.parent))  # so does `streamlit run`
        st.cache_resource.clear()
        from identity import Visitor, sign  # from app/, which is on the path here

        cookie = sign(Visitor(LOCAL), Settings(home=home))
        patch.setattr("streamlit.runtime.context.ContextProxy.cookies", {"labourqa": cookie})
        yield
        from server import server  # from app/, which is on the path here

        server().loading.start()
        server().loading.finished.wait()  # otherwise it goes on after the test, with other settings
        st.cache_resource.clear()


def open_page(page: str = "", **query: str) -> AppTest:
    app = AppTest.from_file(str(PAGE.with_name("page.py")), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    if page:
        app.switch_page(f"app_pages/{page}.py")
    return app.run()


def ask(app: AppTest, question: str) -> None:
    app.chat_input[0].set_value(question).run()
    wait_for_answer(app)


def wait_for_answer(app: AppTest) -> None:
    """Run the page until no question is being answered, as its fragment does in a browser."""
    deadline = time.monotonic() + 120
    while any(button.key == "stop" for button in app.button):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        app.run()


def texts(app: AppTest) -> str:
    """All text on the page, without the escapes of Markdown."""
    elements: list[Any] = [
        *app.text, *app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.header, *app.subheader,
    ]  # fmt: skip
    return "\n".join(element.value for element in elements).replace("\\", "")


def labels(app: AppTest) -> list[str]:
    return [button.label.replace("\\", "") for button in app.button]
