"""The chat: ask a question, see the answers of the conversation, export it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import answer_view
import edition_chooser
import streamlit as st
from messages import ProgressBars, user_errors
from server import wait_for_models
from visitor import current_edition, current_settings, find_edition, open_store

from labourqa.answering.export import NOTICE, to_docx, to_json, to_markdown
from labourqa.answering.question import MAX_QUESTION_CHARACTERS, check_question
from labourqa.answering.report import LoggedAnswer
from labourqa.config import REFERENCE_CASES
from labourqa.evaluation.cases import read_cases
from labourqa.files import safe_file_name
from labourqa.law.edition import Edition
from labourqa.pipeline import Assistant
from labourqa.text import escape_markdown

ASSISTANT_AVATAR = ":material/balance:"
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

# The session state holds `conversation` (its id in the database, None before its first logged answer), its `answers`,
# and while a question is answered, or after it was stopped, that question as `asking`. A question from a button is
# `pending` until the next run of this page.


def show() -> None:
    conversation = _load_conversation()
    answers: list[LoggedAnswer] = st.session_state.answers
    welcome = st.empty()  # the first question takes its place
    for number, answer in enumerate(answers):
        with st.chat_message("user"):
            st.text(answer.report.question)
        with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
            answer_view.show_answer(answer, f"answer-{conversation}-{number}")
    if answers:
        _show_export(_conversation_title(conversation), answers)
    edition = _find_edition(answers)
    with st.bottom:
        _show_edition(edition, answers)
        typed = st.chat_input(
            "Ask a follow-up or a new question" if answers else "Ask a question in plain words",
            max_chars=MAX_QUESTION_CHARACTERS,
            submit_mode="disable",
            disabled=edition is None,
            key="question",
        )
    question = typed or st.session_state.pop("pending", None)
    if question and edition:
        _ask(question, conversation, edition)
    elif "asking" in st.session_state:
        _show_stopped(st.session_state.asking)
    elif not answers:
        with welcome.container():
            _show_welcome()


def _load_conversation() -> int | None:
    """Load the conversation that the address names into the session; None for a new one."""
    in_address = st.query_params.get("conversation", "")
    conversation = int(in_address) if re.fullmatch("[0-9]{1,15}", in_address) else None
    state = st.session_state
    if "answers" not in state or (conversation is not None and conversation != state.get("conversation")):
        with open_store() as store:
            state.answers = store.conversations.answers(conversation) if conversation else []
        state.conversation = conversation if state.answers else None
        if in_address and not state.answers:  # it was erased, or never existed
            del st.query_params["conversation"]
            in_address = ""
    loaded: int | None = state.get("conversation")
    if loaded and not in_address:
        st.query_params["conversation"] = str(loaded)
    return loaded


def _find_edition(answers: Sequence[LoggedAnswer]) -> Edition | None:
    """The edition of the conversation, or the visitor's for a new one; None if the conversation's was removed."""
    with open_store() as store:
        return find_edition(store, answers[-1].report.run.edition) if answers else current_edition(store)


def _show_edition(edition: Edition | None, answers: Sequence[LoggedAnswer]) -> None:
    """Which edition answers; a new conversation may choose another one."""
    if not answers:
        assert edition is not None
        edition_chooser.show(edition, "ask-edition")
    elif edition:
        st.caption(
            f":material/gavel: {escape_markdown(f'{edition.code}, {edition_chooser.describe_version(edition)}')}",
            help="A conversation stays with its code. Start a new conversation to ask another one.",
        )
    else:
        removed = answers[-1].report.run.edition
        st.caption(
            escape_markdown(
                f"{removed} is no longer stored. Start a new conversation, or add the file again."
            )
        )


def _conversation_title(conversation: int | None) -> str:
    with open_store() as store:
        title = store.conversations.title(conversation) if conversation else ""
    return title or "Questions on the labour code"


def _show_welcome() -> None:
    st.title("Ask the labour code", anchor=False)
    st.markdown(
        "A language model on this machine reads **every article** for your question. The answer rests on the articles "
        f"that matter and names them. {NOTICE}"
    )
    st.markdown("For example:")
    for case in read_cases(REFERENCE_CASES):
        if st.button(escape_markdown(case.question), key=f"example-{case.id}", width="stretch"):
            st.session_state.pending = case.question
            st.rerun()


def _show_export(title: str, answers: Sequence[LoggedAnswer]) -> None:
    name = safe_file_name(title)[:60] or "labourqa"
    with (
        st.container(horizontal=True, horizontal_alignment="right"),
        st.popover("Export", icon=":material/download:", type="tertiary"),
    ):
        st.download_button(
            "Markdown", to_markdown(title, answers), f"{name}.md", "text/markdown", on_click="ignore"
        )
        st.download_button(
            "Word", lambda: to_docx(title, answers), f"{name}.docx", DOCX_TYPE, on_click="ignore"
        )
        st.download_button(
            "JSON", to_json(title, answers), f"{name}.json", "application/json", on_click="ignore"
        )


def _ask(question: str, conversation: int | None, edition: Edition) -> None:
    state = st.session_state
    state.asking = question  # stays in the session if the visitor stops the run
    with st.chat_message("user"):
        st.text(question)
    with st.chat_message("assistant", avatar=ASSISTANT_AVATAR), user_errors():
        st.button("Stop", icon=":material/stop_circle:", key="stop")
        with st.status("Reading the code", expanded=True):
            answer = _answer(question, ProgressBars(), conversation, edition)
        state.answers = [*state.answers, answer]
        del state.asking
        st.rerun()
    del state.asking  # an error has been shown


def _answer(
    question: str, progress: ProgressBars, conversation: int | None, edition: Edition
) -> LoggedAnswer:
    """Answer the question from `edition`, log the answer, and make its conversation the session's."""
    check_question(question)
    models = wait_for_models(progress.show_done)
    settings = current_settings()
    earlier: list[LoggedAnswer] = st.session_state.answers
    with open_store() as store:
        report = Assistant(settings, store, models=models, progress=progress).ask(
            question,
            previous=earlier[-1].report.turn if earlier else None,
            edition=edition,
        )
        answer_id = None
        if settings.log:
            answer_id, st.session_state.conversation = store.conversations.log(report, conversation)
    return LoggedAnswer(report, datetime.now(UTC).isoformat(), answer_id)


def _show_stopped(question: str) -> None:
    with st.chat_message("user"):
        st.text(question)
    with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
        st.caption("Stopped before there was an answer.")
        if st.button("Ask again", icon=":material/replay:", key="again"):
            st.session_state.pending = question
            st.rerun()


show()
