"""Answers the questions of all clients of one process: the page, HTTP and the Model Context Protocol."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue

from labourqa.answering.conversation import Turn
from labourqa.answering.question import check_question
from labourqa.answering.report import Report
from labourqa.config import Settings
from labourqa.engine.startup import Models
from labourqa.errors import StoreError
from labourqa.law.edition import Edition
from labourqa.pipeline import Assistant
from labourqa.progress import Progress
from labourqa.server.codes import find_edition
from labourqa.server.loading import ModelLoading
from labourqa.server.metrics import Metrics
from labourqa.server.question_queue import Done, Event, Listener, QuestionQueue, Text, Ticket, Waiting
from labourqa.server.request_rate import RequestRate
from labourqa.store import Store
from labourqa.store.owners import CLIENTS, LOCAL

_log = logging.getLogger(__name__)
LOADING_POLL_SECONDS = 0.5  # between two looks at models that are being loaded
# Beside an answer that the database could not take; why it could not stands in the server's log.
NOT_RECORDED = "The question and the answer were not recorded on the server."
SILENT_SECONDS = (
    0.5  # after which the last progress is shown again: a visitor of the page may have stopped it
)


@dataclass(frozen=True)
class Question:
    """A question with what its client chose for it."""

    text: str
    settings: Settings
    previous: Turn | None = None  # the question that it may follow up
    edition: Edition | None = None  # None: the one that the settings name
    owner: str = CLIENTS  # of the conversation
    conversation: int | None = None  # in which the answer is logged; None: a new one


@dataclass(frozen=True)
class LoggedReport:
    """A report, and its ids in the database; None if it is not logged."""

    report: Report
    answer: int | None = None
    conversation: int | None = None


class AnswerService:
    """Holds the models, the queue and the limits. Methods may be called from several threads."""

    def __init__(
        self, settings: Settings, *, models: Models | None = None, log_questions: bool = False
    ) -> None:
        """Without `models`, those of the settings are loaded when `start` is called."""
        self.loading = ModelLoading(settings, models)
        self.log_questions = log_questions
        self.rate = RequestRate(settings.requests_per_minute)
        self.queue = QuestionQueue[LoggedReport](
            waiting_per_client=settings.waiting_questions, seconds=settings.question_seconds
        )
        self.metrics = Metrics(self.queue, settings.prefix_caches)

    @property
    def settings(self) -> Settings:
        """Those with which the models were loaded."""
        return self.loading.settings

    def start(self) -> None:
        """Load the models in the background."""
        self.loading.start()

    def load(self, settings: Settings) -> None:
        """Replace the models by those of `settings`, or load the same ones again."""
        self.loading = ModelLoading(settings)

    def close(self) -> None:
        """Take no more questions and wait until those that were taken are answered."""
        self.queue.close()

    def submit(self, question: Question, *, client: str, listener: Listener) -> Ticket[LoggedReport]:
        """Answer the question when its turn comes. Raises QuestionError or BusyError."""
        check_question(question.text)  # before it waits
        return self.queue.submit(client, partial(self._answer, question, time.monotonic()), listener)

    def answer(self, question: Question, *, client: str, progress: Progress) -> LoggedReport:
        """Answer the question when its turn comes, and wait for it.

        Progress is shown in the caller's thread; an exception that it raises withdraws the question.
        Raises QuestionError, BusyError, AnswerTimeoutError and what `Assistant.ask` raises.
        """
        self.rate.count(client)
        events: SimpleQueue[Event | None] = SimpleQueue()
        ticket = self.submit(question, client=client, listener=events.put)
        ticket.future.add_done_callback(lambda _: events.put(None))
        last: Event | None = None
        try:
            while not ticket.future.done() or not events.empty():
                try:
                    event = events.get(timeout=SILENT_SECONDS)
                except Empty:
                    ticket.check()
                    event = last
                if event is not None:
                    show_event(event, progress)
                    last = None if isinstance(event, Text) else event
            return ticket.future.result()
        finally:
            ticket.cancel()

    @contextmanager
    def open_assistant(self, settings: Settings | None = None) -> Iterator[Assistant]:
        """An assistant for this thread, for what needs no model."""
        with Store(self.settings.database) as store:
            yield Assistant(settings or self.settings, store, models=self.loading.models)

    def find_edition(self, wanted: str) -> Edition:
        """The edition of a code's id or name, as labourqa.server.codes finds it. Raises NoEditionError."""
        with self.open_assistant() as assistant:
            return find_edition(assistant, wanted)

    def _answer(self, question: Question, submitted: float, progress: Progress) -> LoggedReport:
        waited = time.monotonic() - submitted
        models = self._wait_for_models(progress)
        # Clients ask the codes of the owner of the machine, who started the server.
        with Store(
            self.settings.database, owner=LOCAL if question.owner == CLIENTS else question.owner
        ) as store:
            assistant = Assistant(question.settings, store, models=models, progress=progress)
            report = assistant.ask(question.text, previous=question.previous, edition=question.edition)
        logged = LoggedReport(report)
        if question.settings.log:
            try:
                with Store(self.settings.database, owner=question.owner) as store:
                    logged = LoggedReport(report, *store.conversations.log(report, question.conversation))
            except StoreError as error:
                _log.warning("An answer was not recorded in the history: %s", error)
                logged = LoggedReport(replace(report, notices=(*report.notices, NOT_RECORDED)))
        self.metrics.count_answer(report, waited)
        asked = {"question": report.question} if self.log_questions else {}
        _log.info(
            "answered",
            extra={
                "fields": {
                    **asked,
                    "code": report.run.edition.code,
                    "kind": report.answer.kind,
                    "waited_seconds": round(waited, 3),
                    "seconds": round(report.seconds.total, 3),
                }
            },
        )
        return logged

    def _wait_for_models(self, progress: Progress) -> Models:
        loading = self.loading
        while (models := loading.wait(LOADING_POLL_SECONDS)) is None:
            progress.show_done(loading.activity, loading.share)
        return models


def show_event(event: Event, progress: Progress) -> None:
    match event:
        case Waiting(position):
            progress.show_done("questions before this one", 0, position)
        case Done(what, done, total):
            progress.show_done(what, done, total)
        case Text(piece):
            progress.show_text(piece)


_shared: AnswerService | None = None


def share_service(service: AnswerService | None) -> None:
    """Let the page, which this process serves too, use the same models, queue and limits."""
    global _shared  # Streamlit runs the page's script without arguments
    _shared = service


def shared_service() -> AnswerService | None:
    """The service that this process shares; None where the page is served alone."""
    return _shared
