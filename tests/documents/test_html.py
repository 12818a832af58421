"""Web pages: what a reader sees is read, with the numbers that lists show."""

import pytest

from labourqa.documents.content import Content, LeftOut
from labourqa.documents.document import read_format
from labourqa.errors import DocumentError


def read(body: str, head: str = '<meta charset="utf-8">', encoding: str = "utf-8") -> Content:
    page = f"<!DOCTYPE html><html><head>{head}<title>Portal</title></head><body>{body}</body></html>"
    content = read_format(page.encode(encoding))
    assert content.format == "HTML"
    return content


def test_headings_and_paragraphs_stand_on_lines_of_their_own() -> None:
    body = "<h2>Article 1.\n Purpose</h2><p>The <b>Code</b>\ngoverns&nbsp;work.<br>Always.</p><div>Now.</div>Then."
    assert read(body).text == "Article 1. Purpose\n\nThe Code governs work.\nAlways.\n\nNow.\nThen."


def test_lists_show_the_numbers_that_a_browser_shows() -> None:
    body = (
        '<ol start="3"><li>c<li value="7">g<li>h<ol type="a"><li><p>x</p><li>y</ol></ol>'
        "<ol type=I><li>one</ol><ul><li>dot</ul><ol><li>1) its own number</ol>"
    )
    assert [line for line in read(body).lines if line] == [
        "3. c", "7. g", "8. h", "a. x", "b. y", "I. one", "• dot", "1) its own number",
    ]  # fmt: skip


def test_a_tables_row_is_a_line_unless_its_cells_hold_several() -> None:
    rows = "<table><tr><td>Mining<td><p>30 days</p><tr><td><p>Article 1.</p><p>Text.</p><td>1 straipsnis.</table>"
    assert [line for line in read(rows).lines if line] == [
        "Mining\t30 days",
        "Article 1.",
        "Text.",
        "1 straipsnis.",
    ]


def test_raised_digits_are_marked_and_links_to_notes_are_kept_apart() -> None:
    body = (
        '<p>Article 72<sup>1</sup> <a href="#t">and 73<sup>2</sup></a>, see'
        '<a href="#n1"><sup>1</sup></a><sup><a href="#n2">2</a></sup> below</p>'
    )
    content = read(body)
    assert content.text == "Article 72^1 and 73^2, see below"
    assert content.left_out == (LeftOut("footnote mark", "1"), LeftOut("footnote mark", "2"))


def test_scripts_menus_and_hidden_text_are_no_text() -> None:
    body = (
        "<script>if (a < b) x('<p>')</script><style>p {}</style><nav><a href=/>Home</a></nav>"
        '<p style="display: none">Draft</p><p hidden>Old</p><!-- note --><p>Law</p>'
    )
    content = read(body)
    assert content.text == "Law"
    assert [(one.kind, one.text) for one in content.left_out] == [
        ("navigation", "Home"),
        ("hidden text", "Draft"),
        ("hidden text", "Old"),
    ]


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="windows-1257">', "cp1257"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-13">', "iso8859-13"),
        ("<meta charset=utf-8>", "utf-8"),
        ("", "utf-16"),
        ("<meta charset=windows-1251>", "utf-8"),  # a server that converted the page left the old name in it
    ],
)
def test_a_page_is_read_in_its_own_encoding(head: str, encoding: str) -> None:
    content = read("<p>Darbuotojų žinios ėjo į šalį</p>", head, encoding)
    assert (content.text, content.encoding_is_certain) == ("Darbuotojų žinios ėjo į šalį", True)


def test_a_page_that_names_a_wrong_encoding_is_read_by_its_letters() -> None:
    content = read(
        "<p>Трудовой кодекс регулирует трудовые отношения.</p>" * 5, "<meta charset=utf-8>", "cp1251"
    )
    assert "Трудовой кодекс" in content.text
    assert not content.encoding_is_certain


@pytest.mark.parametrize(
    "page",
    [
        "<p>a<div>" * 200_000,
        "<b><p>" * 300_000,
        "&" * 10_000_000,
        "<a b=" * 4_000_000,
        "<table><td>" * 100_000,
        "<ol><li>" * 200_000,
    ],
    ids=["divs", "formatting", "ampersands", "attributes", "tables", "lists"],
)
@pytest.mark.timeout(20)
@pytest.mark.slow
def test_a_page_that_never_closes_anything_is_read_or_refused_in_time(page: str) -> None:
    try:
        read_format(f"<html><p>Article 1.</p>{page}".encode())
    except DocumentError as error:
        print(error)  # noqa: T201 - either outcome is right
