"""The answer: the code's own words (quoted), the model's words about them (written), or a refusal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .articles import Article, Paragraph, Point
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
        points = _answering_points(paragraph, similarity)
        quoted = [
            Citation(Reference(article.number, paragraph.number, point.number), point.text, supported=True)
            for point in points
        ] or [Citation(Reference(article.number, paragraph.number), paragraph.text, supported=True)]
        words += sum(len(citation.quote.split()) for citation in quoted)
        if passages and words > QUOTED_WORDS:
            break
        lines = [f"{one.reference.point}) {one.quote}" if points else one.quote for one in quoted]
        lines = [f"{line} [{one.reference}]" for line, one in zip(lines, quoted, strict=True)]
        passages.append("\n".join([paragraph.lead, *lines] if points else lines))
        citations += quoted
    return Answer("quoted", "\n\n".join(passages), tuple(citations))


def _answering_points(paragraph: Paragraph, similarity: Similarity) -> list[Point]:
    """Those points of a long paragraph that answer the question; none where it is better quoted as a whole."""
    if len(paragraph.text.split()) <= LONG_WORDS or similarity.best == similarity.whole:
        return []
    points = [
        point
        for point, value in zip(paragraph.points, similarity.points, strict=True)
        if value >= similarity.best - POINT_MARGIN
    ]
    return points if len(points) < len(paragraph.points) else []


def answer_prompt(question: str, articles: Sequence[Article]) -> str:
    law = "\n\n".join(article.print() for article in articles)
    return read_prompt("answer", ("articles", "question")).format(articles=law, question=question)


def read_answer(text: str, articles: Sequence[Article], *, complete: bool) -> Answer:
    """A written answer with its citations and sentences checked against the `articles` that the model was shown."""
    return Answer(
        "written", text.strip(), find_citations(text, articles), check_statements(text, articles), complete
    )
