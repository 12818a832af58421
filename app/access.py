"""The gate of the page: every request passes it before Streamlit sees it.

It gives each new browser its identity, and asks for the passphrase where the page is served to other machines.
"""

import ipaddress
import time
from collections import deque
from collections.abc import Awaitable, Callable
from html import escape
from secrets import compare_digest
from urllib.parse import quote, urlsplit

from identity import (
    COOKIE,
    COOKIE_SECONDS,
    LOCAL_PATH,
    LocalKey,
    Visitor,
    digest_passphrase,
    new_visitor,
    read_visitor,
    sign,
)
from sign_in import is_sign_in_configured
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labourqa.config import Settings
from labourqa.store.owners import LOCAL

SIGN_IN = "/sign-in"
_OPEN_PATHS = (SIGN_IN, LOCAL_PATH, "/_stcore/health")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_CONDITIONS = (b"if-none-match", b"if-modified-since")
_TRIES, _TRY_SECONDS = 10, 60  # wrong passphrases that are allowed within so many seconds
_SETUP = (
    "This page is served to other machines, and its operator has not said yet who may open it. The operator sets "
    "LABOURQA_PASSPHRASE, configures a sign-in with OpenID Connect, or sets LABOURQA_OPEN_PAGE=true."
)


class Access:
    """ASGI middleware: requests of visitors who may not see the page end here."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        visitor = read_visitor(connection.cookies.get(COOKIE), self._settings)
        if connection.url.path not in _OPEN_PATHS and not self._may_enter(connection, visitor):
            await self._refuse(connection, scope, receive, send)
        elif visitor or scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            # A document that the browser still has would be answered without content type, and without cookie.
            headers = [(name, value) for name, value in scope["headers"] if name not in _CONDITIONS]
            await self._app({**scope, "headers": headers}, receive, self._send_cookie(connection, send))

    def _may_enter(self, connection: HTTPConnection, visitor: Visitor | None) -> bool:
        settings = self._settings
        if (visitor and visitor.is_local) or settings.open_page:
            return True
        if settings.passphrase:
            return visitor is not None and compare_digest(visitor.passphrase, digest_passphrase(settings))
        # With OpenID Connect, the page itself asks for the sign-in.
        return is_sign_in_configured() or is_from_this_machine(connection)

    async def _refuse(self, connection: HTTPConnection, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        response: Response
        if not self._settings.passphrase:
            response = HTMLResponse(_page("Not open yet", f"<p>{_SETUP}</p>"), 403)
        elif scope["method"] == "GET" and "text/html" in connection.headers.get("accept", ""):
            query = f"?{connection.url.query}" if connection.url.query else ""
            response = RedirectResponse(f"{SIGN_IN}?next={quote(connection.url.path + query)}", 303)
        else:
            response = PlainTextResponse("Sign in first.", 401)
        await response(scope, receive, send)

    def _send_cookie(self, connection: HTTPConnection, send: Send) -> Callable[[Message], Awaitable[None]]:
        """Sends a new visitor's identity with the first document, before which the page opens no connection."""

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    response = Response()
                    set_cookie(response, new_visitor(), connection, self._settings)
                    headers.append("set-cookie", response.headers["set-cookie"])
                    headers["cache-control"] = (
                        "no-store"  # no cache may give one visitor's cookie to another one
                    )
            await send(message)

        return send_with_cookie


def is_from_this_machine(connection: HTTPConnection) -> bool:
    """Whether a request was made on this machine, to its own name, and not passed on by a proxy that says so."""
    if any(name in connection.headers for name in _FORWARDED):
        return False
    host = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    return (host == "localhost" or _is_loopback(host)) and (
        connection.client is None or _is_loopback(connection.client.host)
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def set_cookie(response: Response, visitor: Visitor, connection: HTTPConnection, settings: Settings) -> None:
    is_secure = (
        connection.url.scheme in ("https", "wss") or connection.headers.get("x-forwarded-proto") == "https"
    )
    response.set_cookie(
        COOKIE, sign(visitor, settings), COOKIE_SECONDS, httponly=True, secure=is_secure, samesite="lax"
    )


def sign_in_routes(settings: Settings, local_key: LocalKey) -> list[Route]:
    """The addresses where a visitor enters the passphrase, and where the local user's browser is recognised."""
    failures: dict[str, deque[float]] = {}

    async def sign_in(request: Request) -> Response:
        following = _following(request.query_params.get("next", "/"))
        if not settings.passphrase:
            return RedirectResponse(following, 303)
        if request.method == "GET":
            return HTMLResponse(_form(following))
        client = request.client.host if request.client else ""
        recent = _recent(failures, client)
        if len(recent) >= _TRIES:
            text = "Too many wrong passphrases. Wait a minute and try again."
            return HTMLResponse(_form(following, text), 429, {"Retry-After": str(_TRY_SECONDS)})
        entered = str((await request.form()).get("passphrase", ""))
        if not compare_digest(entered.encode(), settings.passphrase.encode()):
            recent.append(time.monotonic())
            return HTMLResponse(_form(following, "This is not the passphrase."), 401)
        known = read_visitor(request.cookies.get(COOKIE), settings) or new_visitor()
        response = RedirectResponse(following, 303)
        set_cookie(response, Visitor(known.owner, digest_passphrase(settings)), request, settings)
        return response

    async def sign_in_locally(request: Request) -> Response:
        if not is_from_this_machine(request) or not local_key.matches(request.query_params.get("key", "")):
            text = "<p>This link is for the machine itself, and it changes whenever the server starts.</p>"
            return HTMLResponse(_page("The link is not valid", text), 403)
        response = RedirectResponse("/", 303)
        set_cookie(response, Visitor(LOCAL), request, settings)
        return response

    return [
        Route(SIGN_IN, sign_in, methods=["GET", "POST"]),
        Route(LOCAL_PATH, sign_in_locally, methods=["GET"]),
    ]


def _following(address: str) -> str:
    """The page to go to after the sign-in; never another site."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"


def _recent(failures: dict[str, deque[float]], client: str) -> deque[float]:
    """When this client entered wrong passphrases lately; clients without any are forgotten."""
    oldest = time.monotonic() - _TRY_SECONDS
    for name, times in list(failures.items()):
        while times and times[0] < oldest:
            times.popleft()
        if not times:
            del failures[name]
    return failures.setdefault(client, deque())


def _form(following: str, error: str = "") -> str:
    message = f'<p role="alert">{escape(error)}</p>' if error else ""
    return _page(
        "Passphrase",
        f'<form method="post" action="{SIGN_IN}?next={quote(following)}">{message}'
        '<label for="passphrase">Passphrase of this server</label>'
        '<input id="passphrase" name="passphrase" type="password" required autofocus autocomplete="current-password">'
        '<button type="submit">Open the page</button></form>',
    )


def _page(title: str, body: str) -> str:
    """A document without scripts and without anything from elsewhere."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>labourqa: {title}</title><style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 26rem; margin: 15vh auto; padding: 0 1rem; }}
form {{ display: grid; gap: 0.75rem; }}
input, button {{ font: inherit; padding: 0.6rem; border-radius: 0.5rem; border: 1px solid #6b7785; }}
button {{ background: #1f5f99; border-color: #1f5f99; color: #fff; }}
[role=alert] {{ margin: 0; font-weight: 600; }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""
