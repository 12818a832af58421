"""The chat: ask a question, see the answers of the conversation, export it."""

import re
from collections.abc import Sequence
from html import escape

import answer_view
import article_pane
import asking
import edition_chooser
import question_box
import streamlit as st
from asking import Asking
from language import _, ngettext
from messages import describe_duration, describe_progress, show_error
from visitor import current_edition, find_edition, open_store

from labourqa.answering.export import to_docx, to_json, to_markdown
from labourqa.answering.report import LoggedAnswer
from labourqa.config import REFERENCE_CASES
from labourqa.errors import LabourQAError
from labourqa.evaluation.cases import read_cases
from labourqa.files import safe_file_name
from labourqa.large_code import WHOLE_CODE_CHARACTERS
from labourqa.law.edition import Edition
from labourqa.store.conversations import OpenQuestion
from labourqa.text import escape_markdown

ASSISTANT_AVATAR = ":material/balance:"
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

FIRST_READING_SECONDS = (
    180 / 405_000
)  # for each character: the embedded code takes up to 3 minutes on 2 cores
FIRST_READING = "reading the code once"  # the activity that builds the prefix cache

# The session state holds `conversation` (its id in the database, None for a new one), `unstored`, the answers of this
# session that are not in the database, and `asking`, the last question that was asked here. A question from a button is
# `pending` until the next run of this page.


def show() -> None:
    conversation = _load_conversation()
    answers, open_questions = _read_conversation(conversation)
    current = st.session_state.get("asking") or asking.find(conversation)
    article_pane.show()
    if answers or open_questions:
        st.html(f'<h1 class="only-spoken">{escape(_conversation_title(conversation))}</h1>')
    welcome = st.empty()  # the first question takes its place
    for number, answer in enumerate(answers):
        _show_question(answer.report.question, f"{conversation}-{number}")
        with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
            answer_view.show_answer(answer, f"answer-{conversation}-{number}")
    edition = _find_edition(answers)
    is_running = current is not None and not current.finished.is_set()
    for question in open_questions:
        if current is None or question.id != current.stored_as:
            _show_unanswered(question.question, _("There is no answer to this question yet."), question.id)
    if current:
        _show_asking(current)
    if not_stored := st.session_state.get("not-stored"):
        st.warning(escape_markdown(not_stored))
    if answers:
        _show_export(_conversation_title(conversation), answers)
    with st.bottom:
        _show_edition(edition, answers)
        typed = st.chat_input(
            _("Ask a follow-up or a new question") if answers else _("Ask a question in plain words"),
            submit_mode="disable",
            disabled=edition is None or is_running,
            key="question",
        )
        state = f"{conversation} {len(answers)} {len(open_questions)} {is_running}"
        question_box.assist(state, asking.pace(edition) if edition else None)
    question_text = typed or st.session_state.pop("pending", None)
    if question_text and edition and not is_running:
        _ask(question_text, conversation, edition, answers)
    elif not answers and not open_questions and not current:
        with welcome.container():
            _show_welcome()


def _show_question(question: str, key: str) -> None:
    with st.container(key=f"question-of-{key}"), st.chat_message("user"):
        st.text(question)


def _load_conversation() -> int | None:
    """The conversation that the address names, else the one that is open in the session; None for a new one."""
    state = st.session_state
    went_back = state.get("page-before") == "" and "conversation" not in st.query_params
    if (
        went_back and state.get("conversation") is not None
    ):  # from another page, the menu leads to the open one
        _leave_conversation()
        state.conversation = None
    current: Asking | None = state.get("asking")
    if current and current.is_stored and current.finished.is_set():
        # Its conversation may have been erased meanwhile; then the answer stands in a new one.
        state.conversation = current.conversation
        st.query_params["conversation"] = str(current.conversation)
        del state["asking"]
    in_address = st.query_params.get("conversation", "")
    if re.fullmatch("[0-9]{1,15}", in_address):
        if int(in_address) != state.get("conversation"):
            _leave_conversation()
        state.conversation = int(in_address)
    conversation: int | None = state.get("conversation")
    if conversation is not None:
        with open_store() as store:
            if not store.conversations.title(conversation):  # it was erased, or never existed
                conversation = state.conversation = None
    if conversation is not None:
        if in_address != str(conversation):
            st.query_params["conversation"] = str(conversation)
    elif in_address:
        del st.query_params["conversation"]
    return conversation


def _leave_conversation() -> None:
    for name in ("asking", "unstored", "not-stored"):
        st.session_state.pop(name, None)


def _read_conversation(conversation: int | None) -> tuple[list[LoggedAnswer], list[OpenQuestion]]:
    """The answers, those that are not stored included, and the questions that have none."""
    unstored: list[LoggedAnswer] = st.session_state.setdefault("unstored", [])
    if conversation is None:
        return unstored, []
    with open_store() as store:
        conversations = store.conversations
        return conversations.answers(conversation) + unstored, conversations.open_questions(conversation)


def _find_edition(answers: Sequence[LoggedAnswer]) -> Edition | None:
    """The edition of the conversation, or the visitor's for a new one; None if the conversation's was removed."""
    with open_store() as store:
        return find_edition(store, answers[-1].report.run.edition) if answers else current_edition(store)


def _show_edition(edition: Edition | None, answers: Sequence[LoggedAnswer]) -> None:
    """Which edition answers; a new conversation may choose another one."""
    if not answers:
        assert edition is not None
        edition_chooser.show(edition, "ask-edition")
        _show_first_reading(edition)
    elif edition:
        st.caption(
            ":material/gavel: "
            + escape_markdown(f"{edition.code}, {edition_chooser.describe_version(edition)}"),
            help=_("A conversation stays with its code. Start a new conversation to ask another one."),
        )
    else:
        removed = answers[-1].report.run.edition
        st.caption(
            escape_markdown(
                _("{edition} is no longer stored. Start a new conversation, or add the file again.").format(
                    edition=removed
                )
            )
        )


def _show_first_reading(edition: Edition) -> None:
    """Before the first question to a code that was not prepared yet: how long that takes."""
    with open_store() as store:
        if store.editions.is_ready(edition):
            return
        characters = sum(len(article.text) for article in store.editions.articles(edition))
    if characters <= WHOLE_CODE_CHARACTERS:  # a larger code is not read whole
        duration = describe_duration(characters * FIRST_READING_SECONDS)
        st.caption(
            _(
                "The model reads this code once before its first answer: {duration} on two processor cores."
            ).format(duration=duration)
        )


def _conversation_title(conversation: int | None) -> str:
    with open_store() as store:
        title = store.conversations.title(conversation) if conversation else ""
    return title or _("Questions on the labour code")


def _show_welcome() -> None:
    st.title(_("Ask the labour code"), anchor=False)
    st.markdown(
        _(
            "A language model on this machine reads **every article** for your question. The answer rests on the "
            "articles that matter and names them. Information, not legal advice."
        )
    )
    st.markdown(_("For example:"))
    for case in read_cases(REFERENCE_CASES):
        if st.button(escape_markdown(case.question), key=f"example-{case.id}", width="stretch"):
            st.session_state.pending = case.question
            st.rerun()


def _show_export(title: str, answers: Sequence[LoggedAnswer]) -> None:
    name = safe_file_name(title)[:60] or "labourqa"
    with (
        st.container(horizontal=True, horizontal_alignment="right"),
        st.popover(_("Export"), icon=":material/download:", type="tertiary"),
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


def _ask(question: str, conversation: int | None, edition: Edition, answers: Sequence[LoggedAnswer]) -> None:
    try:
        current = asking.ask(question, edition, conversation=conversation, previous=answers)
    except LabourQAError as error:
        _show_question(question, "refused")  # to be copied and changed
        with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
            show_error(str(error))
        return
    st.session_state.asking = current
    st.session_state.conversation = current.conversation
    if current.conversation is not None:
        st.query_params.from_dict({"conversation": str(current.conversation)})
    st.rerun()


def _show_asking(current: Asking) -> None:
    """A question that was asked in this conversation: its progress, or why it has no answer."""
    if not current.finished.is_set():
        _show_question(current.question, "asking")
        with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
            _show_progress(current)
    elif current.is_stored:  # it was completed while this page was drawn
        st.rerun()
    elif current.answer:
        st.session_state.unstored = [*st.session_state.unstored, current.answer]
        if current.error:
            st.session_state["not-stored"] = current.error
        del st.session_state["asking"]
        st.rerun()
    else:
        why = _("Stopped before there was an answer.") if current.stopped else current.error
        _show_unanswered(current.question, why, current.stored_as, is_error=not current.stopped)


def _show_progress(current: Asking) -> None:
    if st.button(_("Stop"), icon=":material/stop_circle:", key="stop"):
        current.stop()
    in_page_run = True

    @st.fragment(run_every=0.4)
    def show_progress() -> None:
        # Running the page anew from within its own run would lose the click that started that run.
        if current.finished.is_set() and not in_page_run:
            st.rerun()
        with st.status(_describe_stage(current), expanded=True):
            for what, activity in list(current.activities.items()):
                text = describe_progress(what, activity.done, activity.total, activity.started)
                st.progress(min(activity.done / activity.total, 1.0), text=text)
            if current.text:
                st.text(current.text)

    show_progress()
    in_page_run = False


def _describe_stage(current: Asking) -> str:
    """What is being done for a question now."""
    if not current.activities:
        before = asking.count_before(current)
        if not before:
            return _("Finding articles")
        return ngettext("{count} question before yours", "{count} questions before yours", before).format(
            count=before
        )
    what, activity = list(current.activities.items())[-1]
    if what == FIRST_READING and activity.done < activity.total:
        return _("The model reads this code for the first time. Later questions take seconds.")
    if activity.done < activity.total:
        return _("Reading the code")
    return _("Writing the answer") if current.text else _("Choosing what to quote")


def _show_unanswered(question: str, why: str, stored_as: int | None, *, is_error: bool = False) -> None:
    """A question without an answer; `stored_as` is its id in the database."""
    _show_question(question, f"unanswered-{stored_as}")
    with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
        if is_error:
            show_error(why)
        else:
            st.caption(escape_markdown(why))
        with st.container(horizontal=True):
            st.button(
                _("Ask again"),
                icon=":material/replay:",
                key=f"again-{stored_as}",
                on_click=_remove_unanswered,
                args=(stored_as, question),
            )
            if stored_as is not None:
                st.button(
                    _("Remove"),
                    type="tertiary",
                    key=f"remove-{stored_as}",
                    on_click=_remove_unanswered,
                    args=(stored_as, None),
                )


def _remove_unanswered(stored_as: int | None, ask_again: str | None) -> None:
    """A callback: removes a question without an answer, and asks it again."""
    if stored_as is not None:
        with open_store() as store:
            store.conversations.close_question(stored_as)
    st.session_state.pop("asking", None)
    if ask_again:
        st.session_state.pending = ask_again


show()
