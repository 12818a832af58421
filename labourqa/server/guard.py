"""What stands before every request: the key, the names under which the server is known, and the requests a minute."""

import base64
import hmac
import logging
import time
from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labourqa.errors import BusyError
from labourqa.server.metrics import Metrics
from labourqa.server.problems import respond, respond_to_error
from labourqa.server.request_rate import RequestRate

_log = logging.getLogger(__name__)

LIVE_PATH = "/health/live"  # answers without a key, so that a supervisor can ask
# The page loads many files for one visit and takes large files, so limits are for the interfaces alone.
API_PREFIXES = (
    "/ask", "/codes", "/articles", "/search", "/diff", "/v1/", "/mcp", "/metrics", "/health", "/docs", "/openapi.json",
)  # fmt: skip
MAX_BODY_BYTES = 1024 * 1024  # chat clients send the whole conversation each time
PAGE_ROUTE = "page"  # stands in the metrics for all addresses of the page


def client_of(scope: Scope) -> str:
    """Who sends the request: its address on the network."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


class Guard:
    """An ASGI application around another one; it logs and counts every request, too.

    A key is sent as `Authorization: Bearer KEY`, or by a browser as the password of its own dialogue.
    """

    def __init__(
        self, app: ASGIApp, *, key: str, rate: RequestRate, metrics: Metrics, hosts: Collection[str] | None
    ) -> None:
        """`key`: "" for none. `hosts`: the names in the Host header that are accepted, None for all."""
        self._app = app
        self._key = key
        self._rate = rate
        self._metrics = metrics
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse(scope["path"], client_of(scope), headers)
        if scope["type"] == "websocket":
            if refusal:
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_and_remember(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        if scope["path"].startswith(API_PREFIXES):
            receive = _limit_body(receive, headers)
        try:
            await (refusal or self._app)(scope, receive, send_and_remember)
        except Exception:
            _log.exception("A request failed.")
            if not status:
                raise
        finally:
            self._log_request(scope, status, time.perf_counter() - started)

    def _refuse(self, path: str, client: str, headers: Headers) -> ASGIApp | None:
        """The answer to a request that is not let in; None for the others."""
        if self._hosts is not None and _host_name(headers.get("host", "")) not in self._hosts:
            # A page of another site whose name resolves to this machine (DNS rebinding) is kept out.
            sentence = "This server answers only under the name of this machine; use http://127.0.0.1."
            return respond(path, HTTPStatus.MISDIRECTED_REQUEST, sentence)
        if not path.startswith(API_PREFIXES) or path == LIVE_PATH:
            return None  # the page has its own access control
        try:
            self._rate.count(client)  # wrong keys, too, so that keys cannot be tried out quickly
        except BusyError as error:
            return respond_to_error(path, error)
        if self._key and not self._has_key(headers.get("authorization", "")):
            sentence = "The key is missing or wrong; send it as Authorization: Bearer KEY."
            return respond(
                path, HTTPStatus.UNAUTHORIZED, sentence, {"WWW-Authenticate": 'Basic realm="labourqa"'}
            )
        return None

    def _has_key(self, authorization: str) -> bool:
        scheme, _, sent = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                sent = base64.b64decode(sent, validate=True).decode().partition(":")[2]
            except ValueError:  # neither Base64 nor UTF-8
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(sent.strip().encode(), self._key.encode())

    def _log_request(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        matched = getattr(scope.get("route"), "path", "")
        route = matched or (path if path.startswith("/mcp") else PAGE_ROUTE)
        self._metrics.count_request(scope["method"], route, status)
        if route == PAGE_ROUTE:
            return
        # Without the query string, which may hold what somebody looks for.
        fields = {
            "method": scope["method"],
            "path": path,
            "status": status,
            "seconds": round(seconds, 3),
            "client": client_of(scope),
        }
        _log.info("request", extra={"fields": fields})


def _limit_body(receive: Receive, headers: Headers) -> Receive:
    """`receive`, which raises HTTPException for a body that is too large."""
    too_large = HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    announced = headers.get("content-length", "")
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
            raise too_large
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise too_large
        return message

    return receive_limited


def _host_name(host: str) -> str:
    """The Host header without its port."""
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
