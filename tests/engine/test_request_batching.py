"""Requests that wait for the model are scored together; each gets its own scores, progress and errors."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from labourqa.engine.prefix_cache import OpenPrefixCache
from labourqa.engine.prompts import Suffix
from labourqa.engine.request_batching import MAX_BATCH, RequestBatcher, ScoringRequest
from tests.engine.helpers import wait_for

pytestmark = pytest.mark.model  # torch is loaded

CACHE, OTHER_CACHE = (cast(OpenPrefixCache, object()) for _ in range(2))  # only their identity counts


def make_request(number: int, cache: OpenPrefixCache = CACHE, articles: int = 3) -> ScoringRequest:
    return ScoringRequest(cache, list(range(articles)), Suffix([number], targets=None))


def expected(number: int, articles: int = 3) -> list[float]:
    return [number + i / 10 for i in range(articles)]


@dataclass
class FakeModel:
    """Scores an article a pass for all requests; `gate` holds it before each of them."""

    batches: list[list[int]] = field(default_factory=list)  # the numbers of the requests scored together
    gate: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def score(self, requests: Sequence[ScoringRequest], show_progress: Callable[[], None]) -> None:
        self.batches.append([request.suffix.ids[0] for request in requests])
        for i in requests[0].indices:
            assert self.gate.wait(10)
            if self.error and i == 1:
                raise self.error
            for request in requests:
                request.scores.append(request.suffix.ids[0] + i / 10)
            show_progress()


@dataclass
class Caller:
    """A thread with one request."""

    batcher: RequestBatcher
    request: ScoringRequest
    leaves: bool = False  # at its first progress
    scores: list[float] | None = None
    error: BaseException | None = None
    read: list[int] = field(default_factory=list)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            self.scores = self.batcher.run(self.request, self._show_read)
        except (ConnectionError, MemoryError) as error:
            self.error = error

    def _show_read(self, more: int) -> None:
        if self.leaves:
            raise ConnectionError
        self.read.append(more)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


def run_behind_another(model: FakeModel, callers: Sequence[Caller]) -> Caller:
    """Let the callers wait while another one has the model, then let all of them run; returns the other one."""
    batcher = callers[0].batcher
    first = Caller(batcher, make_request(0))
    threads = [first.start()]
    wait_for(lambda: model.batches == [[0]])
    for i, caller in enumerate(callers, 1):
        threads.append(caller.start())
        wait_for(lambda i=i: batcher.waiting == i)
    model.gate.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert batcher.waiting == 0
    return first


def test_one_request_is_scored_at_once_and_its_progress_is_shown(model: FakeModel) -> None:
    model.gate.set()
    caller = Caller(RequestBatcher(model.score), make_request(7))
    caller.start().join(10)
    assert caller.scores == expected(7)
    assert caller.read == [1, 1, 1]


def test_requests_that_wait_are_scored_together_and_get_their_own_scores(model: FakeModel) -> None:
    batcher = RequestBatcher(model.score)
    callers = [Caller(batcher, make_request(number)) for number in (1, 2, 3)]
    first = run_behind_another(model, callers)
    assert [sorted(batch) for batch in model.batches] == [[0], [1, 2, 3]]
    assert first.scores == expected(0)
    for caller in callers:
        assert caller.scores == expected(caller.request.suffix.ids[0])
        assert sum(caller.read) == 3


def test_requests_over_other_articles_do_not_join(model: FakeModel) -> None:
    batcher = RequestBatcher(model.score)
    callers = [
        Caller(batcher, make_request(1)),
        Caller(batcher, make_request(2, OTHER_CACHE)),
        Caller(batcher, make_request(3, articles=2)),
    ]
    run_behind_another(model, callers)
    assert sorted(model.batches) == [[0], [1], [2], [3]]
    assert [caller.scores for caller in callers] == [expected(1), expected(2), expected(3, articles=2)]


def test_no_more_than_eight_requests_are_scored_together(model: FakeModel) -> None:
    batcher = RequestBatcher(model.score)
    callers = [Caller(batcher, make_request(number)) for number in range(1, MAX_BATCH + 3)]
    run_behind_another(model, callers)
    assert sorted(map(len, model.batches)) == [1, 2, MAX_BATCH]
    assert all(caller.scores == expected(caller.request.suffix.ids[0]) for caller in callers)


def test_a_client_that_disconnects_stops_only_its_own_request(model: FakeModel) -> None:
    batcher = RequestBatcher(model.score)
    callers = [Caller(batcher, make_request(number), leaves=number < 3) for number in (1, 2, 3)]
    run_behind_another(model, callers)
    assert [type(caller.error) for caller in callers] == [ConnectionError, ConnectionError, type(None)]
    assert callers[2].scores == expected(3)


def test_after_an_error_the_requests_that_joined_try_again_on_their_own(model: FakeModel) -> None:
    batcher = RequestBatcher(model.score)
    callers = [Caller(batcher, make_request(number)) for number in (1, 2)]
    first = Caller(batcher, make_request(0))
    threads = [first.start()]
    wait_for(lambda: model.batches == [[0]])
    threads += [caller.start() for caller in callers]
    wait_for(lambda: batcher.waiting == 2)
    model.error = MemoryError()
    model.gate.set()
    for thread in threads:
        thread.join(10)
    assert all(isinstance(caller.error, MemoryError) for caller in (first, *callers))
    assert batcher.waiting == 0
    model.error = None
    again = Caller(batcher, make_request(4))
    again.start().join(10)
    assert again.scores == expected(4)
