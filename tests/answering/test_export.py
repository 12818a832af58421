"""A conversation as Markdown, Word and JSON."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence

import pytest
from docx import Document
from markdown_it import MarkdownIt

from labourqa.answering.answer import Answer
from labourqa.answering.export import to_docx, to_json, to_markdown
from labourqa.answering.report import LoggedAnswer
from labourqa.answering.verification import Statement
from labourqa.law.references import Reference
from labourqa.text import escape_markdown
from tests.samples import make_logged_answer, make_refusal

Write = Callable[[str, Sequence[LoggedAnswer]], str]


def write_markdown(title: str, answers: Sequence[LoggedAnswer]) -> str:
    """Markdown without the escapes, which a reader does not see."""
    return to_markdown(title, answers).replace("\\", "")


def write_docx(title: str, answers: Sequence[LoggedAnswer]) -> str:
    """The text of the Word document."""
    document = Document(io.BytesIO(to_docx(title, answers)))
    return "\n".join(paragraph.text for paragraph in document.paragraphs)


@pytest.mark.parametrize("write", [write_markdown, write_docx])
def test_question_answer_reference_edition_and_date_are_there(write: Write) -> None:
    text = "Night work is paid at one and a half times."
    statement = Statement(text, (Reference("72^1", "3"),), ())
    written = write("Nights", [make_logged_answer(answer=Answer("written", text, (), (statement,)))])
    for part in (
        "Nights", "How is night work paid?", "one and a half times", "[Art. 72¹(3)]", "Labour Code of Nowhere",
        "version of 2025-01-01", "nowhere.txt", "Asked on 2026-11-21", "3 of 3 articles read", "not legal advice",
    ):  # fmt: skip
        assert part in written


@pytest.mark.parametrize("write", [write_markdown, write_docx])
def test_a_doubt_and_an_unknown_article_are_not_left_out(write: Write) -> None:
    statement = Statement("It is forbidden.", (), ("it cites nothing",))
    doubted = make_logged_answer(answer=Answer("written", "", (), (statement,)), unknown=(Reference("999"),))
    written = write("Nights", [doubted])
    assert "Not supported by the law: it cites nothing" in written
    assert "has no Art. 999" in written


@pytest.mark.parametrize("write", [write_markdown, write_docx])
def test_a_refusal_is_its_sentence(write: Write) -> None:
    refused = LoggedAnswer(make_refusal(), "2026-11-21T10:00:00+00:00")
    assert "Nothing in the code answers this." in write("Tax", [refused])


def test_markdown_of_a_model_stays_text() -> None:
    hostile = "![x](https://example.org/a.png) <script>alert(1)</script> # no heading\n* no list"
    text = to_markdown("a", [make_logged_answer(hostile)])
    assert "![x]" not in text
    assert "<script>" not in text
    assert "\n* no list" not in text
    assert escape_markdown(hostile).replace("\\", "") == hostile


def test_no_mark_of_markdown_takes_effect() -> None:
    hostile = (
        "# h\n* a\n- b\n1. c\n2) d\n> q\n    e\n\ttab\n\n    code\n| a | b |\n|---|---|\n~~x~~ **y** __z__ `c` "
        "<b>t</b> &lt; [l](http://x) ![i](j)\n===\n---\n```\nfence"
    )
    rendered = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .render(to_markdown("a", [make_logged_answer(hostile)]))
    )
    tags = set(re.findall(r"<(\w+)", rendered))
    assert tags == {"h1", "h2", "p", "br", "strong", "em"}
    assert "&amp;lt; [l](http://x) ![i](j)" in rendered


def test_json_has_the_reports_as_they_are() -> None:
    answer = make_logged_answer()
    document = json.loads(to_json("Nights", [answer]))
    assert document == {
        "title": "Nights",
        "answers": [{"asked_at": answer.asked_at, "report": answer.report.to_json()}],
    }


def test_word_takes_characters_that_xml_does_not() -> None:
    with zipfile.ZipFile(io.BytesIO(to_docx("a\x00b", [make_logged_answer("one\x1btwo")]))) as file:
        assert "onetwo" in file.read("word/document.xml").decode()
