"""Akoma Ntoso: structure is taken from the elements and not told from the text."""

from pathlib import Path

import pytest

from labourqa.documents.akoma_ntoso import is_akoma_ntoso, read_akoma_ntoso
from labourqa.documents.content import LeftOut
from labourqa.documents.document import read_document
from labourqa.errors import DocumentError
from labourqa.law.parser import parse_code
from labourqa.law.structure import Code, Point

SAMPLE = Path(__file__).parent / "samples" / "code.akn.xml"


@pytest.fixture(scope="module")
def code() -> Code:
    code = read_document(SAMPLE).code
    assert code is not None
    return code


def wrap(body: str, root: str = "akomaNtoso") -> bytes:
    return f"<{root}><act><body>{body}</body></act></{root}>".encode()


def test_articles_stand_under_their_headings(code: Code) -> None:
    assert (code.name, code.date) == ("Labour Code of Utopia", "2025-01-01")
    assert [(one.number, one.title, one.part, one.chapter) for one in code.articles] == [
        ("1", "Purpose", "PART I. GENERAL PROVISIONS", "Chapter 1. Rules"),
        ("72^1", "", "PART I. GENERAL PROVISIONS", "Chapter 1. Rules"),
        ("73", "Amendment", "PART II", ""),
    ]
    assert code.annex == "Directive 91/383."


def test_paragraphs_points_and_items_are_taken_from_the_elements(code: Code) -> None:
    first, second = code.articles[0].paragraphs
    assert (first.number, first.text, first.points) == ("1", "The Code governs work under Article 72^1.", ())
    assert second.points == (
        Point("a", "workers;"),
        Point("b", "children:\ni) below 14;\nii) at school."),
    )
    assert second.lead == "It protects:"
    assert second.text.endswith("\nii) at school.\nIt protects nobody else.")


def test_a_removed_article_is_kept_and_said_to_be_repealed(code: Code) -> None:
    assert code.articles[1].text == "(Repealed)"


def test_quoted_law_is_no_article_of_this_one(code: Code) -> None:
    assert "New text." in code.articles[2].text


def test_notes_and_deletions_are_kept_apart() -> None:
    left_out = read_document(SAMPLE).left_out
    assert left_out == (LeftOut("footnote", "As amended in 2020."), LeftOut("deleted text", "13"))


def test_the_text_reads_as_the_law_is_printed_and_parses_to_the_same_articles(code: Code) -> None:
    text = read_document(SAMPLE).text
    assert (
        "\n\nArticle 1. Purpose\n1. The Code governs work under Article 72^1.\n2. It protects:\na) workers;\n"
        in text
    )
    assert "Not part of the law" not in text
    assert [one.number for one in parse_code(text).articles] == [one.number for one in code.articles]


def test_an_act_of_sections_has_subsections_for_paragraphs_and_paragraphs_for_points() -> None:
    body = (
        "<part><num>1</num><heading>Pay</heading><section><num>60E</num><heading>Leave</heading>"
        "<subsection><num>(1)</num><intro><p>Leave is:</p></intro>"
        "<paragraph><num>(a)</num><content><p>paid; and</p></content></paragraph>"
        "<paragraph><num>(b)</num><content><p>annual.</p></content></paragraph></subsection></section>"
        "<section><num>61</num><content><p>No numbers.</p></content></section></part>"
    )
    for root in (
        "akomaNtoso",
        'a:akomaNtoso xmlns:a="http://docs.oasis-open.org/legaldocml/ns/akn/3.0/WD17"',
    ):
        data = wrap(body).replace(b"<akomaNtoso>", f"<{root}>".encode())
        data = data.replace(b"</akomaNtoso>", f"</{root.split()[0]}>".encode())
        assert is_akoma_ntoso(data)
        read = read_akoma_ntoso(data).code
        assert read is not None
        leave, plain = read.articles
        assert (leave.number, leave.part, leave.paragraphs[0].number) == ("60E", "1. Pay", "1")
        assert leave.paragraphs[0].points == (Point("a", "paid; and"), Point("b", "annual."))
        assert leave.text == "1. Leave is:\n(a) paid; and\n(b) annual."
        assert plain.text == "No numbers."


def test_a_document_without_articles_is_read_as_text() -> None:
    read = read_akoma_ntoso(wrap("<p>Preface.</p><p>More.</p>"))
    assert (read.code, read.text) == (None, "Preface.\nMore.")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wrap("<article><num>1</num>"), "damaged XML"),
        (wrap(""), "has no text"),
        (
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + wrap("<p>&x;</p>"),
            "declares XML entities",
        ),
        (wrap("<part>" * 300 + "</part>" * 300), "nests its elements"),
        (wrap("<p/>" * 600_001), "more elements"),
    ],
    ids=["cut", "empty", "entity", "deep", "many"],
)
@pytest.mark.slow
def test_damage_and_bombs_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read_akoma_ntoso(data)
