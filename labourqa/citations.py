"""References in an answer: found by code, resolved to the paragraph, checked against the selected articles."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .articles import Article, Reference, parse_reference
from .errors import UnknownArticleError


@dataclass(frozen=True)
class Citation:
    reference: Reference
    quote: str  # the law's own words at the reference, "" if it does not resolve
    supported: bool  # the reference resolves to one of the selected articles


_CITATION = re.compile(
    r"\b(?:Art\.|Article)\s{0,2}\d{1,4}(?:\^\d{1,2}|[¹²³⁴-⁹⁰]{1,2})?(?:\s?\(\d{1,2}(?:\^\d{1,2})?\)|\([a-z]\)){0,2}"
)


def find_citations(text: str, articles: Sequence[Article]) -> tuple[Citation, ...]:
    """Every different reference in `text`, in order, resolved against the selected `articles`."""
    found: dict[Reference, Citation] = {}
    for match in _CITATION.finditer(text):
        reference = parse_reference(match[0])
        found.setdefault(reference, resolve_reference(reference, articles))
    return tuple(found.values())


def resolve_reference(reference: Reference, articles: Sequence[Article]) -> Citation:
    try:
        return Citation(reference, quote_reference(reference, articles), supported=True)
    except UnknownArticleError:
        return Citation(reference, "", supported=False)


def quote_reference(reference: Reference, articles: Sequence[Article]) -> str:
    """The words of the article, paragraph or point. Raises UnknownArticleError when there is none."""
    for article in articles:
        if article.number == reference.article:
            if not reference.paragraph:
                return article.text
            paragraph = article.paragraph(reference.paragraph)
            if not reference.point:
                return paragraph.text
            for point in paragraph.points:
                if point.number == reference.point:
                    return point.text
    raise UnknownArticleError(f"The code has no {reference}.")
