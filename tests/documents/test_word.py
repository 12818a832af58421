"""Word documents made for the tests: generated numbers, tables, tracked changes, footnotes, and bombs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from labourqa.documents import word
from labourqa.documents.content import LeftOut
from labourqa.documents.document import read_document
from labourqa.documents.word import read_word
from labourqa.documents.word_numbering import write_number
from labourqa.errors import DocumentError
from labourqa.law.parser import parse_code
from tests.documents.make_docx import listed, make_docx, paragraph, run, table

RUSSIA = Path(__file__).parents[3] / "shared" / "documents" / "labour-code-russia.ru.docx"
STYLED = '<w:rStyle w:val="Ref"/>'
RAISED = '<w:vertAlign w:val="superscript"/>'


def level(depth: int, pattern: str, form: str = "decimal", more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{pattern}"/></w:lvl>'
    )


KOP = '<w:pStyle w:val="Kop"/>'
LISTS = (
    f'<w:abstractNum w:abstractNumId="7">{level(0, "Article %1.")}{level(1, "%2.")}{level(2, "%3)", "lowerLetter")}'
    f"{level(3, '%1.%4', more='<w:isLgl/>')}</w:abstractNum>"
    f'<w:abstractNum w:abstractNumId="8">{level(0, "CHAPTER %1", "upperRoman", KOP)}'
    "</w:abstractNum>"
    '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="7"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="10"/>'
    "</w:lvlOverride></w:num>"
    '<w:num w:numId="4"><w:abstractNumId w:val="8"/></w:num>'
)
STYLES = (
    '<w:style w:styleId="Kop"><w:pPr><w:numPr><w:numId w:val="4"/></w:numPr></w:pPr></w:style>'
    '<w:style w:styleId="Kop2"><w:basedOn w:val="Kop"/></w:style>'
    '<w:style w:styleId="Ref"><w:rPr><w:vertAlign w:val="superscript"/></w:rPr></w:style>'
)


def read_lines(body: str, **parts: str) -> list[str]:
    return list(read_word(make_docx(body, **parts)).lines)


def test_each_paragraph_is_a_line_and_a_raised_digit_is_marked() -> None:
    body = (
        f"<w:p>{run('Article 72')}{run('1', RAISED)}{run('2', RAISED)}{run('. Leave')}</w:p>{paragraph('12')}"
    )
    assert read_lines(body) == ["Article 72^12. Leave", "12"]


def test_a_digit_raised_by_its_style_is_marked() -> None:
    body = f"<w:p>{run('Article 72')}{run('1', STYLED)}</w:p>"
    assert read_lines(body, styles=STYLES) == ["Article 72^1"]


def test_tabs_breaks_and_signs_are_kept() -> None:
    signs = '<w:t>c</w:t><w:noBreakHyphen/><w:sym w:char="F0B7"/>'
    body = f"<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/>{signs}</w:r></w:p>"
    assert read_lines(body) == ["a\tb", "c-•"]


def test_numbers_that_word_generates_stand_before_their_paragraphs() -> None:
    body = (
        listed("Purpose", 1)
        + listed("The Code governs work.", 1, 1)
        + listed("paid work", 1, 2)
        + listed("unpaid work", 1, 2)
        + listed("It binds all.", 1, 1)
        + listed("Scope", 2)  # another list that counts on
        + listed("Work abroad.", 2, 1)
        + listed("ships", 2, 2)
        + listed("", 2)  # an empty paragraph has no number
        + listed("Leave", 3)  # begins at 10
        + listed("Annual leave.", 3, 3)
        + listed("Pay", 3)
    )
    assert [line for line in read_lines(body, numbering=LISTS) if line] == [
        "Article 1. Purpose",
        "1. The Code governs work.",
        "a) paid work",
        "b) unpaid work",
        "2. It binds all.",
        "Article 2. Scope",
        "1. Work abroad.",
        "a) ships",
        "Article 10. Leave",
        "10.1 Annual leave.",
        "Article 11. Pay",
    ]


def test_a_style_gives_its_paragraphs_their_numbers_unless_one_opts_out() -> None:
    body = (
        paragraph("General", '<w:pStyle w:val="Kop"/>')
        + paragraph("Preamble", '<w:pStyle w:val="Kop"/><w:numPr><w:numId w:val="0"/></w:numPr>')
        + paragraph("Contract", '<w:pStyle w:val="Kop2"/>')
    )
    assert read_lines(body, numbering=LISTS, styles=STYLES) == [
        "CHAPTER I General",
        "Preamble",
        "CHAPTER II Contract",
    ]


@pytest.mark.parametrize(
    ("number", "form", "written"),
    [
        (4, "lowerRoman", "iv"),
        (1999, "upperRoman", "MCMXCIX"),
        (27, "lowerLetter", "aa"),
        (7, "russianLower", "ж"),
        (3, "decimalZero", "03"),
        (12, "ordinal", "12th"),
        (22, "ordinal", "22nd"),
        (5, "chickenLetters", "5"),
        (0, "upperLetter", "0"),
        (10**6, "upperRoman", "1000000"),
    ],
)
def test_a_number_is_written_in_its_format(number: int, form: str, written: str) -> None:
    assert write_number(number, form) == written


def test_a_tables_row_is_a_line_unless_its_cells_hold_several_paragraphs() -> None:
    rows = table(
        [paragraph("Mining"), paragraph("30 days")],
        [paragraph("Article 1. Purpose") + paragraph("Text."), paragraph("1 straipsnis. Tikslas")],
    )
    nested = table([table([paragraph("a"), paragraph("b")]) + "<w:p/>", paragraph("c")])
    assert read_lines(rows + nested) == [
        "Mining\t30 days",
        "Article 1. Purpose",
        "Text.",
        "1 straipsnis. Tikslas",
        "a\tb\tc",
    ]


def test_tracked_changes_are_read_as_accepted_and_what_was_deleted_is_kept_apart() -> None:
    body = (
        "<w:p>"
        + run("Leave is ")
        + "<w:del><w:r><w:delText>20</w:delText></w:r></w:del>"
        + f"<w:ins>{run('25')}</w:ins>"
        + run(" days.")
        + f"<w:moveFrom>{run('Moved.')}</w:moveFrom></w:p>"
        + f"<w:p><w:moveTo>{run('Moved.')}</w:moveTo></w:p>"
    )
    read = read_word(make_docx(body))
    assert read.lines == ["Leave is 25 days.", "Moved."]
    assert read.left_out == (LeftOut("deleted text", "20Moved."),)


def test_a_paragraph_whose_end_was_deleted_runs_on() -> None:
    body = paragraph("Leave is ", "<w:rPr><w:del/></w:rPr>") + paragraph("25 days.") + paragraph("Pay.")
    assert read_lines(body) == ["Leave is 25 days.", "Pay."]


def test_earlier_formatting_fields_and_copies_of_text_boxes_are_no_text() -> None:
    box = f"<w:txbxContent>{paragraph('In a box')}</w:txbxContent>"
    body = (
        "<w:p><w:r><w:instrText>PAGE</w:instrText></w:r>"
        + f"<w:r><w:AlternateContent><w:Choice>{box}</w:Choice><w:Fallback>{box}</w:Fallback>"
        + "</w:AlternateContent></w:r>"
        + run("secret", "<w:vanish/>")
        + run("Text")
        + "</w:p>"
    )
    read = read_word(make_docx(body))
    assert read.lines == ["In a box", "Text"]
    assert read.left_out == (LeftOut("hidden text", "secret"),)


def test_footnotes_and_headers_are_kept_apart() -> None:
    notes = f"<w:footnote>{paragraph('As amended in 2020.')}</w:footnote>"
    read = read_word(make_docx(paragraph("Text"), footnotes=notes, header1=paragraph("Labour Code")))
    assert read.text == "Text"
    assert read.left_out == (
        LeftOut("footnote", "As amended in 2020."),
        LeftOut("running header", "Labour Code"),
    )


def test_the_strict_dialect_is_read() -> None:
    strict = make_docx(
        listed("Purpose", 1), namespace="http://purl.oclc.org/ooxml/wordprocessingml/main", numbering=LISTS
    )
    assert read_word(strict).text == "Article 1. Purpose"


@pytest.mark.slow
def test_the_russian_code_has_its_517_articles() -> None:
    if not RUSSIA.exists():
        pytest.skip(f"{RUSSIA} is not on this machine")
    read = read_document(RUSSIA)
    assert len(parse_code(read.text).articles) >= 400
    assert len(set(re.findall(r"^Статья (\d[\d.]*)\.? ", read.text, re.MULTILINE))) == 517


# Bombs


def test_a_word_document_that_defines_entities_is_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    with pytest.raises(DocumentError, match="declares XML entities"):
        read_word(make_docx(paragraph("&a;&b;"), prolog=bomb))


def test_a_word_document_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = make_docx(paragraph("a" * 2_000_000))
    monkeypatch.setattr(word, "MAX_BYTES", 1_000_000)
    assert len(bomb) < 1_000_000
    with pytest.raises(DocumentError, match="unpacks to more"):
        read_word(bomb)


@pytest.mark.parametrize(
    "body",
    [
        "<w:p>" * 500_000 + "</w:p>" * 500_000,
        "<w:p/>" * 8_000_000,
        "<w:tbl><w:tr><w:tc>" * 200_000,
        listed("a", 1, 8) * 80_000,
        paragraph("a", '<w:pStyle w:val="Kop2"/>') * 80_000,
        "<w:p><w:r><w:t>" + "<w:tab/>" * 590_000 + "</w:t></w:r></w:p>",
        f"<w:p>{run('1', RAISED) * 140_000}</w:p>",
    ],
    ids=["nested", "empty", "tables", "numbers", "styles", "tabs", "runs"],
)
@pytest.mark.slow
def test_a_small_file_that_asks_for_much_is_read_or_refused_within_20_seconds_and_a_gigabyte(
    body: str, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.docx"
    path.write_bytes(make_docx(body, numbering=LISTS, styles=STYLES))
    code = (
        "import sys; from pathlib import Path; from labourqa.documents.document import read_document\n"
        "from labourqa.errors import DocumentError\n"
        "try: read_document(Path(sys.argv[1]))\n"
        "except DocumentError as error: print(error)"
    )

    resource = pytest.importorskip("resource")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-c", code, path],
        preexec_fn=limit,
        timeout=20,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "" or done.stdout.startswith("bomb.docx ")
