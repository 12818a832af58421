"""The answer: the code's own words (quoted), the model's words about them (written), or a refusal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .articles import Article, Paragraph
from .citations import Citation, find_citations
from .config import read_prompt
from .engine import ModelInfo
from .ranking import Similarity
from .references import Reference
from .verification import Statement, check_statements

QUOTED_WORDS = 150  # a quoted answer stops before it grows longer, but has at least one paragraph
LONG_WORDS = 40  # of a longer paragraph with points, those are quoted that answer the question ...
POINT_MARGIN = 0.1  # ... as well as the best one, within this much of cosine similarity
WRITTEN_PARAMETERS = 1_000_000_000  # the prose of smaller models contradicts its own sources


@dataclass(frozen=True)
class Answer:
    kind: Literal["quoted", "written", "refused"]
    text: str
    citations: tuple[Citation, ...] = ()
    statements: tuple[Statement, ...] = ()  # of a written answer: its sentences, checked
    complete: bool = True  # False: the model was stopped at the limit of its answer


def choose_kind(wanted: str, model: ModelInfo) -> Literal["quoted", "written"]:
    """`wanted` is quoted, written or auto."""
    if wanted == "auto":
        small = model.parameters is not None and model.parameters < WRITTEN_PARAMETERS
        return "quoted" if small else "written"
    return "written" if wanted == "written" else "quoted"


def refuse_answer(code: str, articles: Sequence[Article]) -> Answer:
    """One sentence that says what the code covers, by the titles of its parts."""
    titles = [
        re.sub(r"^PART \S+ ", "", article.part, flags=re.IGNORECASE).strip().lower() for article in articles
    ]
    covered = ", ".join(title for title in dict.fromkeys(titles) if title and title != "general provisions")
    what = f"; it covers {covered}" if covered else ""
    return Answer("refused", f"Nothing in the {code} answers this question{what}.")


def refuse_language(code: str, asked: str, spoken: str) -> Answer:
    """For a question in a language (by name) that the models cannot read."""
    return Answer(
        "refused",
        f"The {code} is kept here in {spoken}, and the question seems to be in {asked}: ask it in {spoken}, or choose "
        "a multilingual model with --model.",
    )


def quote_answer(
    articles: Sequence[Article],
    similarities: Mapping[str, Sequence[Similarity]],
    named: Sequence[Reference] = (),
) -> Answer:
    """The paragraphs of the selected `articles` (best first) nearest to the question, verbatim.

    Of a long paragraph with points, its lead and the points that answer. Those `named` in the question stand first.
    The second paragraph of an article stands behind the best one of the next two articles: people ask about
    one thing, and the law spreads it over several places. Only ranks count, so any scale of scores will do.
    """
    first = {(reference.article, reference.paragraph) for reference in named if reference.paragraph}
    candidates: list[tuple[int, int, Article, Paragraph, Similarity]] = []
    for position, article in enumerate(articles):
        pairs = zip(similarities[article.number], article.paragraphs, strict=True)
        ranked = sorted(pairs, key=lambda pair: -pair[0].best)
        for rank, (similarity, paragraph) in enumerate(ranked):
            is_named = (article.number, paragraph.number) in first
            place = -1 if is_named else 2 * rank + position
            candidates.append((place, position, article, paragraph, similarity))
    passages: list[str] = []
    citations: list[Citation] = []
    words = 0
    for _, _, article, paragraph, similarity in sorted(candidates, key=lambda candidate: candidate[:2]):
        quoted = _quote_paragraph(article, paragraph, similarity)
        words += sum(len(citation.quote.split()) for citation in quoted)
        if passages and words > QUOTED_WORDS:
            break
        lead = [] if quoted[0].reference.point == "" else [paragraph.lead]
        passages.append(
            "\n".join([*lead, *(f"{_number(one)}{one.quote} [{one.reference}]" for one in quoted)])
        )
        citations += quoted
    return Answer("quoted", "\n\n".join(passages), tuple(citations))


def _quote_paragraph(article: Article, paragraph: Paragraph, similarity: Similarity) -> list[Citation]:
    """The paragraph, or those of its points that answer the question."""
    points = [
        point
        for point, value in zip(paragraph.points, similarity.points, strict=True)
        if value >= similarity.best - POINT_MARGIN
    ]
    is_long = len(paragraph.text.split()) > LONG_WORDS
    if is_long and similarity.best > similarity.whole and len(points) < len(paragraph.points):
        return [
            Citation(Reference(article.number, paragraph.number, point.number), point.text, supported=True)
            for point in points
        ]
    return [Citation(Reference(article.number, paragraph.number), paragraph.text, supported=True)]


def _number(citation: Citation) -> str:
    return f"{citation.reference.point}) " if citation.reference.point else ""


def answer_prompt(question: str, articles: Sequence[Article]) -> str:
    law = "\n\n".join(article.print() for article in articles)
    return read_prompt("answer", ("articles", "question")).format(articles=law, question=question)


def read_answer(text: str, articles: Sequence[Article], *, complete: bool) -> Answer:
    """A written answer with its citations and sentences checked against the `articles` that the model was shown."""
    return Answer(
        "written", text.strip(), find_citations(text, articles), check_statements(text, articles), complete
    )
