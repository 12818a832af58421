"""The server of the page: `labourqa ui`, or `streamlit run app/streamlit_app.py`.

It gives each browser an identity and keeps out who may not see the page. The page itself is `page.py`.
"""

import asyncio
import logging
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import streamlit as st
from access import Access, sign_in_routes
from base_address import BaseAddress
from identity import LocalKey
from starlette.middleware import Middleware

from labourqa.config import Settings, load_settings
from labourqa.errors import LabourQAError
from labourqa.pipeline import erase_old_conversations

ERASING_SECONDS = 3_600  # between two looks for conversations that are too old


def _load_settings() -> Settings:
    try:
        return load_settings({})
    except LabourQAError as error:
        sys.exit(str(error))


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """While the server runs: the local user's link, and the erasing of old conversations."""
    _show_local_link()
    erasing = asyncio.create_task(_erase_old_conversations())
    yield
    erasing.cancel()
    with suppress(asyncio.CancelledError):
        await erasing


def _show_local_link() -> None:
    """Print the address that makes a browser the local user's, and open it where there is a screen."""
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    link = f"{scheme}://localhost:{st.get_option('server.port')}{local_key.path}"
    print(f"  Your own conversations, with all settings: {link}\n", flush=True)  # noqa: T201
    if not st.get_option("server.headless"):
        threading.Timer(0.5, webbrowser.open, [link]).start()  # once the server listens


async def _erase_old_conversations() -> None:
    while settings.keep_days is not None:
        try:
            await asyncio.to_thread(erase_old_conversations, settings)
        except LabourQAError as error:
            logging.getLogger("labourqa").warning("Old conversations were not erased: %s", error)
        await asyncio.sleep(ERASING_SECONDS)


settings = _load_settings()
local_key = LocalKey()
app = st.App(
    Path(__file__).with_name("page.py"),
    middleware=[
        Middleware(Access, settings=settings),
        Middleware(BaseAddress, base_path=st.get_option("server.baseUrlPath")),
    ],
    routes=sign_in_routes(settings, local_key),
    lifespan=lifespan,
)
