"""Questions that are being answered, each in a thread of its own: a page that is reloaded or closed stops none of them.

A question is stored when it is asked, and its answer when it is complete. In between, the visitor's pages find it here.
"""

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import streamlit as st
from server import server
from visitor import current_owner, current_settings, open_store

from labourqa.answering.conversation import Turn
from labourqa.answering.question import MAX_READ_WORDS, check_question
from labourqa.answering.report import LoggedAnswer, Report
from labourqa.config import Settings
from labourqa.errors import LabourQAError, QuestionError, StoreError
from labourqa.law.edition import Edition
from labourqa.server.service import AnswerService, Question
from labourqa.store import Store

PROMPT_WORDS = 12  # that the model reads with each question, beside its own
MAX_RUNNING = 3  # questions of one visitor at the same time


class _Stopped(BaseException):
    """Raised from the progress of a question that its visitor stopped. No error: nothing on the way may catch it."""


@dataclass(frozen=True)
class Activity:
    """A part of the work on a question; `total` is 1 where `done` is a share."""

    done: float
    total: float
    started: float  # time.monotonic()


@dataclass(eq=False)
class Asking:
    """A question on its way to an answer. It is the labourqa.progress.Progress of that work."""

    question: str
    edition: Edition
    owner: str
    conversation: int | None  # None where conversations are not stored
    stored_as: int | None  # the id of the open question
    started: float = field(default_factory=time.monotonic)
    activities: dict[str, Activity] = field(default_factory=dict)  # by name, in the order of their beginnings
    text: str = ""  # of a written answer, as far as it is written
    answer: LoggedAnswer | None = None
    error: str = ""  # why there is no answer; or why it is not stored
    stopped: bool = False
    finished: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.stopped = True

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        if self.stopped:
            raise _Stopped
        before = self.activities.get(what)
        started = before.started if before else time.monotonic()
        self.activities[what] = Activity(done, float(total or 1), started)

    def show_text(self, piece: str) -> None:
        if self.stopped:
            raise _Stopped
        self.text += piece

    @property
    def is_stored(self) -> bool:
        """Whether the answer is found in its conversation."""
        return self.answer is not None and self.answer.id is not None


@st.cache_resource(show_spinner=False)
def _running() -> list[Asking]:
    """The questions of all visitors that are being answered, in the order in which they were asked."""
    return []


def find(conversation: int | None) -> Asking | None:
    """The question that is being answered in this conversation of the visitor."""
    owner = current_owner()
    running = [one for one in _running() if one.owner == owner and one.conversation == conversation]
    return running[-1] if running and conversation is not None else None


@st.cache_resource(show_spinner=False)
def _pace() -> dict[str, tuple[float, float]]:
    """What the latest question took on this machine, by the code's SHA-256: see `pace`."""
    return {}


def pace(edition: Edition) -> tuple[float, float] | None:
    """The seconds that a question to this edition takes, and those that each word of it adds; None if unknown."""
    return _pace().get(edition.sha256)


def _measure_pace(report: Report) -> tuple[float, float] | None:
    """None where the time does not depend on the question's length."""
    if not report.selection.read or report.reading_limit:
        return None
    words = min(len(report.resolved_question.split()), MAX_READ_WORDS)
    of_word = report.seconds.filter / (PROMPT_WORDS + words)
    return report.seconds.total - report.seconds.load - words * of_word, of_word


def count_before(asking: Asking) -> int:
    """How many questions of all visitors were asked before this one and are not answered yet."""
    running = _running()
    return running.index(asking) if asking in running else 0


def ask(
    question: str, edition: Edition, *, conversation: int | None, previous: Sequence[LoggedAnswer]
) -> Asking:
    """Store a question and begin to answer it. Raises QuestionError."""
    question = check_question(question)
    owner, settings = current_owner(), current_settings()
    assert owner is not None
    if sum(one.owner == owner for one in _running()) >= MAX_RUNNING:
        raise QuestionError("Your earlier questions are still being answered; wait for one of them.")
    stored_as = None
    if settings.log:
        # Where it cannot be stored now, it is answered all the same, and the answer may be stored later.
        with suppress(StoreError), open_store() as store:
            stored_as, conversation = store.conversations.open_question(question, conversation)
    asking = Asking(question, edition, owner, conversation, stored_as)
    _running().append(asking)
    turn = next((turn for one in reversed(previous) if (turn := one.report.turn)), None)
    arguments = (asking, settings, server(), turn, _running(), _pace())
    threading.Thread(target=_answer, args=arguments, daemon=True).start()
    return asking


def _answer(
    asking: Asking,
    settings: Settings,
    shared: AnswerService,
    previous: Turn | None,
    running: list[Asking],
    paces: dict[str, tuple[float, float]],
) -> None:
    """The thread's work. Its errors are sentences for the visitor, and bugs stand in the log."""
    try:
        # The queue stores nothing: the answer belongs to the question that was stored when it was asked.
        question = Question(
            asking.question, replace(settings, log=False), previous, asking.edition, asking.owner
        )
        report = shared.answer(question, client=asking.owner, progress=asking).report
        if measured := _measure_pace(report):
            paces[asking.edition.sha256] = measured
        asking.answer = LoggedAnswer(report, datetime.now(UTC).isoformat())
        if settings.log:
            with Store(settings.database, owner=asking.owner) as store:
                answer, asking.conversation = store.conversations.log(
                    report, asking.conversation, open_question=asking.stored_as
                )
                asking.answer = LoggedAnswer(report, asking.answer.asked_at, answer)
    except _Stopped:
        pass
    except StoreError as error:
        asking.error = (
            f"The question and the answer were not stored. {error}" if asking.answer else str(error)
        )
    except LabourQAError as error:
        asking.error = str(error)
    except MemoryError:
        asking.error = "There is not enough memory for this question; ask a shorter one."
    except Exception:  # the visitor must not wait forever, and the log says where it happened
        logging.getLogger("labourqa").exception("A question could not be answered")
        asking.error = "The question could not be answered; see the server's log."
    finally:
        running.remove(asking)
        asking.finished.set()
