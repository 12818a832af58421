"""The chat."""

import re
from datetime import UTC, datetime

import answers
import common
import streamlit as st

from labourqa import pipeline
from labourqa.answering.conversation import Turn
from labourqa.answering.export import NOTICE, escape_markdown, to_docx, to_json, to_markdown
from labourqa.config import REFERENCE_CASES
from labourqa.evaluation.cases import read_cases
from labourqa.store.database import LoggedAnswer

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def show() -> None:
    conversation = _open_conversation()
    shown: list[LoggedAnswer] = st.session_state.answers
    top = st.empty()  # the welcome makes room for the first question
    for place, answer in enumerate(shown):
        with st.chat_message("user"):
            st.text(answer.report["question"])
        with st.chat_message("assistant", avatar=":material/balance:"):
            answers.show_answer(answer, f"answer-{conversation}-{place}", kept=conversation is not None)
    if shown:
        _show_export(_title(conversation), shown)
    typed = st.chat_input(
        "Ask on, or ask something else" if shown else "Ask in plain words",
        max_chars=pipeline.QUESTION_CHARACTERS,
        submit_mode="disable",
        key="question",
    )
    question = typed or st.session_state.pop("pending", None)
    if question:
        _ask(question, conversation)
    elif "asking" in st.session_state:
        _show_stopped(st.session_state.asking)
    elif not shown:
        with top.container():
            _show_welcome()


def _open_conversation() -> int | None:
    """The conversation that the address names, with its answers in the session; None: a new one."""
    named = st.query_params.get("conversation", "")
    conversation = int(named) if re.fullmatch("[0-9]{1,15}", named) else None
    state = st.session_state
    if "answers" not in state or (conversation is not None and conversation != state.get("conversation")):
        with common.open_store() as store:
            state.answers = store.conversation(conversation) if conversation else []
        state.conversation = conversation if state.answers else None
        if named and not state.answers:  # erased, or never there
            del st.query_params["conversation"]
            named = ""
    opened: int | None = state.get("conversation")
    if opened and not named:
        st.query_params["conversation"] = str(opened)
    return opened


def _title(conversation: int | None) -> str:
    with common.open_store() as store:
        title = store.conversation_title(conversation) if conversation else ""
    return title or "Questions on the labour code"


def _show_welcome() -> None:
    st.title("Ask the labour code", anchor=False)
    with common.open_store() as store:
        edition = common.edition(store)
    st.markdown(
        "A language model on this machine reads **every article** for your question; the answer rests on the "
        f"articles that matter, and names them. {NOTICE}"
    )
    st.caption(f"Asked is the {escape_markdown(str(edition))}.")
    st.markdown("For example:")
    for case in read_cases(REFERENCE_CASES):
        if st.button(escape_markdown(case.question), key=f"example-{case.id}", width="stretch"):
            st.session_state.pending = case.question
            st.rerun()


def _show_export(title: str, shown: list[LoggedAnswer]) -> None:
    name = re.sub(r"\W+", "-", title).strip("-")[:60] or "labourqa"
    with (
        st.container(horizontal=True, horizontal_alignment="right"),
        st.popover("Export", icon=":material/download:", type="tertiary"),
    ):
        st.download_button(
            "Markdown", to_markdown(title, shown), f"{name}.md", "text/markdown", on_click="ignore"
        )
        st.download_button("Word", lambda: to_docx(title, shown), f"{name}.docx", WORD, on_click="ignore")
        st.download_button(
            "JSON", to_json(title, shown), f"{name}.json", "application/json", on_click="ignore"
        )


def _ask(question: str, conversation: int | None) -> None:
    state = st.session_state
    state.asking = question  # stays there if the run is stopped
    with st.chat_message("user"):
        st.text(question)
    with st.chat_message("assistant", avatar=":material/balance:"), common.user_errors():
        st.button("Stop", icon=":material/stop_circle:", key="stop")
        with st.status("Reading the code", expanded=True):
            answer = _answer(question, common.Shown(), conversation)
        state.answers = [*state.answers, answer]
        del state.asking
        st.rerun()
    del state.asking  # an error has been shown


def _answer(question: str, progress: common.Shown, conversation: int | None) -> LoggedAnswer:
    pipeline.check_question(question)
    models = common.wait_for_models(progress.show_done)
    settings = common.settings()
    earlier: list[LoggedAnswer] = st.session_state.answers
    before = None
    if earlier:
        last = earlier[-1].report
        before = Turn(last["understood"], tuple(last["selected"]))
    with common.open_store() as store:
        report = pipeline.ask(
            question,
            settings=settings,
            store=store,
            models=models,
            progress=progress,
            before=before,
            edition=common.edition(store),
        ).to_json()
        answer = 0
        if settings.log:
            answer, st.session_state.conversation = store.log_answer(report, conversation)
    return LoggedAnswer(answer, datetime.now(UTC).isoformat(), report, None, "")


def _show_stopped(question: str) -> None:
    with st.chat_message("user"):
        st.text(question)
    with st.chat_message("assistant", avatar=":material/balance:"):
        st.caption("Stopped before there was an answer.")
        if st.button("Ask again", icon=":material/replay:", key="again"):
            st.session_state.pending = question
            st.rerun()


show()
