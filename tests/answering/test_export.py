"""A conversation as Markdown, Word and JSON."""

import io
import json
import zipfile
from typing import Any

import pytest
from docx import Document

from labourqa.answering.export import escape_markdown, to_docx, to_json, to_markdown
from labourqa.store.database import LoggedAnswer


def answer(text: str = "Night work is paid at one and a half times.", **changes: Any) -> LoggedAnswer:
    report = {
        "question": "How is night work paid?",
        "edition": {
            "code": "Labour Code of Nowhere",
            "date": "2025-01-01",
            "source": "nowhere.txt",
            "sha256": "",
        },
        "model": {"name": "smollm2-135m"},
        "articles": [{}] * 3,
        "read": 3,
        "selected": ["2"],
        "unknown": [],
        "answer": {
            "text": text,
            "statements": [
                {
                    "text": text,
                    "references": [{"article": "72^1", "paragraph": "3", "point": ""}],
                    "doubts": [],
                }
            ],
        },
    } | changes
    return LoggedAnswer(1, "2026-11-21T10:00:00+00:00", report, None, "")


def words_of(docx: bytes) -> str:
    return "\n".join(paragraph.text for paragraph in Document(io.BytesIO(docx)).paragraphs)


@pytest.mark.parametrize("write", [to_markdown, lambda title, answers: words_of(to_docx(title, answers))])
def test_question_answer_reference_edition_and_date_are_there(write: Any) -> None:
    text = write("Nights", [answer()]).replace("\\", "")
    for part in (
        "Nights", "How is night work paid?", "one and a half times", "[Art. 72¹(3)]", "Labour Code of Nowhere",
        "version of 2025-01-01", "nowhere.txt", "Asked on 2026-11-21", "3 of 3 articles read", "not legal advice",
    ):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("write", [to_markdown, lambda title, answers: words_of(to_docx(title, answers))])
def test_a_doubt_and_an_unknown_article_are_not_left_out(write: Any) -> None:
    statement = {"text": "It is forbidden.", "references": [], "doubts": ["it cites nothing"]}
    doubted = answer(answer={"text": "", "statements": [statement]}, unknown=["Art. 999"])
    text = write("Nights", [doubted]).replace("\\", "")
    assert "Not borne out by the law: it cites nothing" in text
    assert "has no Art. 999" in text


def test_a_refusal_is_its_sentence() -> None:
    refused = answer(answer={"text": "Nothing in the code answers this.", "statements": []})
    assert "Nothing in the code answers this." in to_markdown("Tax", [refused]).replace("\\", "")


def test_markdown_of_a_model_stays_text() -> None:
    hostile = "![x](https://example.org/a.png) <script>alert(1)</script> # no heading\n* no list"
    text = to_markdown("a", [answer(hostile)])
    assert "![x]" not in text
    assert "<script>" not in text
    assert "\n* no list" not in text
    assert escape_markdown(hostile).replace("\\", "") == hostile


def test_json_holds_the_reports_as_they_are() -> None:
    document = json.loads(to_json("Nights", [answer()]))
    assert document == {
        "title": "Nights",
        "answers": [{"asked_at": answer().asked_at, "report": dict(answer().report)}],
    }


def test_word_takes_characters_that_xml_does_not() -> None:
    with zipfile.ZipFile(io.BytesIO(to_docx("a\x00b", [answer("one\x1btwo")]))) as file:
        assert "onetwo" in file.read("word/document.xml").decode()
