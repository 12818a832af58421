"""An answer on the page: its text with citations that open the law, its source, feedback, and details on demand."""

from collections.abc import Sequence

import answer_details
import answer_tools
import article_view
import copy_button
import streamlit as st
from visitor import find_edition, open_store

from labourqa.answering.export import NOTICE
from labourqa.answering.report import LoggedAnswer, Report
from labourqa.answering.verification import Statement
from labourqa.law.citations import Citation
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.text import escape_markdown


@st.fragment
def show_answer(logged: LoggedAnswer, key: str) -> None:
    """`key` distinguishes it from the page's other answers. Only an answer in the database takes feedback."""
    report, answer = logged.report, logged.report.answer
    if report.resolved_question != report.question:
        st.caption(f"Understood as: {escape_markdown(report.resolved_question)}")
    for unknown in report.unknown:
        st.warning(escape_markdown(f"The {report.run.edition.code} has no {unknown}."))
    for repealed in report.repealed:
        st.warning(escape_markdown(f"{repealed} is repealed."))
    for notice in report.notices:
        st.info(escape_markdown(notice), icon=":material/info:")
    with open_store() as store:
        edition = find_edition(store, report.run.edition)
    if answer.kind == "refused" and not answer.statements:
        st.info(escape_markdown(answer.text), icon=":material/do_not_disturb_on:")
    elif not answer.statements:
        st.text(answer.text)
    if answer.short:
        _show_short_answer(answer.short)
    for number, statement in enumerate(answer.statements):
        _show_statement(statement, report, edition, f"{key}-{number}")
    if not answer.complete:
        limit = report.run.settings.answer_tokens
        st.warning(
            f"The answer stopped at its limit of {limit} tokens; you can raise the limit in the settings."
        )
    if report.related:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("The cited text refers to:")
            related = [citation.reference for citation in report.related]
            _show_reference_buttons(related, report, edition, f"{key}-related")
    st.caption(f"{escape_markdown(str(report.run.edition))}. {NOTICE}")
    _show_actions(logged, key)
    details = st.expander(
        f"{report.selection.read:,} of {len(report.titles):,} articles read, "
        f"{len(report.selection.selected)} selected, {report.seconds.total:.1f} seconds",
        icon=":material/troubleshoot:",
        key=f"{key}-details",
        on_change="rerun",
    )
    if details.open:
        with details:
            articles, seconds = st.tabs(["What was read", "Where the time went"])
            with articles:
                answer_details.show_articles(report, key)
            with seconds:
                answer_details.show_seconds(report)


def _show_short_answer(citations: Sequence[Citation]) -> None:
    with st.container(border=True, gap="xsmall"):
        st.caption("In short (chosen by a program: the whole paragraphs below decide)")
        for citation in citations:
            quote, reference = escape_markdown(citation.quote), escape_markdown(str(citation.reference))
            st.markdown(f"**{quote}** :small[{reference}]")


def _show_statement(statement: Statement, report: Report, edition: Edition | None, key: str) -> None:
    with st.container(border=bool(statement.doubts), gap="xsmall"):
        st.text(statement.text)
        with st.container(horizontal=True, gap="xsmall"):
            _show_reference_buttons(statement.references, report, edition, key)
        for doubt in statement.doubts:
            st.badge(
                f"Not supported by the law: {escape_markdown(doubt)}", icon=":material/flag:", color="orange"
            )


def _show_reference_buttons(
    references: Sequence[Reference], report: Report, edition: Edition | None, key: str
) -> None:
    """A button for each reference, which opens its article. Without `edition` they are disabled.

    A reference to a paragraph highlights it; one to a whole article highlights all that the answer cites.
    """
    for number, reference in enumerate(references):
        opened = st.button(
            escape_markdown(str(reference)),
            key=f"{key}-reference-{number}",
            help=escape_markdown(report.titles.get(reference.article, "not in the code")),
            disabled=edition is None or reference.article not in report.titles,
        )
        if opened and edition:
            cited = [citation.reference for citation in report.answer.citations if citation.supported]
            article_view.open_article(edition, reference, [reference] if reference.paragraph else cited)


def _show_actions(logged: LoggedAnswer, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        copy_button.show(_text_to_copy(logged.report), key=f"{key}-copy")
        answer_tools.show(logged, key)
        if logged.id is None:
            return
        thumbs = st.feedback(
            "thumbs",
            key=f"{key}-thumbs",
            default=None if logged.helpful is None else int(logged.helpful),
            on_change=_save_feedback,
            args=(logged.id, key),
        )
    if thumbs is not None:
        st.text_input(
            "Why? Stored on this machine only.",
            value=logged.reason,
            key=f"{key}-reason",
            max_chars=500,
            placeholder="What was right or wrong?",
            on_change=_save_feedback,
            args=(logged.id, key),
        )
    if thumbs == 0:
        answer_tools.show_right_articles(logged, key)


def _text_to_copy(report: Report) -> str:
    """Question, answer and edition as plain text."""
    return f"{report.question}\n\n{report.answer.text}\n\n{report.run.edition}. {NOTICE}"


def _save_feedback(answer: int, key: str) -> None:
    thumbs = st.session_state[f"{key}-thumbs"]
    reason = st.session_state.get(f"{key}-reason", "")
    with open_store() as store:
        store.conversations.save_feedback(answer, None if thumbs is None else bool(thumbs), reason)
