"""A question of the queue, followed from an event loop."""

import asyncio
import time
from collections.abc import AsyncGenerator
from concurrent.futures import CancelledError
from contextlib import aclosing, suppress

from fastapi import Request

from labourqa.server.question_queue import Done, Event, QuestionCancelledError
from labourqa.server.service import AnswerService, LoggedReport, Question

SECONDS_BETWEEN_EVENTS = 0.1  # of the same activity: the model reports more often than anybody can read
SILENT_SECONDS = 0.5  # after which a time limit or a client that is gone is noticed


class RunningQuestion:
    """Submits a question and makes its events and its answer awaitable."""

    def __init__(self, service: AnswerService, question: Question, *, client: str) -> None:
        """Raises QuestionError or BusyError."""
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._last_shown: Event | None = None
        self._last_shown_at = 0.0
        self._ticket = service.submit(question, client=client, listener=self._listen)
        self._ticket.future.add_done_callback(lambda _: self._put(None))

    async def events(self) -> AsyncGenerator[Event | None]:
        """Everything that happens until the answer is there; None when nothing happened for SILENT_SECONDS.

        Raises what the question's work raised, or AnswerTimeoutError. Withdraws the question when it is closed early.
        """
        try:
            while not self._ticket.future.done() or not self._events.empty():
                event = None
                with suppress(TimeoutError):
                    event = await asyncio.wait_for(self._events.get(), SILENT_SECONDS)
                    if event is None:  # the answer is there
                        continue
                if event is None:
                    self._ticket.check()
                yield event
        finally:
            self._ticket.cancel()

    @property
    def answer(self) -> LoggedReport:
        """Once `events` has ended. Raises what the question's work raised."""
        try:
            return self._ticket.future.result(timeout=0)
        except CancelledError as error:
            raise QuestionCancelledError("The question was withdrawn.") from error

    async def wait(self, request: Request) -> LoggedReport:
        """The answer. Raises QuestionCancelledError when the client has gone away."""
        looked = time.monotonic()
        async with aclosing(self.events()) as events:
            async for _ in events:
                if time.monotonic() - looked < SILENT_SECONDS:
                    continue
                looked = time.monotonic()
                if await request.is_disconnected():
                    raise QuestionCancelledError("The client has gone away.")
        return self.answer

    def _listen(self, event: Event) -> None:
        """Pass an event to the loop, unless the same activity was shown just before; called in another thread."""
        last, now = self._last_shown, time.monotonic()
        if isinstance(event, Done) and isinstance(last, Done) and event.what == last.what:
            is_complete = event.done >= (event.total or 1)
            if event == last or (now - self._last_shown_at < SECONDS_BETWEEN_EVENTS and not is_complete):
                return
        self._last_shown, self._last_shown_at = event, now
        self._put(event)

    def _put(self, event: Event | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
