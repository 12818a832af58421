"""Requests to one OpenAI-compatible server: retries, a bounded number at once, one sentence for every failure."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from labourqa.errors import EngineError

TIMEOUT = httpx2.Timeout(300.0, connect=10.0)  # seconds
REFUSED_PATIENCE_SECONDS = 5.0  # where nothing listens, which is mostly a wrong address
FIRST_DELAY_SECONDS = 0.5  # before the second attempt; it doubles for each further one
LONGEST_DELAY_SECONDS = 30.0
OVERLOADED = frozenset({429, 503})
TRANSIENT = OVERLOADED | {500, 502, 504, 529}
START_CONCURRENCY = 8
MAX_CONCURRENCY = 32


class ServerError(EngineError):
    """A server failed: it is gone, refuses the request, or answers what cannot be read."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        """`is_final`: the server will answer the same request in the same way."""
        super().__init__(message)
        self.is_final = is_final


class ConcurrencyLimit:
    """How many requests run at once: one more after each round of answers, half as many under overload.

    This is additive increase and multiplicative decrease, as TCP does it.
    """

    def __init__(self, start: int = START_CONCURRENCY, most: int = MAX_CONCURRENCY) -> None:
        self.limit = start
        self._most = most
        self._running = 0
        self._arrived = self._admitted = 0  # requests so far
        self._answers = 0  # since the limit last changed
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a free place and hold it; who has waited longest is next."""
        with self._changed:
            number = self._arrived
            self._arrived += 1
            self._changed.wait_for(lambda: number == self._admitted and self._running < self.limit)
            self._running += 1
            self._admitted += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def answered(self) -> None:
        with self._changed:
            self._answers += 1
            if self._answers >= self.limit and self.limit < self._most:
                self.limit, self._answers = self.limit + 1, 0
                self._changed.notify_all()

    def overloaded(self) -> None:
        with self._changed:
            # A whole round is rejected at once; only the first rejection of a round counts.
            if self._answers:
                self.limit, self._answers = max(1, self.limit // 2), 0


class ServerClient:
    """Every method raises ServerError; nothing that is asked changes the server, so everything may be repeated."""

    def __init__(self, url: str, *, api_key: str, patience_seconds: float) -> None:
        """`url` is the address with /v1; failures that may pass are repeated for `patience_seconds`."""
        self.url = url.rstrip("/")
        self.limit = ConcurrencyLimit()
        self._root = self.url.removesuffix("/v1")
        self._patience_seconds = patience_seconds
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=MAX_CONCURRENCY)
        self._http = httpx2.Client(timeout=TIMEOUT, headers=headers, limits=limits)

    def get(self, path: str) -> Any:
        """The JSON document at `path` below /v1, asked for once more only while the server is overloaded or starts."""
        return self._read(self._send("GET", f"{self.url}/{path}", repeated=OVERLOADED))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON document that answers `body`; a path that begins with / is not below /v1."""
        url = f"{self._root}{path}" if path.startswith("/") else f"{self.url}/{path}"
        return self._read(self._send("POST", url, body))

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[str]:
        """Yield the lines of an answer as they come. The request is repeated, a stream that breaks off is not."""
        with self.limit.place():
            response = self._send_once("POST", f"{self.url}/{path}", body, stream=True)
            try:
                yield from response.iter_lines()
            except httpx2.HTTPError as error:
                raise ServerError(f"{self.url} broke off its answer; ask again.") from error
            finally:
                response.close()

    def nonsense(self, error: Exception) -> ServerError:
        """The error for an answer that cannot be read."""
        return ServerError(
            f"{self.url} answers in a form that is not OpenAI's ({type(error).__name__}).", is_final=True
        )

    def _send(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None = None,
        *,
        repeated: frozenset[int] = TRANSIENT,
    ) -> httpx2.Response:
        with self.limit.place():
            response = self._send_once(method, url, body, repeated=repeated)
            self.limit.answered()
            return response

    def _send_once(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None,
        *,
        stream: bool = False,
        repeated: frozenset[int] = TRANSIENT,
    ) -> httpx2.Response:
        """The answer with status 200, after as many attempts as patience allows.

        A lost connection and a status among `repeated` lead to another attempt.
        """
        started, patience = time.monotonic(), self._patience_seconds
        delay = FIRST_DELAY_SECONDS
        while True:
            failure, wait = "", 0.0
            try:
                response = self._http.send(self._http.build_request(method, url, json=body), stream=stream)
                if response.is_success:
                    return response
                failure = self._describe_refusal(response)
                if response.status_code in OVERLOADED:
                    self.limit.overloaded()
                if response.status_code not in repeated:
                    raise ServerError(failure, is_final=True)
                wait = _retry_after(response)
                cause: Exception | None = None
            except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
                failure = f"{self.url} does not answer ({error or type(error).__name__}); check that the server runs."
                cause = error
                if isinstance(error, httpx2.ConnectError):
                    patience = min(patience, REFUSED_PATIENCE_SECONDS)
            wait = max(wait, delay * random.uniform(0.5, 1.0))  # noqa: S311  # spreads the attempts
            if time.monotonic() + wait > started + patience:
                raise ServerError(failure) from cause
            time.sleep(min(wait, LONGEST_DELAY_SECONDS))
            delay *= 2

    def _describe_refusal(self, response: httpx2.Response) -> str:
        message = ""
        try:
            response.read()
            document = response.json()
            error = document.get("error", document)
            message = str(error.get("message") if isinstance(error, dict) else error)[:200]
        except (httpx2.HTTPError, ValueError, AttributeError):
            pass
        finally:
            response.close()
        advice = (
            "check the model's name and LABOURQA_API_KEY" if response.status_code < 500 else "ask again later"
        )
        said = f": {message.rstrip('.')}" if message and message != "None" else ""
        return f"{self.url} refuses the request (status {response.status_code}{said}); {advice}."

    def _read(self, response: httpx2.Response) -> Any:
        try:
            return json.loads(response.content)
        except ValueError as error:
            raise self.nonsense(error) from error


def _retry_after(response: httpx2.Response) -> float:
    """The seconds that the server asks to wait; 0 if it does not, or names a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.replace(".", "", 1).isdigit() else 0.0
