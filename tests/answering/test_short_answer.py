from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labourqa.answering.short_answer import MAX_WORDS, choose_short_answer, find_candidates
from labourqa.law.citations import Citation
from labourqa.law.references import Reference
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.models.relevance import ParagraphRelevance
from tests.fakes import FakeEncoder


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    return FakeEncoder().encode(texts)


def choose(question: str, articles: Sequence[Article]) -> tuple[Citation, ...]:
    citations = [
        Citation(Reference(article.number, paragraph.number), paragraph.text, supported=True)
        for article in articles
        for paragraph in article.paragraphs
    ]
    paragraphs = {
        a.number: [ParagraphRelevance(1.0, (1.0,) * len(p.points)) for p in a.paragraphs] for a in articles
    }
    scores = {article.number: -1.0 for article in articles}
    return choose_short_answer(
        citations, articles, paragraphs, scores, question, encode([question])[0], encode
    )


def test_the_short_answer_is_printed_in_the_cited_paragraph_and_short(code: Code) -> None:
    articles = [article for article in code.articles if article.number in ("117", "144", "57")]
    short = choose("How much must be paid for night work?", articles)
    assert 1 <= len(short) <= 2
    assert sum(len(citation.quote.replace("…", " ").split()) for citation in short) <= MAX_WORDS
    assert short[0].reference == Reference("144", "3")
    assert (
        short[0].quote == "Night work must be paid at no less than one and a half times the employee's pay."
    )


def test_repeal_notes_and_bare_references_are_never_the_short_answer() -> None:
    paragraphs = (
        Paragraph("1", "(Repealed.)"),
        Paragraph("2", "Repealed by Act 5."),
        Paragraph("3", "Leave."),
    )
    article = Article("9", "Leave", paragraphs)
    assert choose("What was repealed?", [article]) == ()


def test_a_whole_article_is_cited_sentence_by_sentence() -> None:
    article = Article(
        "9", "Leave", (Paragraph("1", "Leave lasts ten days."), Paragraph("2", "Pay goes on then."))
    )
    candidates = find_candidates([Citation(Reference("9"), article.text, supported=True)], [article])
    assert [(str(one.reference), one.text) for one in candidates] == [
        ("Art. 9(1)", "Leave lasts ten days."),
        ("Art. 9(2)", "Pay goes on then."),
    ]


def test_an_answer_without_supported_citations_has_no_short_answer() -> None:
    article = Article("9", "Leave", (Paragraph("1", "Leave lasts ten days."),))
    assert find_candidates([Citation(Reference("9", "7"), "", supported=False)], [article]) == []
