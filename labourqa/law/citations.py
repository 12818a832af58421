"""References in an answer: found by code, resolved to the paragraph, checked against the selected articles."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from labourqa.errors import UnknownArticleError
from labourqa.law.references import Reference, find_references
from labourqa.law.structure import Article


@dataclass(frozen=True)
class Citation:
    reference: Reference
    quote: str  # the law's own words at the reference, "" if it does not resolve
    supported: bool  # the reference resolves to one of the selected articles
    page: int = 0  # of the document, from 1, on which the paragraph begins; 0 where it is unknown


def find_citations(text: str, articles: Sequence[Article]) -> tuple[Citation, ...]:
    """Every different reference in `text`, in order, resolved against the selected `articles`."""
    return tuple(resolve_reference(reference, articles) for reference in find_references(text))


def add_pages(citations: Sequence[Citation], pages: Mapping[tuple[str, str], int]) -> tuple[Citation, ...]:
    """The citations with their pages; `pages` by article and paragraph, and by the article and ""."""
    return tuple(
        replace(one, page=pages.get((one.reference.article, one.reference.paragraph), 0)) for one in citations
    )


def find_related(
    citations: Sequence[Citation], articles: Sequence[Article], selected: Collection[str]
) -> tuple[Citation, ...]:
    """Citations of the passages in other than the `selected` articles that the cited words refer to, in order."""
    references = [reference for citation in citations for reference in find_references(citation.quote)]
    resolved = [resolve_reference(reference, articles) for reference in dict.fromkeys(references)]
    return tuple(one for one in resolved if one.supported and one.reference.article not in selected)


def resolve_reference(reference: Reference, articles: Sequence[Article]) -> Citation:
    try:
        return Citation(reference, quote_reference(reference, articles), supported=True)
    except UnknownArticleError:
        return Citation(reference, "", supported=False)


def quote_reference(reference: Reference, articles: Sequence[Article]) -> str:
    """The words of the article, paragraph or point. Raises UnknownArticleError when there is none."""
    for article in articles:
        if article.number == reference.article:
            if not reference.paragraph and not reference.point:
                return article.text
            paragraph = article.paragraph(reference.paragraph)
            if not reference.point:
                return paragraph.text
            for point in paragraph.points:
                if point.number == reference.point:
                    return point.text
    raise UnknownArticleError(f"The code has no {reference}.")
