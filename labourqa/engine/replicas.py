"""Several servers with the same model: each article has its own server, whose prefix cache then holds it.

Articles are assigned by consistent hashing (Karger et al. 1997): when a server fails, only its articles move.
"""

import hashlib
import logging
import time
from bisect import bisect
from collections.abc import Callable, Sequence
from typing import TypeVar

from labourqa.engine.server_client import ServerClient, ServerError

POINTS = 128  # of each server on the ring; with 3 servers, shares then differ by about a tenth
OUT_SECONDS = 30.0  # for which a server that failed gets no requests
Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


class HashRing:
    """Assigns keys to names."""

    def __init__(self, names: Sequence[str]) -> None:
        points = sorted((_hash(f"{name} {i}"), name) for name in names for i in range(POINTS))
        self._hashes = [position for position, _ in points]
        self._names = [name for _, name in points]
        self._count = len(set(names))

    def order(self, key: str) -> list[str]:
        """All names; the first is the key's own, the second takes over when it fails, and so on."""
        start = bisect(self._hashes, _hash(key))
        found: dict[str, None] = {}
        for i in range(len(self._names)):
            found.setdefault(self._names[(start + i) % len(self._names)])
            if len(found) == self._count:
                break
        return list(found)


class Replicas:
    """Sends each request to the server of its key, or to the next one when that server fails."""

    def __init__(self, clients: Sequence[ServerClient]) -> None:
        self._clients = {client.url: client for client in clients}
        self._ring = HashRing(list(self._clients))
        self._out_until: dict[str, float] = {}

    @property
    def clients(self) -> list[ServerClient]:
        return list(self._clients.values())

    def order(self, key: str) -> list[str]:
        """The servers' addresses in the order in which they are asked for `key`."""
        return self._ring.order(key)

    def run(self, key: str, request: Callable[[ServerClient], Answer]) -> Answer:
        """What `request` returns. Raises ServerError when it fails on every server."""
        names = self.order(key)
        now = time.monotonic()
        in_use = [name for name in names if self._out_until.get(name, 0.0) <= now]
        failure: ServerError | None = None
        # Servers that are out come last: one of them may be back.
        for name in in_use + [name for name in names if name not in in_use]:
            try:
                answer = request(self._clients[name])
            except ServerError as error:
                failure = error
                self._leave_out(name, error)
            else:
                self._out_until.pop(name, None)
                return answer
        assert failure is not None
        if len(names) == 1:
            raise failure
        raise ServerError(f"None of the {len(names)} servers answers; the last says: {failure}") from failure

    def _leave_out(self, name: str, error: ServerError) -> None:
        now = time.monotonic()
        if len(self._clients) > 1 and self._out_until.get(name, 0.0) <= now:
            _log.warning("%s Its articles go to the other servers for %d seconds.", error, OUT_SECONDS)
            self._out_until[name] = now + OUT_SECONDS


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
