"""The lines of an article -> its paragraphs and points.

Which numbers at a line's beginning count is told by their order: "2022. The employer" after paragraph 2 is text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from labourqa.law.line_layout import SENTENCE_ENDS, LineLayout
from labourqa.law.numbering import next_number
from labourqa.law.structure import Paragraph, Point

PARAGRAPH = re.compile(r"(?:(\d{1,4}(?:\^\d{1,2})?)\.|\((\d{1,3}[A-Z]?)\)) (.*)")
POINT = re.compile(r"(?:(\d{1,4}(?:\^\d{1,2})?|[^\W\d_])\)|\(([^\W\d_]{1,2})\)) (.*)")
# A line after one that ends so begins with a reference, not with a number of its own: "(Article 57(1)(1– / 3) of".
_OPEN_REFERENCE = re.compile(r"(?:[–(-]|\b(?:articles?|paragraphs?|points?|no))$", re.IGNORECASE)


@dataclass(frozen=True)
class _Row:
    """A part of an article that begins on a line of its own: a paragraph's beginning, a point, or text between."""

    kind: str  # "paragraph", "point", "item" (inside a point) or "text"
    number: str
    label: str  # the number as it stands before a point: "1) "
    text: str


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
        "\n".join(row.label + row.text for row in rows),
        tuple(Point(number, "\n".join(texts)) for number, texts in points),
    )


def _read_rows(layout: LineLayout, lines: Sequence[str]) -> list[_Row]:
    """Find the numbers that count at the lines' beginnings, and join the lines up to the next one."""
    rows: list[_Row] = []
    row_lines: list[list[str]] = []
    paragraph = point = item = ""  # the last number of each kind
    sentence_ended = True
    for before, line in pairwise(["", *lines]):
        row = None
        if not (layout.width and _OPEN_REFERENCE.search(before)):
            row = _match_paragraph(line, paragraph) or _match_point(line, point, item)
        if row:
            if row.kind == "paragraph":
                paragraph, point, item = row.number, "", ""
            elif row.kind == "point":
                point, item = row.number, ""
            else:
                item = row.number
        elif line and (not rows or not layout.width or (sentence_ended and not line[0].islower())):
            row = _Row("text", "", "", line)
        if row:
            rows.append(row)
            row_lines.append([row.text])
        elif line:
            row_lines[-1].append(line)
        sentence_ended = not line or (line.endswith(SENTENCE_ENDS) and not layout.is_full(line))
    return [replace(row, text=layout.join(texts)) for row, texts in zip(rows, row_lines, strict=True)]


def _match_paragraph(line: str, last: str) -> _Row | None:
    match = PARAGRAPH.match(line)
    number = next_number(match[1] or match[2], last) if match else ""
    return _Row("paragraph", number, "", match[3]) if match and number else None


def _match_point(line: str, last_point: str, last_item: str) -> _Row | None:
    match = POINT.match(line)
    if not match:
        return None
    printed = match[1] or match[2]
    # Where digits number the points, letters number the items inside a point, and the other way about.
    is_item = last_point != "" and last_point[0].isdigit() != printed[0].isdigit()
    number = next_number(printed, last_item if is_item else last_point)
    label = line.removesuffix(match[3]).replace(printed, number)
    return _Row("item" if is_item else "point", number, label, match[3]) if number else None
