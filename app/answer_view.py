"""An answer on the page: its text with links to the law, its source, feedback, and details on demand."""

import answer_details
import answer_tools
import copy_button
import quotation_view
import streamlit as st
from language import _, format_number
from law_links import format_lines, link
from visitor import find_edition, open_store

from labourqa.answering.export import NOTICE, to_email, to_short_text, to_text
from labourqa.answering.report import LoggedAnswer, Report
from labourqa.answering.verification import Statement
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.text import escape_markdown

SUGGESTED = 2  # questions near one that the code does not answer


@st.fragment
def show_answer(logged: LoggedAnswer, key: str) -> None:
    """`key` distinguishes it from the page's other answers. Only an answer in the database takes feedback."""
    report, answer = logged.report, logged.report.answer
    if report.resolved_question != report.question:
        st.caption(_("Understood as: {question}").format(question=escape_markdown(report.resolved_question)))
    for unknown in report.unknown:
        st.warning(
            escape_markdown(
                _("The {code} has no {reference}.").format(code=report.run.edition.code, reference=unknown)
            )
        )
    for repealed in report.repealed:
        st.warning(escape_markdown(_("{reference} is repealed.").format(reference=repealed)))
    for notice in report.notices:
        st.info(escape_markdown(notice), icon=":material/info:")
    with open_store() as store:
        edition = find_edition(store, report.run.edition)
    if answer.kind != "written" and answer.statements:
        quotation_view.show_quotation(report, edition, key)
    elif answer.kind == "refused":
        st.info(escape_markdown(answer.text), icon=":material/do_not_disturb_on:")
    elif answer.statements:
        for statement in answer.statements:
            _show_written(statement, report, edition)
    else:
        st.text(answer.text)
    if answer.outcome in ("outside", "closest"):
        _show_near_questions(report, key)
    if not answer.complete:
        limit = report.run.settings.answer_tokens
        st.warning(
            _(
                "The answer stopped at its limit of {limit} tokens; you can raise the limit in the settings."
            ).format(limit=limit)
        )
    if report.related:
        related = dict.fromkeys(citation.reference for citation in report.related)
        st.markdown(
            _("The quoted text refers to: ")
            + ", ".join(_link_with_title(reference, report, edition) for reference in related)
        )
    st.caption(f"{escape_markdown(str(report.run.edition))}. {NOTICE}")
    _show_actions(logged, key)
    _show_details(report, key)


def _show_near_questions(report: Report, key: str) -> None:
    """Questions on the articles that come nearest to one that the code does not answer."""
    titled = [number for number in report.ranked_numbers if report.titles[number]][:SUGGESTED]
    if titled:
        st.caption(_("Questions near yours that it answers:"))
    for number in titled:
        title = report.titles[number]
        lowered = title if title[1:2].isupper() else title[:1].lower() + title[1:]
        question = f"What are the rules on {lowered}?"  # in the language of the code
        if st.button(escape_markdown(question), key=f"{key}-near-{number}"):
            st.session_state.pending = question
            st.rerun()


def _show_written(statement: Statement, report: Report, edition: Edition | None) -> None:
    """A sentence of the model with links to what it rests on, and flags where the law does not support it."""
    with st.container(border=bool(statement.doubts), gap="xsmall"):
        references = " ".join(_link(reference, report, edition) for reference in statement.references)
        st.markdown(f"{format_lines(statement.text)} {references}".rstrip())
        for doubt in statement.doubts:
            st.badge(
                _("Not supported by the law: {doubt}").format(doubt=escape_markdown(doubt)),
                icon=":material/flag:",
                color="orange",
            )


def _link(reference: Reference, report: Report, edition: Edition | None) -> str:
    if edition is None or reference.article not in report.titles:
        return escape_markdown(str(reference))
    return link(edition, reference)


def _link_with_title(reference: Reference, report: Report, edition: Edition | None) -> str:
    title = report.titles.get(reference.article, "")
    return f"{_link(reference, report, edition)} {escape_markdown(title)}".rstrip()


def _show_actions(logged: LoggedAnswer, key: str) -> None:
    report = logged.report
    forms = {_("Copy"): to_text(report)}
    if report.answer.kind != "refused":
        forms |= {_("Copy the short form"): to_short_text(report), _("Copy as an e-mail"): to_email(report)}
    with st.container(horizontal=True, vertical_alignment="center"):
        copy_button.show(forms, key=f"{key}-copy")
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
            _("Why? Stored on this machine only."),
            value=logged.reason,
            key=f"{key}-reason",
            max_chars=500,
            placeholder=_("What was right or wrong?"),
            on_change=_save_feedback,
            args=(logged.id, key),
        )
    if thumbs == 0:
        answer_tools.show_right_articles(logged, key)


def _save_feedback(answer: int, key: str) -> None:
    thumbs = st.session_state[f"{key}-thumbs"]
    reason = st.session_state.get(f"{key}-reason", "")
    with open_store() as store:
        store.conversations.save_feedback(answer, None if thumbs is None else bool(thumbs), reason)


def _show_details(report: Report, key: str) -> None:
    selection, cited = report.selection, len(report.cited_numbers)
    quoted = _("{read} of {articles} articles read, {selected} selected, {cited} quoted, {seconds} seconds")
    wrote = _("{read} of {articles} articles read, {selected} selected, {cited} cited, {seconds} seconds")
    details = st.expander(
        (wrote if report.answer.kind == "written" else quoted).format(
            read=format_number(selection.read),
            articles=format_number(len(report.titles)),
            selected=len(selection.selected),
            cited=cited,
            seconds=format_number(report.seconds.total, 1),
        ),
        icon=":material/troubleshoot:",
        key=f"{key}-details",
        on_change="rerun",
    )
    if details.open:
        with details:
            articles, seconds = st.tabs([_("What was read"), _("Where the time went")])
            with articles:
                answer_details.show_articles(report, key)
            with seconds:
                answer_details.show_seconds(report, key)
