"""PDFs drawn for the tests: columns, margin titles, running lines, footnotes, raised marks, damage and bombs."""

import time
from collections import Counter
from itertools import chain
from pathlib import Path

import pypdfium2
import pytest

from labourqa.documents.document import Document, read_document
from labourqa.documents.pdf import draw_page, read_pdf
from labourqa.errors import DocumentError
from labourqa.law.parser import parse_code
from labourqa.law.places import find_places
from tests.documents.make_pdf import Bar, Text, join_objects, make_pdf, paragraph

SHARED = Path(__file__).parents[3] / "shared" / "documents"

# Twelve lines of about 220 points at size 10.
LINES = [
    "The employer and the employee shall act in good",
    "faith, cooperate and not abuse their rights. The",
    "employer shall give each employee work under the",
    "contract and shall pay the wage that was agreed.",
    "The employee shall carry out the work personally",
    "and shall follow the instructions and the rules of",
    "procedure at the workplace. The parties shall also",
    "inform each other about matters which are of great",
    "importance for the conclusion and the performance",
    "of a contract of employment. Neither party may use",
    "this duty to acquire information about the private",
    "life of the other party or of those close to them.",
]


def body(page: int) -> list[str]:
    return [f"{chr(97 + page)} {line}" for line in LINES]


def shared(name: str) -> Document:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not on this machine")
    return read_document(SHARED / name)


def test_two_columns_are_read_one_after_the_other_below_a_title_across_both() -> None:
    title = [Text(180, 760, "GOVERNMENT GAZETTE OF THE REPUBLIC")]
    left, right = (
        paragraph(60, 720, LINES),
        paragraph(320, 720, [line.upper()[:40].strip() for line in LINES]),
    )
    read = read_pdf(make_pdf([*title, *left, *right]))
    assert [line for line in read.lines if line] == [
        title[0].text,
        *LINES,
        *(line.upper()[:40].strip() for line in LINES),
    ]


def test_three_columns_on_baselines_of_their_own_are_read_from_left_to_right() -> None:
    columns = [[f"{name} {line[:30]}".strip() for line in LINES] for name in ("a", "b", "c")]
    drawn = [paragraph(40 + 180 * i, 720 - 3 * i, column) for i, column in enumerate(columns)]
    assert read_pdf(make_pdf(list(chain(*drawn)))).text == "\n".join(chain(*columns))


def test_a_table_is_read_row_by_row() -> None:
    names = ["Mining", "Farming", "Fishing", "Trade", "Transport", "Health", "Schools", "Courts"]
    rows = [(name, f"{20 + i} days") for i, name in enumerate(names)]
    drawn = [
        item
        for i, (name, days) in enumerate(rows)
        for item in (Text(60, 700 - 14 * i, name), Text(330, 700 - 14 * i, days))
    ]
    assert read_pdf(make_pdf(drawn)).text == "\n".join(f"{name} {days}" for name, days in rows)


@pytest.mark.parametrize("x", [40, 505], ids=["left", "right"])
def test_a_margin_title_stands_above_its_section(x: float) -> None:
    wide = [f"{line} {other}"[:72] for line, other in zip(LINES, LINES[1:] + LINES[:1], strict=True)]
    body = paragraph(120, 720, ["12. " + wide[0], *wide[1:6], "13. " + wide[6], *wide[7:]])
    notes = paragraph(x, 720, ["Duties of", "the employ-", "er"], 7, 8) + paragraph(x, 648, ["Wages"], 7)
    lines = [line for line in read_pdf(make_pdf([*body, *notes])).lines if line]
    assert lines[lines.index("12. " + wide[0]) - 1] == "Duties of the employer"
    assert lines[lines.index("13. " + wide[6]) - 1] == "Wages"
    assert len(lines) == 14


def test_running_headers_and_page_numbers_are_taken_out_and_kept_apart() -> None:
    pages = [
        [
            Text(60, 800, "Employment Code" if i % 2 else "Laws of Utopia"),
            *([Text(500, 800, str(i + 1))] if i % 2 else []),
            *paragraph(60, 760, [f"{i + 1}. (Deleted)", *body(i)]),
            *([] if i % 2 else [Text(280, 40, f"- {i + 1} -")]),
        ]
        for i in range(8)
    ]
    read = read_pdf(make_pdf(*pages))
    assert read.lines == [line for i in range(8) for line in (f"{i + 1}. (Deleted)", *body(i))]
    assert read.pages == tuple(page for page in range(1, 9) for _ in range(13))
    assert Counter(line.kind for line in read.left_out) == {"running header": 8, "page number": 4}
    assert {(line.page, line.text) for line in read.left_out} >= {(2, "Employment Code 2"), (3, "- 3 -")}


def test_a_line_of_the_law_that_recurs_at_pages_feet_is_no_running_footer() -> None:
    pages = [paragraph(60, 760 - 2 * i, [*body(i), "or both."]) for i in range(0, 27, 3)]
    assert read_pdf(make_pdf(*pages)).text.count("or both.") == 9


def test_footnotes_and_their_marks_are_taken_out_and_raised_numbers_of_articles_stay() -> None:
    raised = b" 4 Ts /F 6 Tf (1) Tj 0 Ts /F 10 Tf "
    line = (
        b"(Article 72) Tj" + raised + b"(. Leave is paid under the Act) Tj" + raised + b"( of 1999.) Tj ET\n"
    )
    note = b"BT /F 6 Tf 60 90 Td 2 Ts (1) Tj 0 Ts /F 8 Tf (Repealed by Act 5 of 2001.) Tj ET"
    text = b"BT /F 10 Tf 60 560 Td (The employer grants leave each year.) Tj 0 -12 Td "
    read = read_pdf(make_pdf([], content=text + line + b"60 100 m 140 100 l S " + note))
    assert read.lines[-1] == "Article 72^1. Leave is paid under the Act of 1999."
    assert [(one.kind, one.text) for one in read.left_out] == [("footnote", "1Repealed by Act 5 of 2001.")]


def test_smaller_type_at_a_pages_foot_without_a_rule_or_a_mark_is_no_footnote() -> None:
    small = paragraph(60, 500, ["Form A. Name of the employee", "Form B. Name of the employer"], 8)
    read = read_pdf(make_pdf([*paragraph(60, 720, LINES), *small]))
    assert read.lines[-2:] == ["Form A. Name of the employee", "Form B. Name of the employer"]
    assert read.left_out == ()


def test_text_below_a_large_title_and_a_rule_is_no_footnote() -> None:
    title: list[Text | Bar] = [
        Text(200, 780, "LABOUR CODE", 18),
        Text(200, 750, "Act 5 of 1999", 14),
        Bar(60, 740, 400),
    ]
    read = read_pdf(make_pdf([*title, *paragraph(60, 720, LINES)], paragraph(60, 720, LINES)))
    assert [line for line in read.lines if line][:3] == ["LABOUR CODE", "Act 5 of 1999", LINES[0]]
    assert read.left_out == ()


def test_the_roman_page_numbers_of_front_matter_are_taken_out() -> None:
    pages = [
        [*paragraph(60, 720, body(i)), Text(280, 40, number)] for i, number in enumerate(["i", "ii", "iii"])
    ]
    read = read_pdf(make_pdf(*pages))
    assert [(line.kind, line.text) for line in read.left_out] == [
        ("page number", one) for one in ("i", "ii", "iii")
    ]


def test_a_wider_gap_between_lines_is_a_blank_line() -> None:
    drawn = paragraph(60, 720, LINES) + paragraph(60, 720 - 12 * 13, LINES)
    assert read_pdf(make_pdf(drawn)).lines == [*LINES, "", *LINES]


def test_pages_that_hold_only_a_picture_are_counted() -> None:
    read = read_pdf(make_pdf(paragraph(60, 720, LINES), [], paragraph(60, 720, LINES)))
    assert (read.page_count, read.pages_without_text) == (3, (2,))


def test_text_across_the_page_is_kept_apart() -> None:
    stamp = (
        b"BT /F 30 Tf 0 1 -1 0 300 100 Tm (SPECIMEN) Tj ET\nBT /F 10 Tf 60 700 Td (Article 1. Purpose) Tj ET"
    )
    read = read_pdf(make_pdf([], content=stamp))
    assert read.text == "Article 1. Purpose"
    assert [(line.kind, line.text) for line in read.left_out] == [("rotated text", "SPECIMEN")]


def test_a_page_set_sideways_is_read_upright() -> None:
    lines = b"\n".join(
        b"BT /F 10 Tf 0 1 -1 0 %d 100 Tm (%s) Tj ET" % (100 + 12 * i, line.encode())
        for i, line in enumerate(LINES)
    )
    assert read_pdf(make_pdf([], content=lines)).lines == LINES


def write_in_letters(text: bytes, letters: dict[int, str]) -> bytes:
    """A PDF whose font says which letters its codes print."""
    codes = b" ".join(
        b"<%02X> <%s>" % (code, text.encode("utf-16-be").hex().encode()) for code, text in letters.items()
    )
    cmap = (
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
        b"%d beginbfchar %s endbfchar endcmap end" % (len(letters), codes)
    )
    return join_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(cmap), cmap),
        ]
    )


def test_a_ligature_is_read_as_its_letters() -> None:
    text = (
        b"BT /F 10 Tf 60 700 Td (A) Tj 6.7 0 Td (ve) Tj 20 0 Td (o) Tj 5.6 0 Td (B) Tj 6.7 0 Td (ces) Tj ET"
    )
    assert read_pdf(write_in_letters(text, {0x41: "fi", 0x42: "ffi"})).text == "five offices"


def test_arabic_is_read_from_right_to_left() -> None:
    words = "المادة العمل"
    letters = {0x41 + place: letter for place, letter in enumerate(sorted(set(words) - {" "}))} | {
        0x31: "1",
        0x20: " ",
    }
    codes = {letter: code for code, letter in letters.items()}
    drawn = bytes(codes[letter] for letter in reversed(f"{words} 1"))
    assert (
        read_pdf(write_in_letters(b"BT /F 10 Tf 60 700 Td (" + drawn + b") Tj ET", letters)).text
        == f"{words} 1"
    )


def test_a_pdf_whose_fonts_hide_their_letters_is_refused() -> None:
    text = b"BT /F 10 Tf 60 700 Td (ABABABAB) Tj ET"
    with pytest.raises(DocumentError, match="fonts that do not say which letters"):
        read_pdf(write_in_letters(text, {0x41: "\ue141", 0x42: "\ue142"}))


# The Malaysian acts, whose house style has all of this


@pytest.mark.slow
def test_the_malaysian_acts_come_out_clean() -> None:
    read = shared("employment-act-malaysia.en.pdf")
    assert "SEXUAL HARASSMENT" in read.text
    assert "\nGeneral power to exempt or exclude\n\n2B. The Minister may by order" in read.text
    assert "\n34-36. (Deleted)\n" in read.text
    assert not any(line.startswith("Employment ") and line[11:].isdigit() for line in read.lines)
    assert "NOTE—Previously" not in read.text
    counts = Counter(line.kind for line in read.left_out)
    assert counts["running header"] >= 120
    assert counts["footnote"] >= 40
    assert (read.page_count, read.pages_without_text) == (127, (12,))  # page 12 is blank


@pytest.mark.slow
def test_a_footnote_below_a_rule_made_of_signs_is_taken_out_with_its_mark() -> None:
    read = shared("industrial-relations-act-malaysia.en.pdf")
    assert "\nsought, to indicate support for the trade union of workmen\n" in read.text
    assert "who are members of" not in read.text
    assert any("who are members of" in line.text for line in read.left_out if line.page == 21)


# Files that are not what they should be


def test_a_pdf_that_was_cut_off_is_refused_although_pages_are_left() -> None:
    whole = make_pdf(paragraph(60, 720, LINES), paragraph(60, 720, LINES))
    with pytest.raises(DocumentError, match="its end is missing"):
        read_pdf(whole[: whole.index(b"xref")])


@pytest.mark.slow
def test_a_pdf_whose_forms_call_each_other_without_end_is_refused_in_time() -> None:
    calls = b"/X Do " * 60
    forms = [
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>/Length %d>>"
        b"stream\n%s\nendstream" % (i + 5, len(calls), calls)
        for i in range(9)
    ]
    text = b"BT (a) Tj ET"
    last = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length %d>>stream\n%s\nendstream" % (len(text), text)
    bomb = join_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
            b"<</Length 6>>stream\n/X Do \nendstream",
            *forms,
            last,
        ]
    )
    started = time.perf_counter()
    with pytest.raises(DocumentError):
        read_pdf(bomb)
    assert time.perf_counter() - started < 25


def test_each_line_has_its_box_on_the_page_as_it_is_shown() -> None:
    upright = make_pdf([Text(60, 760, "Article 1. Scope", 10)])
    [box] = read_pdf(upright).boxes
    assert box is not None
    assert (box.left, box.bottom) == pytest.approx((60 / 595, (842 - 757.5) / 842), abs=0.002)
    assert box.top == pytest.approx((842 - 769) / 842, abs=0.002)
    # Turned clockwise, the page's left edge is its upper one, and the text runs downwards.
    turned = upright.replace(b"/MediaBox[0 0 595 842]", b"/MediaBox[0 0 595 842]/Rotate 90")
    [turned_box] = read_pdf(turned).boxes
    assert turned_box is not None
    assert (turned_box.top, turned_box.left) == pytest.approx((60 / 595, 757.5 / 842), abs=0.002)
    assert turned_box.bottom == pytest.approx(box.right, abs=0.002)


@pytest.mark.slow
def test_the_boxes_of_a_real_laws_paragraphs_hold_their_words() -> None:
    document = shared("industrial-relations-act-malaysia.en.pdf")
    articles = parse_code(document.text).articles
    places = find_places(articles, document.lines, document.pages, document.boxes)
    pages = pypdfium2.PdfDocument(document.data)
    right = 0
    paragraphs = [(article.number, one) for article in articles for one in article.paragraphs]
    for number, one in paragraphs:
        place = places.get((number, one.number))
        printed = ""
        for line in place.lines if place else ():
            if box := document.boxes[line]:
                page = pages[document.pages[line] - 1]
                width, height = page.get_size()
                # Two points inside the box, so that PDFium does not add the lines above and below.
                sides = (
                    box.left * width,
                    (1 - box.bottom) * height + 2,
                    box.right * width,
                    (1 - box.top) * height - 2,
                )
                printed += page.get_textpage().get_text_bounded(*sides)
        right += letters(one.text) in letters(printed)
    assert len(paragraphs) > 200
    assert right >= len(paragraphs) - 2


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def test_a_page_is_drawn_and_one_that_is_not_there_is_one_sentence() -> None:
    data = make_pdf([Text(60, 760, "Article 1. Scope")])
    assert draw_page(data, 1).startswith(b"\x89PNG")
    with pytest.raises(DocumentError, match="has no page 2 that can be drawn"):
        draw_page(data, 2)
