"""The queue: turns, limits, cancelling, time limit and closing, with real threads."""

import threading
import time
from collections.abc import Callable

import pytest

from labourqa.errors import AnswerTimeoutError, BusyError
from labourqa.progress import Progress
from labourqa.server.question_queue import Event, QuestionCancelledError, QuestionQueue, Text, Ticket, Waiting

ONE_AT_A_TIME = 1


class Gate:
    """Work that waits until it is opened, and remembers the order in which it was done."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.done: list[str] = []

    def work(self, name: str) -> Callable[[Progress], str]:
        def answer(progress: Progress) -> str:
            while not self.opened.wait(0.01):
                progress.show_done("articles read", 0, 3)
            self.done.append(name)
            return name

        return answer


def make_queue(*, waiting: int = 50, seconds: float = 30, workers: int = ONE_AT_A_TIME) -> QuestionQueue[str]:
    return QuestionQueue(waiting_per_client=waiting, seconds=seconds, workers=workers)


def ignore(event: Event) -> None:
    pass


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_clients_take_turns() -> None:
    queue, gate = make_queue(), Gate()
    first = queue.submit("busy", gate.work("busy 0"), ignore)
    wait_until(lambda: queue.running == 1)
    tickets = [queue.submit("busy", gate.work(f"busy {number}"), ignore) for number in range(1, 5)]
    tickets += [queue.submit(client, gate.work(client), ignore) for client in ("second", "third")]
    gate.opened.set()
    assert {ticket.future.result(10) for ticket in [first, *tickets]} == set(gate.done)
    assert gate.done == ["busy 0", "busy 1", "second", "third", "busy 2", "busy 3", "busy 4"]


def test_a_client_has_so_many_questions_waiting_and_others_still_get_in() -> None:
    queue, gate = make_queue(waiting=2), Gate()
    running = queue.submit("one", gate.work("running"), ignore)
    wait_until(lambda: queue.running == 1)
    for name in ("a", "b"):
        queue.submit("one", gate.work(name), ignore)
    with pytest.raises(BusyError, match="2 questions of yours wait already") as raised:
        queue.submit("one", gate.work("c"), ignore)
    assert raised.value.retry_after_seconds >= 1
    other = queue.submit("other", gate.work("other"), ignore)
    gate.opened.set()
    assert other.future.result(10) == "other"
    assert running.future.result(10) == "running"


def test_a_question_that_waits_knows_its_place() -> None:
    queue, gate = make_queue(), Gate()
    queue.submit("one", gate.work("running"), ignore)
    wait_until(lambda: queue.running == 1)
    events: list[Event] = []
    for name in ("a", "b"):
        queue.submit(name, gate.work(name), events.append)
    assert events == [Waiting(1), Waiting(2)]
    gate.opened.set()
    queue.close()


def test_a_cancelled_question_frees_its_place_whether_it_waits_or_runs() -> None:
    queue, gate = make_queue(waiting=1), Gate()
    running = queue.submit("one", gate.work("running"), ignore)
    wait_until(lambda: queue.running == 1)
    waiting = queue.submit("one", gate.work("waiting"), ignore)
    waiting.cancel()
    after = queue.submit("one", gate.work("after"), ignore)  # its place is free
    running.cancel()
    with pytest.raises(QuestionCancelledError):
        running.future.result(10)
    gate.opened.set()
    assert after.future.result(10) == "after"
    assert gate.done == ["after"]
    assert waiting.future.cancelled()


def test_a_question_that_takes_too_long_is_given_up() -> None:
    queue, gate = make_queue(seconds=0.1), Gate()
    ticket = queue.submit("one", gate.work("never"), ignore)
    with pytest.raises(AnswerTimeoutError, match=r"not answered within 0 seconds"):
        ticket.future.result(10)
    assert queue.running == 0


def test_an_error_reaches_the_client_and_the_next_question_is_answered() -> None:
    queue = make_queue()

    def fail(progress: Progress) -> str:
        progress.show_text("a piece")
        raise ValueError("a bug")

    events: list[Event] = []
    failed = queue.submit("one", fail, events.append)
    with pytest.raises(ValueError, match="a bug"):
        failed.future.result(10)
    assert events == [Text("a piece")]
    assert queue.submit("one", lambda _: "answer", ignore).future.result(10) == "answer"


def test_closing_answers_what_was_taken_and_takes_no_more() -> None:
    queue, gate = make_queue(), Gate()
    tickets = [queue.submit(client, gate.work(client), ignore) for client in "abc"]
    closing = threading.Thread(target=queue.close)
    closing.start()
    wait_until(lambda: _refuses(queue))
    gate.opened.set()
    closing.join(10)
    assert sorted(ticket.future.result(0) for ticket in tickets) == ["a", "b", "c"]


def test_as_many_questions_as_threads_are_answered_at_once_and_each_of_many_once() -> None:
    queue = make_queue(workers=8)
    meeting = threading.Barrier(8, timeout=10)

    def meet(progress: Progress) -> str:
        meeting.wait()
        return "met"

    tickets: list[Ticket[str]] = [queue.submit(str(client), meet, ignore) for client in range(48)]
    assert [ticket.future.result(20) for ticket in tickets] == ["met"] * 48


def _refuses(queue: QuestionQueue[str]) -> bool:
    try:
        queue.submit("late", lambda _: "late", ignore)
    except BusyError:
        return True
    return False
