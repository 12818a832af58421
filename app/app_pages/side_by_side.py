"""The same question to two codes or two editions of a code, with the answers side by side."""

from dataclasses import replace

import answer_view
import streamlit as st
from edition_chooser import describe_version, label_versions
from language import _
from messages import ProgressBars, user_errors
from server import server
from visitor import current_edition, current_owner, current_settings, open_store

from labourqa.answering.question import check_question
from labourqa.answering.report import LoggedAnswer
from labourqa.law.edition import Edition
from labourqa.server.service import Question
from labourqa.store.database import now
from labourqa.text import escape_markdown


def show() -> None:
    st.title(_("Compare answers"), anchor=False)
    st.write(_("Ask two codes, or two editions of one code, the same question."))
    with user_errors():
        with open_store() as store:
            codes, current = store.editions.codes(), current_edition(store)
        labels = {
            edition: f"{code}, {label}"
            for code, editions in codes.items()
            for edition, label in label_versions(editions).items()
        }
        if len(labels) < 2:
            st.info(_("There is only one edition. Add another code or edition in the settings."))
            return
        sides = _choose(labels, current)
        question = st.text_area(
            _("Question"), st.query_params.get("question", ""), key="compared-question", height="content"
        )
        if st.button(_("Ask both"), type="primary", key="ask-both"):
            st.session_state["compared-answers"] = [_ask(question, edition) for edition in sides]
        _show_answers()


def _choose(labels: dict[Edition, str], current: Edition) -> list[Edition]:
    editions = list(labels)
    first = editions.index(current) if current in editions else 0
    second = next(index for index in (1, 0) if index != first)
    chosen = []
    for position, (column, name, index) in enumerate(
        zip(st.columns(2), (_("Left"), _("Right")), (first, second), strict=True)
    ):
        with column:
            chosen.append(
                st.selectbox(
                    name, editions, index, format_func=labels.__getitem__, key=f"compared-{index}-{position}"
                )
            )
    return chosen


def _ask(question: str, edition: Edition) -> LoggedAnswer:
    """Nothing is stored. Raises QuestionError."""
    question = check_question(question)
    owner = current_owner()
    assert owner is not None
    asked = Question(question, replace(current_settings(), log=False), edition=edition, owner=owner)
    progress = st.empty()
    with progress.container():
        st.caption(escape_markdown(str(edition)))
        report = server().answer(asked, client=owner, progress=ProgressBars()).report
    progress.empty()
    return LoggedAnswer(report, now())


def _show_answers() -> None:
    answers: list[LoggedAnswer] = st.session_state.get("compared-answers", [])
    if not answers:
        return
    st.subheader(escape_markdown(answers[0].report.question), anchor=False)
    for number, (column, answer) in enumerate(zip(st.columns(2), answers, strict=True)):
        edition = answer.report.run.edition
        with column:
            st.markdown(f"**{escape_markdown(f'{edition.code}, {describe_version(edition)}')}**")
            answer_view.show_answer(answer, f"compared-{number}-{answer.asked_at}")


show()
