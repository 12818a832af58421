"""The lines of an article -> its paragraphs and points.

Which numbers at a line's beginning count is told by their order: "2022. The employer" after paragraph 2 is text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from labourqa.law.line_layout import SENTENCE_ENDS, LineLayout
from labourqa.law.numbering import next_number, roman_value, sort_key
from labourqa.law.structure import Paragraph, Point

# "1. ", "(1) ", "(1)Where", "(1A) ", "§ 2. ", "§ 2º ", "1 – "
PARAGRAPH = re.compile(
    r"(?:(\d{1,4}(?:\^\d{1,2})?)\. |\((\d{1,3}[A-Z]{0,2})\) ?(?=[^\s\d,;.)])"
    r"|§ ?(\d{1,3})(?:[.º°]|o\.?)? (?:[–—-] )?|(\d{1,2}) [–—-] (?=[A-ZÀ-Þ]))(.*)"
)
POINT = re.compile(
    r"(?:(\d{1,4}(?:\^\d{1,2})?|[^\W\d_])\) ?|\(([^\W\d_]{1,2}|[ivx]{3,5})\) ?)(?=[^\s,;.)])(.*)"
)
# A line after one that ends so begins with a reference, not with a number of its own: "(Article 57(1)(1– / 3) of".
_OPEN_REFERENCE = re.compile(r"(?:[–(-]|\b(?:articles?|paragraphs?|points?|no))$", re.IGNORECASE)
_DOTTED_POINT = re.compile(r"(\d{1,3})()\. (?=\S)(.*)")  # "1. in Betrieben" inside paragraph (2)
_CAPITAL_POINT = re.compile(r"([IVX]{1,5})()(?:[.)]| ?[–—-]) (?=\S)(.*)")  # "IV. ", "IV - "
_LONGEST_PARAGRAPH_GAP = 9  # between numbers in parentheses, which begin hardly any other line
_DEFINITION = re.compile(
    r"(?:[“\"„][^“”\"„]{1,100}[”\"“]|‘[^‘’]{1,100}’|«[^«»]{1,100}»),?(?:.{0,60},)?"
    r" (?:means?|includes?|has|have|is|in)\b"
)
_INLINE_LABEL = re.compile(r"\(([a-z]{1,5})\)(?= \S)")
_OPENS_LIST = re.compile(r"(?:[—–:-]|^)$")
_CONTINUES_LIST = re.compile(r"(?:[;,.]|\b(?:and|or))$")
_LABEL_CONTEXT = 6  # characters before a label that tell whether it is one
_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz") + tuple(2 * letter for letter in "abcdefghijklmnopqrstuvwxyz")
_LIST_STARTS = ("(a) ", "(i) ")  # of a list, even after "are -"
_ROMANS = (
    "i",
    "ii",
    "iii",
    "iv",
    "v",
    "vi",
    "vii",
    "viii",
    "ix",
    "x",
    "xi",
    "xii",
    "xiii",
    "xiv",
    "xv",
    "xvi",
)
_LOOKAHEAD = 60  # lines in which the point after "(i)" is looked for


@dataclass(frozen=True)
class _Row:
    """A part of an article that begins on a line of its own: a paragraph's beginning, a point, or text between."""

    kind: str  # "paragraph", "point", "item" (inside a point) or "text"
    number: str
    label: str  # the number as it stands before a point: "1) "
    text: str


@dataclass(frozen=True)
class _Numbers:
    """The last number of each kind; a point numbered (i) and an item numbered (i) count in Roman numerals."""

    paragraph: str = ""
    point: str = ""
    item: str = ""
    roman_points: bool = False
    roman_items: bool = False
    in_parentheses: bool = False  # the paragraphs' numbers are, so that "1." numbers a point


def read_paragraphs(layout: LineLayout, lines: Sequence[str]) -> tuple[Paragraph, ...]:
    paragraphs: list[list[_Row]] = []
    for row in _read_rows(layout, lines):
        if row.kind == "paragraph" or not paragraphs:
            paragraphs.append([])
        paragraphs[-1].append(row)
    return tuple(map(_make_paragraph, paragraphs))


def _make_paragraph(rows: Sequence[_Row]) -> Paragraph:
    points: list[tuple[str, list[str]]] = []
    for before, row in pairwise([rows[0], *rows]):
        if row.kind == "point":
            points.append((row.number, [row.text]))
        elif row.kind == "item" and before.kind in {"point", "item"}:
            points[-1][1].append(row.label + row.text)
    return Paragraph(
        rows[0].number if rows[0].kind == "paragraph" else "",
        "\n".join(row.label + row.text for row in rows if row.label or row.text),
        tuple(Point(number, "\n".join(texts)) for number, texts in points),
    )


def _read_rows(layout: LineLayout, lines: Sequence[str]) -> list[_Row]:
    """Find the numbers that count at the lines' beginnings, and join the lines up to the next one."""
    if not layout.width:
        lines = [
            piece
            for line in lines
            for part in _split_list(line, _LETTERS)
            for piece in _split_list(part, _ROMANS)
        ]
    rows: list[_Row] = []
    row_lines: list[list[str]] = []
    numbers = _Numbers()
    sentence_ended = True
    for i, line in enumerate(lines):
        opened: list[_Row] = []
        if line.startswith(_LIST_STARTS) or not (layout.width and i and _OPEN_REFERENCE.search(lines[i - 1])):
            opened, numbers = _match_numbers(lines, i, numbers)
        begins = not rows or not layout.width or (sentence_ended and not line[:1].islower())
        if not opened and line and (begins or _begins_definition(lines, i)):
            opened = [_Row("text", "", "", line)]
        if opened:
            rows += opened
            row_lines += [[row.text] for row in opened]
        elif line:
            row_lines[-1].append(line)
        sentence_ended = not line or (line.endswith(SENTENCE_ENDS) and not layout.is_full(line))
    return [replace(row, text=layout.join(texts)) for row, texts in zip(rows, row_lines, strict=True)]


def _split_list(line: str, labels: Sequence[str]) -> list[str]:
    """The line cut before each of the labels "(a)", "(b)", ... that form a list inside its text.

    A list begins after a dash or a colon, and each further label follows a comma, a semicolon, a stop, "and" or "or";
    so "clause (a) of sub-section (1)" is no list.
    """
    cuts: list[int] = []
    for match in _INLINE_LABEL.finditer(line):
        if len(cuts) < len(labels) and match[1] == labels[len(cuts)]:
            before = line[max(0, match.start() - _LABEL_CONTEXT) : match.start()].rstrip()
            if (_CONTINUES_LIST if cuts else _OPENS_LIST).search(before):
                cuts.append(match.start())
    if len(cuts) < 2:
        return [line]
    return [
        line[start:end].strip() for start, end in pairwise([0, *cuts, len(line)]) if line[start:end].strip()
    ]


def _begins_definition(lines: Sequence[str], i: int) -> bool:
    """Whether the line begins with a defined term in quotation marks, after the end of the definition before."""
    return i > 0 and lines[i - 1].endswith((";", ":", "—", "–")) and _DEFINITION.match(lines[i]) is not None


def _match_numbers(lines: Sequence[str], i: int, numbers: _Numbers) -> tuple[list[_Row], _Numbers]:
    """What the line opens if its number can follow: "(1) (a) Every" opens a paragraph and a point."""
    rows: list[_Row] = []
    text = lines[i]
    match = PARAGRAPH.match(text)
    if (
        match
        and not (numbers.in_parentheses and match[1])
        and (number := _next_paragraph(match, numbers.paragraph))
    ):
        text = match[5]
        rows.append(_Row("paragraph", number, "", text))
        numbers = _Numbers(paragraph=number, in_parentheses=match[2] is not None)
    while (match := _match_point(text, numbers)) and (not rows or text[0] == "("):
        row, numbers = _next_point(match, numbers, lines[i + 1 : i + 1 + _LOOKAHEAD])
        if not row:
            break
        if rows:
            rows[-1] = replace(rows[-1], text="")
        text = row.text
        rows.append(row)
    return rows, numbers


def _match_point(text: str, numbers: _Numbers) -> re.Match[str] | None:
    dotted = _DOTTED_POINT.match(text) if numbers.in_parentheses else None
    return POINT.match(text) or _CAPITAL_POINT.match(text) or dotted


def _next_paragraph(match: re.Match[str], last: str) -> str:
    in_parentheses = match[2] or ""
    gap = sort_key(in_parentheses).base - sort_key(last).base
    if in_parentheses and sort_key(last) < sort_key(in_parentheses) and gap <= _LONGEST_PARAGRAPH_GAP:
        return in_parentheses
    return next_number(match[1] or match[2] or match[3] or match[4], last)


def _next_point(
    match: re.Match[str], numbers: _Numbers, following: Sequence[str]
) -> tuple[_Row | None, _Numbers]:
    """The point, or the item inside a point, that the number opens if it can follow the last one."""
    printed = match[1] or match[2]
    text = match[3]
    label = match[0].removesuffix(text)
    if printed.isupper() and match.re is _CAPITAL_POINT:
        if (numbers.point and not numbers.point.isupper()) or roman_value(printed) != roman_value(
            numbers.point
        ) + 1:
            return None, numbers
        return _Row("point", printed, label, text), _Numbers(numbers.paragraph, printed, roman_points=True)
    if _continues_roman(printed, numbers.point if numbers.roman_points else None):
        return _Row("point", printed, label, text), replace(
            numbers, point=printed, item="", roman_items=False
        )
    if _continues_roman(printed, numbers.item if numbers.roman_items else None):
        return _Row("item", printed, label, text), replace(numbers, item=printed)
    if printed == "i" and _counts_roman(numbers.point, following):
        if numbers.point and not numbers.roman_points:
            return _Row("item", "i", label, text), replace(numbers, item="i", roman_items=True)
        return _Row("point", "i", label, text), replace(numbers, point="i", item="", roman_points=True)
    # Where digits number the points, letters number the items inside a point, and the other way about.
    is_item = numbers.point != "" and (
        numbers.roman_points or numbers.point[0].isdigit() != printed[0].isdigit()
    )
    last = numbers.item if is_item and not numbers.roman_items else "" if is_item else numbers.point
    number = next_number(printed, last)
    if not number:
        return None, numbers
    label = label.replace(printed, number)
    if is_item:
        return _Row("item", number, label, text), replace(numbers, item=number, roman_items=False)
    return _Row("point", number, label, text), replace(numbers, point=number, item="", roman_items=False)


def _continues_roman(printed: str, last: str | None) -> bool:
    return last is not None and printed.islower() and 0 < roman_value(printed) - roman_value(last) <= 2


def _counts_roman(last_point: str, following: Sequence[str]) -> bool:
    """Whether "(i)" is a Roman one: the next point of one or more letters tells "(ii)" from "(j)"."""
    for line in following:
        if PARAGRAPH.match(line):
            break
        if (match := POINT.match(line)) and (match[1] or match[2]) in {"ii", "j"}:
            return (match[1] or match[2]) == "ii"
    return last_point != "h"
