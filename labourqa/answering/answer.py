"""The answer: the code's own words (quoted), the model's words about them (written), or a refusal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from labourqa.answering.verification import Statement, check_statements
from labourqa.config import read_prompt
from labourqa.engine.base import ModelInfo
from labourqa.law.citations import Citation, find_citations
from labourqa.law.references import Reference, show_number
from labourqa.law.structure import Article, Paragraph, Point
from labourqa.models.relevance import ParagraphRelevance

# Quoted are the paragraphs within this much of the best one, in log-probability: about 120 words for a narrow question
# and more for a broad one (docs/quality.md) ...
PARAGRAPH_MARGIN = 4.0
QUOTED_WORDS = 250  # ... but at least one paragraph, and no more than so many words ...
ARTICLE_WORDS = 100  # ... or, for a broad question, so many for each article among which it wavers
# Of a paragraph with more words, points are quoted where one answers so much better than the paragraph as a whole: that
# one, and those within as much of it.
LONG_WORDS = 60
POINT_MARGIN = 4.0
ARTICLE_WEIGHT = 0.5  # of an article's score beside the log-probability of the paragraph within it
WRITTEN_PARAMETERS = 1_000_000_000  # the prose of smaller models contradicts its own sources


@dataclass(frozen=True)
class Answer:
    kind: Literal["quoted", "written", "refused"]
    text: str
    citations: tuple[Citation, ...] = ()
    statements: tuple[Statement, ...] = ()  # piece by piece: the passages, or the written sentences, checked
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
    scores: Mapping[str, float],
    paragraphs: Mapping[str, Sequence[ParagraphRelevance]],
    named: Sequence[Reference] = (),
) -> Answer:
    """Behind a line that says where it stands, the paragraphs of `articles` that answer, verbatim, best first.

    Of a long paragraph with points, its lead and the points that answer. Those `named` in the question stand first.
    `scores` of the articles, in natural logarithms, and of their `paragraphs` are by the article's number.
    """
    first = {(reference.article, reference.paragraph) for reference in named if reference.paragraph}
    candidates: list[tuple[float, bool, Article, Paragraph, ParagraphRelevance]] = []
    for article in articles:
        own = paragraphs[article.number]
        total = np.logaddexp.reduce([score.best for score in own])
        for paragraph, score in zip(article.paragraphs, own, strict=True):
            place = ARTICLE_WEIGHT * scores[article.number] + score.best - total
            is_named = (article.number, paragraph.number) in first
            candidates.append((place, is_named, article, paragraph, score))
    best = max((candidate[0] for candidate in candidates), default=0.0)
    passages: list[str] = []
    statements: list[Statement] = []
    citations: list[Citation] = []
    quoted_articles: list[Article] = []
    breadth = _breadth([scores[article.number] for article in articles])
    words, most = 0, max(QUOTED_WORDS, ARTICLE_WORDS * breadth)
    for place, is_named, article, paragraph, score in sorted(
        candidates, key=lambda one: (not one[1], -one[0])
    ):
        quoted = _quote(article, paragraph, score)
        more = sum(len(citation.quote.split()) for citation in quoted)
        if passages and (words + more > most or (place < best - PARAGRAPH_MARGIN and not is_named)):
            continue
        words += more
        lines = [
            f"{one.reference.point}) {one.quote}" if one.reference.point else one.quote for one in quoted
        ]
        before = [paragraph.lead] if quoted[0].reference.point else []
        statements.append(Statement("\n".join([*before, *lines]), tuple(one.reference for one in quoted), ()))
        lines = [f"{line} [{one.reference}]" for line, one in zip(lines, quoted, strict=True)]
        passages.append("\n".join([*before, *lines]))
        citations += quoted
        quoted_articles.append(article)
    lead = _lead(tuple(dict.fromkeys(quoted_articles or articles)))
    return Answer("quoted", "\n\n".join([lead.text, *passages]), tuple(citations), (lead, *statements))


def _breadth(scores: Sequence[float]) -> float:
    """Among how many equally good articles one would waver as much: the perplexity, 1 for a narrow question."""
    logs = ARTICLE_WEIGHT * np.array(scores)
    logs -= np.logaddexp.reduce(logs)
    return float(np.exp(-(np.exp(logs) * logs).sum()))


def _lead(articles: Sequence[Article]) -> Statement:
    """One line in plain words: which rules answer."""
    names = [f"{article.title} (Art. {show_number(article.number)})" for article in articles]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return Statement(
        f"The rules on this: {listed}.", tuple(Reference(article.number) for article in articles), ()
    )


def _quote(article: Article, paragraph: Paragraph, score: ParagraphRelevance) -> list[Citation]:
    """The paragraph, or of a long one those of its points that answer so much better than it does as a whole."""
    points: list[Point] = []
    if len(paragraph.text.split()) > LONG_WORDS and score.best > score.whole + POINT_MARGIN:
        points = [
            point
            for point, value in zip(paragraph.points, score.points, strict=True)
            if value >= score.best - POINT_MARGIN
        ]
    if not points or len(points) == len(paragraph.points):
        return [Citation(Reference(article.number, paragraph.number), paragraph.text, supported=True)]
    return [
        Citation(Reference(article.number, paragraph.number, point.number), point.text, supported=True)
        for point in points
    ]


def answer_prompt(question: str, articles: Sequence[Article]) -> str:
    law = "\n\n".join(article.format() for article in articles)
    return read_prompt("answer", ("articles", "question")).format(articles=law, question=question)


def read_answer(text: str, articles: Sequence[Article], *, complete: bool) -> Answer:
    """A written answer with its citations and sentences checked against the `articles` that the model was shown."""
    return Answer(
        "written", text.strip(), find_citations(text, articles), check_statements(text, articles), complete
    )
