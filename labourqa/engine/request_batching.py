"""Questions that arrive while the model is busy are collected and scored together in one pass over the articles."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labourqa.engine.prompts import Suffix

if TYPE_CHECKING:  # both import torch, which the queue of a server does without
    from labourqa.engine.prefix_cache import OpenPrefixCache
    from labourqa.engine.prefix_files import OpenPrefixFiles

MAX_BATCH = 8  # questions in one pass
POLL_SECONDS = 0.05  # between two looks at the progress of a pass that another thread runs


@dataclass(eq=False)
class ScoringRequest:
    """A question that waits to be scored against cached prefixes, or is being scored."""

    prefix_cache: "OpenPrefixCache | OpenPrefixFiles"
    indices: list[int]  # of the articles in the cache
    suffix: Suffix
    scores: list[float] = field(default_factory=list)  # filled in the order of `indices`
    finished: threading.Event = field(default_factory=threading.Event)

    def can_join(self, other: "ScoringRequest") -> bool:
        return self.prefix_cache is other.prefix_cache and self.indices == other.indices


# Scores the requests, all over the same articles, and calls its second argument when more scores are there.
ScoreTogether = Callable[[Sequence[ScoringRequest], Callable[[], None]], None]


class RequestBatcher:
    """One thread at a time runs the model: that of the oldest request, for it and for those that can join it.

    Every request's thread reports its own progress, so a client that disconnects stops only its own request.
    """

    def __init__(self, score: ScoreTogether) -> None:
        self._score = score
        self._leader = threading.Lock()  # held by the thread that runs the model
        self._waiting: list[ScoringRequest] = []

    @property
    def waiting(self) -> int:
        """Requests that wait for the model."""
        return len(self._waiting)

    def run(self, request: ScoringRequest, show_read: Callable[[int], None]) -> list[float]:
        """The scores of the request's articles; `show_read` receives how many more were read.

        It is called while the request waits, too, with 0: an exception that it raises withdraws the request.
        """
        self._waiting.append(request)
        shown = 0

        def show_progress() -> None:
            nonlocal shown
            more = len(request.scores) - shown
            shown += more
            show_read(more)

        try:
            while not request.finished.is_set():
                if next(iter(self._waiting), None) is not request:
                    request.finished.wait(POLL_SECONDS)
                elif self._leader.acquire(timeout=POLL_SECONDS):
                    try:
                        if not request.finished.is_set():
                            self._score_waiting(request, show_progress)
                    finally:
                        self._leader.release()
                show_progress()
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
        return request.scores

    def _score_waiting(self, request: ScoringRequest, show_progress: Callable[[], None]) -> None:
        joining = [other for other in self._waiting if other is not request and other.can_join(request)]
        batch = [request, *joining[: MAX_BATCH - 1]]
        for one in batch:
            self._waiting.remove(one)
        try:
            self._score(batch, show_progress)
        except BaseException:
            for other in batch[1:]:  # each of them tries again on its own
                other.scores.clear()
                self._waiting.append(other)
            raise
        for one in batch:
            one.finished.set()
