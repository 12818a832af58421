"""The answer: the code's own words (quoted), the model's words about them (written), or a refusal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from labourqa.answering.verification import Statement, check_statements
from labourqa.config import read_prompt
from labourqa.engine.base import ModelInfo
from labourqa.law.citations import Citation, find_citations
from labourqa.law.references import Reference, show_number
from labourqa.law.structure import Article, Paragraph, Point
from labourqa.models.relevance import ParagraphRelevance

# How a question ended: "answered"; "closest": no clear answer, and the passages that come nearest are shown; "outside":
# the code does not answer it; "language": it is in a language that the models cannot read; "small_talk": it asks
# nothing.
Outcome = Literal["answered", "closest", "outside", "language", "small_talk"]

# Paragraphs within this much of the best one, in log-probability, are quoted: about 120 words for a narrow question and
# more for a broad one (docs/quality.md). At least one paragraph is quoted, and at most MAX_WORDS words, or for a broad
# question MAX_WORDS_PER_ARTICLE for each article that is about equally good.
PARAGRAPH_MARGIN = 4.0
MAX_WORDS = 250
MAX_WORDS_PER_ARTICLE = 100
# Of a paragraph with more than LONG_WORDS, only points are quoted if the best one answers better than the whole
# paragraph by POINT_MARGIN: that one, and those within the same margin of it.
LONG_WORDS = 60
POINT_MARGIN = 4.0
ARTICLE_WEIGHT = 0.5  # of an article's score, beside the log-probability of the paragraph within it


@dataclass(frozen=True)
class Answer:
    kind: Literal["quoted", "written", "refused"]
    text: str
    citations: tuple[Citation, ...] = ()
    statements: tuple[Statement, ...] = ()  # the quoted passages, or the written sentences with their doubts
    complete: bool = True  # False: the model was stopped at the token limit
    outcome: Outcome = "answered"
    short: tuple[Citation, ...] = ()  # the one or two decisive sentences: see short_answer.py
    conditions: tuple[Citation, ...] = ()  # clauses of the cited passages: see conditions.py


def choose_kind(setting: str, model: ModelInfo) -> Literal["quoted", "written"]:
    """`setting`: "quoted", "written" or "auto", which means written unless the model is too small to write."""
    if setting == "auto":
        return "quoted" if model.is_small else "written"
    return "written" if setting == "written" else "quoted"


def refuse_answer(code: str, articles: Sequence[Article]) -> Answer:
    """A refusal that says what the code covers, by the titles of its parts."""
    titles = [
        re.sub(r"^PART \S+ ", "", article.part, flags=re.IGNORECASE).strip().lower() for article in articles
    ]
    covered = ", ".join(title for title in dict.fromkeys(titles) if title and title != "general provisions")
    what = f"; it covers {covered}" if covered else ""
    return Answer("refused", f"Nothing in the {code} answers this question{what}.", outcome="outside")


def show_closest(
    code: str, articles: Sequence[Article], paragraphs: Mapping[str, Sequence[ParagraphRelevance]]
) -> Answer:
    """A refusal that quotes, of each of `articles`, the paragraph that comes nearest to the question.

    Of a long paragraph with points, its lead and the nearest points are quoted, as in an answer.
    """
    citations: list[Citation] = []
    statements: list[Statement] = []
    passages: list[str] = []
    for article in articles:
        pairs = zip(article.paragraphs, paragraphs[article.number], strict=True)
        paragraph, relevance = max(pairs, key=lambda pair: pair[1].best)
        quoted = _quote(article, paragraph, relevance)
        statement, passage = _format_quotation(article, paragraph, quoted)
        citations += quoted
        statements.append(statement)
        passages.append(passage)
    lead = Statement(
        f"No clear answer in the {code}. Closest: {_name(articles)}.",
        tuple(Reference(article.number) for article in articles),
        (),
    )
    return Answer(
        "refused",
        "\n\n".join([lead.text, *passages]),
        tuple(citations),
        (lead, *statements),
        outcome="closest",
    )


def refuse_language(code: str, question_language: str, code_language: str) -> Answer:
    """A refusal for a question in a language that the models cannot read; languages by name."""
    return Answer(
        "refused",
        f"The {code} is in {code_language} here, and the question seems to be in {question_language}: "
        f"ask it in {code_language}, or choose a multilingual model with --model.",
        outcome="language",
    )


def answer_small_talk(code: str) -> Answer:
    """The reply to a greeting or thanks."""
    return Answer(
        "refused",
        f'Hello. Ask a question about the {code} in plain words, such as "How long is annual leave?"; the answer '
        "quotes the law and names the articles.",
        outcome="small_talk",
    )


def quote_answer(
    articles: Sequence[Article],
    scores: Mapping[str, float],
    paragraphs: Mapping[str, Sequence[ParagraphRelevance]],
    named: Sequence[Reference] = (),
) -> Answer:
    """Quote the paragraphs of `articles` that answer the question, verbatim, best first, after a line that names them.

    Of a long paragraph with points, its lead and the points that answer are quoted. Paragraphs `named` in the question
    come first. `scores` (natural logarithms) and `paragraphs` are by the article's number.
    """
    named_paragraphs = {
        (reference.article, reference.paragraph) for reference in named if reference.paragraph
    }
    candidates: list[tuple[float, bool, Article, Paragraph, ParagraphRelevance]] = []
    for article in articles:
        relevances = paragraphs[article.number]
        total = np.logaddexp.reduce([relevance.best for relevance in relevances])
        for paragraph, relevance in zip(article.paragraphs, relevances, strict=True):
            score = ARTICLE_WEIGHT * scores[article.number] + relevance.best - total
            is_named = (article.number, paragraph.number) in named_paragraphs
            candidates.append((score, is_named, article, paragraph, relevance))
    best = max((candidate[0] for candidate in candidates), default=0.0)
    passages: list[str] = []
    statements: list[Statement] = []
    citations: list[Citation] = []
    quoted_articles: list[Article] = []
    breadth = _breadth([scores[article.number] for article in articles])
    words, limit = 0, max(MAX_WORDS, MAX_WORDS_PER_ARTICLE * breadth)
    for score, is_named, article, paragraph, relevance in sorted(
        candidates, key=lambda one: (not one[1], -one[0])
    ):
        quoted = _quote(article, paragraph, relevance)
        more = sum(len(citation.quote.split()) for citation in quoted)
        if passages and (words + more > limit or (score < best - PARAGRAPH_MARGIN and not is_named)):
            continue
        words += more
        statement, passage = _format_quotation(article, paragraph, quoted)
        statements.append(statement)
        passages.append(passage)
        citations += quoted
        quoted_articles.append(article)
    lead = _lead(tuple(dict.fromkeys(quoted_articles or articles)))
    return Answer("quoted", "\n\n".join([lead.text, *passages]), tuple(citations), (lead, *statements))


def _breadth(scores: Sequence[float]) -> float:
    """The perplexity of the articles' scores: the number of equally good articles that would be as uncertain."""
    logs = ARTICLE_WEIGHT * np.array(scores)
    logs -= np.logaddexp.reduce(logs)
    return float(np.exp(-(np.exp(logs) * logs).sum()))


def _lead(articles: Sequence[Article]) -> Statement:
    """One line that names the articles quoted."""
    return Statement(
        f"The rules on this: {_name(articles)}.", tuple(Reference(article.number) for article in articles), ()
    )


def _name(articles: Sequence[Article]) -> str:
    names = [f"{article.title} (Art. {show_number(article.number)})" for article in articles]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _quote(article: Article, paragraph: Paragraph, relevance: ParagraphRelevance) -> list[Citation]:
    """The paragraph; of a long one only the points that answer better than the whole."""
    points: list[Point] = []
    if len(paragraph.text.split()) > LONG_WORDS and relevance.best > relevance.whole + POINT_MARGIN:
        points = [
            point
            for point, value in zip(paragraph.points, relevance.points, strict=True)
            if value >= relevance.best - POINT_MARGIN
        ]
    if not points or len(points) == len(paragraph.points):
        return [Citation(Reference(article.number, paragraph.number), paragraph.text, supported=True)]
    return [
        Citation(Reference(article.number, paragraph.number, point.number), point.text, supported=True)
        for point in points
    ]


def _format_quotation(
    article: Article, paragraph: Paragraph, quoted: Sequence[Citation]
) -> tuple[Statement, str]:
    """A quoted paragraph as a statement, and as text with references.

    Of a list that is quoted in part, a line stands for the points that are not shown.
    """
    references = tuple(one.reference for one in quoted)
    if not references[0].point:
        return Statement(quoted[0].quote, references, ()), f"{quoted[0].quote} [{references[0]}]"
    shown = {reference.point: reference for reference in references}
    lines = [paragraph.lead] if paragraph.lead else []
    cited = list(lines)
    omitted: list[str] = []
    for are_shown, group in groupby(paragraph.points, lambda point: point.number in shown):
        points = list(group)
        if are_shown:
            lines += [f"{point.number}) {point.text}" for point in points]
            cited += [f"{point.number}) {point.text} [{shown[point.number]}]" for point in points]
        else:
            numbers = [point.number for point in points]
            omitted += numbers
            lines.append(f"… {_list_points(numbers)} not shown")
            cited.append(lines[-1])
    if paragraph.tail:
        lines.append(paragraph.tail)
        cited.append(paragraph.tail)
    hidden = tuple(Reference(article.number, paragraph.number, number) for number in omitted)
    return Statement("\n".join(lines), references, (), hidden), "\n".join(cited)


def _list_points(numbers: Sequence[str]) -> str:
    """ "5), 6)" or, of more than three, "5) to 9)"."""
    if len(numbers) > 3:
        return f"{show_number(numbers[0])}) to {show_number(numbers[-1])})"
    return ", ".join(f"{show_number(number)})" for number in numbers)


def answer_prompt(question: str, articles: Sequence[Article]) -> str:
    law = "\n\n".join(article.format() for article in articles)
    return read_prompt("answer", ("articles", "question")).format(articles=law, question=question)


def read_answer(text: str, articles: Sequence[Article], *, complete: bool) -> Answer:
    """A written answer; its citations and sentences are checked against the `articles` that the model was shown."""
    return Answer(
        "written", text.strip(), find_citations(text, articles), check_statements(text, articles), complete
    )
