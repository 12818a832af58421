"""An answer on one page, as PDF and as Word, with its paragraphs, edition, date and how it was found."""

import io
from dataclasses import replace

import docx
import pypdfium2
import pytest

from labourqa.answering.report import LoggedAnswer
from labourqa.answering.sheet import to_pdf, to_word
from labourqa.answering.verification import Statement
from labourqa.law.citations import Citation
from labourqa.law.references import Reference
from tests.samples import make_refusal, make_report

QUESTION = "Ar už darbą naktį mokama daugiau? Оплата ночной работы?"


def pdf_text(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    assert len(document) == 1
    return " ".join(document[0].get_textpage().get_text_bounded().split())


def word_text(data: bytes) -> str:
    return " ".join(paragraph.text for paragraph in docx.Document(io.BytesIO(data)).paragraphs)


def make_answer(
    passages: int = 1, text: str = "Night work is paid at one and a half times the pay."
) -> LoggedAnswer:
    report = make_report(QUESTION)
    statements = tuple(Statement(f"{n}. {text}", (Reference("2"),), ()) for n in range(1, passages + 1))
    citations = (Citation(Reference("2"), text, supported=True, page=88),)
    answer = replace(report.answer, statements=statements, citations=citations)
    return LoggedAnswer(replace(report, answer=answer), "2026-03-04T10:00:00+00:00")


@pytest.mark.parametrize(("write", "read"), [(to_pdf, pdf_text), (to_word, word_text)], ids=["pdf", "word"])
def test_the_page_has_question_paragraphs_pages_edition_date_and_how_it_was_found(write, read) -> None:  # type: ignore[no-untyped-def]
    text = read(write(make_answer()))
    for part in (
        QUESTION,
        "Art. 2, page 88. Night Work",
        "Night work is paid at one and a half times the pay.",
        "Labour Code of Nowhere, version of 2025-01-01 (nowhere.txt), SHA-256 0000000000000000",
        "Asked on 2026-03-04. 3 of 3 articles were read by smollm2-135m",
        "Information, not legal advice.",
    ):
        assert part in text


def test_a_long_answer_is_cut_to_one_page_and_says_what_is_not_shown() -> None:
    text = pdf_text(to_pdf(make_answer(40, "The employer pays a wage to everyone who works for it. " * 20)))
    assert "1. The employer pays" in text
    assert "…" in text
    assert "Not shown here: Art. 2, page 88. Night Work" in text


def test_a_refusal_and_control_characters_are_written_too() -> None:
    refusal = LoggedAnswer(replace(make_refusal(), question="Taxes\x07\x1b?"), "2026-03-04")
    assert "Taxes ?" in pdf_text(to_pdf(refusal)).replace("Taxes?", "Taxes ?")
    assert refusal.report.answer.text in word_text(to_word(refusal))
