"""One queue for the questions of all clients: fair among them, bounded, and with a time limit for each question."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from labourqa.engine.request_batching import MAX_BATCH
from labourqa.errors import AnswerTimeoutError, BusyError
from labourqa.progress import Progress

WORKERS = MAX_BATCH  # questions at once: the engine scores as many in one pass
MAX_WAITING = 500  # of all clients together
FIRST_GUESS_SECONDS = 10.0  # of one answer, before any was measured
NEW_SHARE = 0.2  # of the latest duration in the moving average

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Waiting:
    """The question waits; `position` is how many are answered before it, plus 1."""

    position: int


@dataclass(frozen=True)
class Done:
    """`done` of `total` items of `what`; without a total, the share that is done, 0 to 1."""

    what: str
    done: float
    total: int | None


@dataclass(frozen=True)
class Text:
    """The next piece of a written answer."""

    piece: str


Event = Waiting | Done | Text
Listener = Callable[[Event], None]


class QuestionCancelledError(Exception):
    """Stops the work on a question that nobody waits for any more."""


class Ticket(Generic[Answer]):
    """A question that waits or is being answered: the Progress of its work, and the Future of its answer.

    `cancel` gives its place to the next one. The listener is called in a thread of the queue.
    """

    def __init__(
        self, client: str, work: Callable[[Progress], Answer], listener: Listener, *, seconds: float
    ) -> None:
        self.client = client
        self.work = work
        self.future: Future[Answer] = Future()
        self.created = time.monotonic()
        self._listener = listener
        self._seconds = seconds
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Does nothing when the answer is there."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raises AnswerTimeoutError or QuestionCancelledError when nobody waits for the answer any more."""
        if self._cancelled.is_set():
            raise QuestionCancelledError("The question was withdrawn.")
        if time.monotonic() - self.created > self._seconds:
            raise AnswerTimeoutError(
                f"The question was not answered within {self._seconds:.0f} seconds; ask it again later."
            )

    def show(self, event: Event) -> None:
        self._listener(event)

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        self.check()
        self.show(Done(what, done, total))

    def show_text(self, piece: str) -> None:
        self.check()
        self.show(Text(piece))


class QuestionQueue(Generic[Answer]):
    """Clients take turns: each time a thread is free, it answers the oldest question of the next client.

    So a client with many questions delays another one by as many questions as threads answer at once, not by all.
    """

    def __init__(self, *, waiting_per_client: int, seconds: float, workers: int = WORKERS) -> None:
        self._waiting_per_client = waiting_per_client
        self._seconds = seconds
        self._workers = workers
        self._waiting: OrderedDict[str, deque[Ticket[Answer]]] = OrderedDict()  # the next client first
        self._running = 0
        self._mean_seconds = FIRST_GUESS_SECONDS
        self._is_closed = False
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []  # started when they are first needed

    @property
    def waiting(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values()))

    @property
    def running(self) -> int:
        return self._running

    def submit(self, client: str, work: Callable[[Progress], Answer], listener: Listener) -> Ticket[Answer]:
        """Let `work` answer a question of `client` when its turn comes. Raises BusyError when too many wait."""
        ticket = Ticket(client, work, listener, seconds=self._seconds)
        with self._changed:
            if self._is_closed:
                raise BusyError("The server is shutting down; ask again later.", retry_after_seconds=30)
            self._drop_cancelled()
            free = self._workers - self._running  # threads that take a question in this moment
            of_client = len(self._waiting.get(client, ())) - free
            in_all = sum(map(len, self._waiting.values())) - free
            if of_client >= self._waiting_per_client or in_all >= MAX_WAITING:
                too_many = (
                    f"{of_client} questions of yours"
                    if of_client >= self._waiting_per_client
                    else f"{in_all} questions"
                )
                raise BusyError(
                    f"{too_many} wait already; ask again later.",
                    retry_after_seconds=self._expected_seconds(in_all),
                )
            self._waiting.setdefault(client, deque()).append(ticket)
            if len(self._threads) < self._workers:
                self._threads.append(threading.Thread(target=self._answer_all, name="question", daemon=True))
                self._threads[-1].start()
            position = in_all + 1
            self._changed.notify()
        if position > 0:
            ticket.show(Waiting(position))
        return ticket

    def close(self, *, timeout: float | None = None) -> None:
        """Take no more questions and wait until those that were taken are answered."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _expected_seconds(self, waiting: int) -> int:
        """Until a place is free."""
        return max(1, round(self._mean_seconds * (1 + waiting / self._workers)))

    def _drop_cancelled(self) -> None:
        for client in list(self._waiting):
            tickets = self._waiting[client]
            for ticket in [one for one in tickets if one.is_cancelled]:
                tickets.remove(ticket)
                ticket.future.cancel()
            if not tickets:
                del self._waiting[client]

    def _answer_all(self) -> None:
        while ticket := self._take():
            started = time.monotonic()
            try:
                ticket.check()
                answer = ticket.work(ticket)
            except BaseException as error:  # noqa: BLE001  # whoever waits for the answer gets it
                ticket.future.set_exception(error)
            else:
                ticket.future.set_result(answer)
                seconds = time.monotonic() - started
                self._mean_seconds += NEW_SHARE * (seconds - self._mean_seconds)
            finally:
                with self._changed:
                    self._running -= 1

    def _take(self) -> Ticket[Answer] | None:
        """The next question; None when the queue is closed and empty."""
        with self._changed:
            while True:
                self._drop_cancelled()
                if self._waiting:
                    break
                if self._is_closed:
                    return None
                self._changed.wait()
            client, tickets = self._waiting.popitem(last=False)
            ticket = tickets.popleft()
            if tickets:
                self._waiting[client] = tickets  # to the end of the row
            ticket.future.set_running_or_notify_cancel()
            self._running += 1
            return ticket
