"""Tells the page in the browser where the server is.

Otherwise it looks for the server below the address of the opened page first, such as /reader/_stcore/health, and every
page but the first begins with an error in the console and a second attempt.
"""

import json
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEAD = b"<head>"
_SCRIPT = b"<script>window.__streamlit={BACKEND_BASE_URL:location.origin+%s}</script>"


class BaseAddress:
    """ASGI middleware: adds a script to each document."""

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        """`base_path`: below which the page is served, "" or such as "labour"."""
        self._app = app
        path = f"/{base_path.strip('/')}/" if base_path.strip("/") else "/"
        self._head = _HEAD + _SCRIPT % json.dumps(path).replace("<", "\\u003c").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, send)
            return
        # A compressed document could not be changed.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": headers}, receive, self._send_document(send))

    def _send_document(self, send: Send) -> Callable[[Message], Awaitable[None]]:
        start: Message | None = None
        body = b""

        async def send_changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                if Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                    start = message  # sent with the new length, once the document is complete
                    return
            elif start is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                body = body.replace(_HEAD, self._head, 1)
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
                await send(start)
                message = {"type": "http.response.body", "body": body}
            await send(message)

        return send_changed
