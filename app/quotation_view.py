"""A quoted answer on the page: the short answer, and below it the quoted paragraphs by article."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

import streamlit as st
from language import _, ngettext
from law_links import format_lines, link
from visitor import open_store

from labourqa.answering.report import Report
from labourqa.answering.verification import Statement
from labourqa.errors import UnknownArticleError
from labourqa.law.edition import Edition
from labourqa.law.references import Reference, show_number
from labourqa.text import escape_markdown

SHOWN = 3  # paragraphs; the others are folded
_POINT_NUMBER = r"(?:\(?[\w^]{1,5}\)\s+)?"  # stands between the beginning of a list and a point


def show_quotation(report: Report, edition: Edition | None, key: str) -> None:
    """Without `edition`, it is no longer stored."""
    answer = report.answer
    lead, *quoted = answer.statements
    if answer.outcome == "closest":
        st.info(escape_markdown(lead.text), icon=":material/search:")
    elif answer.short:
        _show_short_answer(report, edition, key)
    else:
        st.text(lead.text)
    _show_paragraphs(quoted[:SHOWN], report, edition, key)
    if folded := quoted[SHOWN:]:
        with st.expander(
            ngettext("{count} more paragraph", "{count} more paragraphs", len(folded)).format(
                count=len(folded)
            )
        ):
            _show_paragraphs(folded, report, edition, key)
    if answer.conditions:
        st.markdown(_("**This depends on**"))
        st.markdown(
            "\n".join(
                f"- {escape_markdown(' '.join(condition.quote.split()))} {_link(condition.reference, report, edition)}"
                for condition in answer.conditions
            )
        )


def _show_short_answer(report: Report, edition: Edition | None, key: str) -> None:
    with st.container(border=True, gap="xsmall", key=f"short-{key}"):
        for citation in report.answer.short:
            st.markdown(f"{format_lines(citation.quote)} {_link(citation.reference, report, edition)}")
        st.caption(
            _("In short: the law's own words, chosen by a program. The whole paragraphs below decide.")
        )


def _show_paragraphs(
    statements: Sequence[Statement], report: Report, edition: Edition | None, key: str
) -> None:
    date = _("version of {date}").format(date=report.run.edition.date) if report.run.edition.date else ""
    for number, group in groupby(arrange(statements), lambda one: one.references[0].article):
        title = _("Article {number}. {title}").format(
            number=show_number(number), title=report.titles.get(number, "")
        )
        heading = f"**{escape_markdown(title)}**"
        st.markdown(f"{heading} :small[:gray[{escape_markdown(date)}]]" if date else heading)
        for statement in group:
            _show_paragraph(statement, report, edition, key)


def arrange(statements: Sequence[Statement]) -> list[Statement]:
    """The statements by article, that of the best one first; within an article as printed.

    A law states a rule before its exceptions.
    """
    articles = list(dict.fromkeys(one.references[0].article for one in statements))
    return sorted(
        statements,
        key=lambda one: (articles.index(one.references[0].article), _order(one.references[0].paragraph)),
    )


def _order(number: str) -> list[tuple[int, str]]:
    """Sorts "2" before "2^1" before "10"."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.findall(r"\d+|[^\W\d]+", number)]


def _show_paragraph(statement: Statement, report: Report, edition: Edition | None, key: str) -> None:
    """A quoted paragraph with its reference; a button shows the points of a list that are left out."""
    place = Reference(statement.references[0].article, statement.references[0].paragraph)
    whole = f"{key}-{place}-whole"
    text = statement.text
    if edition and st.session_state.get(whole):
        try:
            with open_store() as store:
                text = store.editions.article(edition, place.article).paragraph(place.paragraph).text
        except UnknownArticleError:  # the edition was stored anew meanwhile
            pass
    decisive = [citation.quote for citation in report.answer.short]
    links = " ".join(_link(reference, report, edition) for reference in statement.references)
    number = f"{show_number(place.paragraph)}. " if place.paragraph else ""
    st.markdown(f"{escape_markdown(number)}{emphasize(text, decisive)} {links}")
    if statement.omitted and edition and not st.session_state.get(whole):
        points = ", ".join(f"{show_number(reference.point)})" for reference in statement.omitted)
        st.button(
            _("Show {points}").format(points=escape_markdown(points)),
            key=f"{whole}-button",
            icon=":material/unfold_more:",
            type="tertiary",
            on_click=st.session_state.update,
            args=({whole: True},),
        )


def emphasize(text: str, decisive: Collection[str]) -> str:
    """The text as Markdown, with the sentences that are in `decisive` in bold; "…" stands for words left out."""
    spans = sorted(span for sentence in decisive for span in _find(sentence, text))
    pieces: list[str] = []
    end = 0
    for start, stop in spans:
        if start < end:
            continue
        bold = "  \n".join(f"**{escape_markdown(line.strip())}**" for line in text[start:stop].split("\n"))
        pieces += [format_lines(text[end:start]), bold]
        end = stop
    return "".join([*pieces, format_lines(text[end:])])


def _find(sentence: str, text: str) -> Iterator[tuple[int, int]]:
    """Where the parts of a sentence between "…" stand in the text."""
    for part in sentence.split("…"):
        words = part.split()
        # Of a list, the short answer joins its beginning and one point, which are apart in the text.
        for i in range(len(words), 0, -1):
            found = [_search(some, text) for some in (words[:i], words[i:]) if some]
            if all(found):
                yield from (match.span() for match in found if match)
                break


def _search(words: Sequence[str], text: str) -> re.Match[str] | None:
    return re.search(rf"\s+{_POINT_NUMBER}".join(map(re.escape, words)), text)


def _link(reference: Reference, report: Report, edition: Edition | None) -> str:
    page = report.page_of(reference)
    label = str(reference)
    if page:
        label = _("{reference}, page {page}").format(reference=reference, page=page)
    return link(edition, reference, label) if edition else f":gray[{escape_markdown(label)}]"
