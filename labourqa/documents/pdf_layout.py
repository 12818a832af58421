"""A PDF's pages -> its lines in reading order, without running lines and footnotes, which are kept apart.

Only places and sizes on the page are compared, so this works alike in every language.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from labourqa.documents.content import LeftOut
from labourqa.documents.pdf_columns import find_margin_sides, read_in_order
from labourqa.documents.pdf_footnotes import FOOTNOTE_MARK, drop_marks, split_footnotes
from labourqa.documents.pdf_lines import Line, make_lines
from labourqa.documents.pdf_pages import Page, most_common_size
from labourqa.documents.pdf_running import find_page_offsets, find_running_lines
from labourqa.law.places import Box

_ASCENT, _DESCENT = 0.9, 0.25  # of the type size: how far most letters reach above and below the baseline
_PARAGRAPH_GAP = 1.35  # of the usual line pitch: a wider gap is a blank line


@dataclass
class Layout:
    """A document's text, line by line, and what was taken out of it."""

    lines: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)  # of each line
    boxes: list[Box | None] = field(default_factory=list)  # of each line, None for a blank one
    left_out: list[LeftOut] = field(default_factory=list)


def arrange_pages(pages: Sequence[Page]) -> Layout:
    """The text of a document's pages."""
    layout = Layout()
    rows = [make_lines(page.runs, page.number) for page in pages]
    offsets = find_page_offsets(rows)
    heads = find_running_lines(rows, offsets, top=True)
    known = {id(line) for line, _ in heads}
    feet = find_running_lines(
        [[line for line in lines if id(line) not in known] for lines in rows], offsets, top=False
    )
    for line, kind in heads + feet:
        layout.left_out.append(LeftOut(kind, line.text, line.page))
    running = {id(run) for line, _ in heads + feet for run in line.runs}
    bodies = [[run for run in page.runs if id(run) not in running] for page in pages]
    body_size = most_common_size([run for body in bodies for run in body])
    notes_side = find_margin_sides(bodies)
    pages_lines: list[list[Line]] = []
    for page, body in zip(pages, bodies, strict=True):
        if page.rotated:
            layout.left_out.append(LeftOut("rotated text", page.rotated, page.number))
        lines: list[Line] = []
        marks: set[str] = set()
        for column in read_in_order(body, page.number, notes_side):
            text_lines, footnotes = split_footnotes(column, page.rules, body_size)
            marks |= {match[1] for line in footnotes if (match := FOOTNOTE_MARK.match(line.text))}
            layout.left_out += [LeftOut("footnote", line.text, page.number) for line in footnotes]
            lines += text_lines
        drop_marks(lines, marks)
        pages_lines.append(lines)
    layout.left_out.sort(key=lambda line: line.page)
    pitch = _usual_pitch(pages_lines)
    for lines in pages_lines:
        _mark_paragraphs(lines, pitch)
    for lines, following in pairwise(filter(None, pages_lines)):
        following[0].blank_before = _ends_paragraph(lines)
    for page, lines in zip(pages, pages_lines, strict=True):
        for line in lines:
            if line.blank_before:
                layout.lines.append("")
                layout.pages.append(line.page)
                layout.boxes.append(None)
            layout.lines.append(line.text)
            layout.pages.append(line.page)
            layout.boxes.append(_place(line, page.placement))
    return layout


def _place(line: Line, placement: Sequence[float]) -> Box:
    """Where the line stands on its page as it is shown, ascenders and descenders included."""
    a, b, c, d, e, f = placement
    low, high = line.baseline - _DESCENT * line.size, line.baseline + _ASCENT * line.size
    corners = [(line.left, low), (line.right, high)]
    across = sorted(min(1.0, max(0.0, a * x + b * y + c)) for x, y in corners)
    down = sorted(min(1.0, max(0.0, d * x + e * y + f)) for x, y in corners)
    left, top, right, bottom = (round(one, 4) for one in (across[0], down[0], across[1], down[1]))
    return Box(left, top, right, bottom)


def _usual_pitch(pages: Sequence[Sequence[Line]]) -> float:
    """The most common distance between two lines, in sizes of their type."""
    pitches: Counter[float] = Counter()
    for lines in pages:
        for line, following in pairwise(lines):
            gap = line.baseline - following.baseline
            if 0.8 * line.size < gap < 4 * line.size:
                pitches[round(gap / line.size, 1)] += 1
    return max(pitches, key=lambda pitch: pitches[pitch], default=1.2)


def _mark_paragraphs(lines: Sequence[Line], pitch: float) -> None:
    """Put a blank line where the gap is wider than usual."""
    for line, following in pairwise(lines):
        gap = line.baseline - following.baseline
        size = max(line.size, following.size)
        following.blank_before = following.blank_before or gap > _PARAGRAPH_GAP * pitch * size


def _ends_paragraph(lines: Sequence[Line]) -> bool:
    """Whether a page's last line ends a sentence and leaves room for another word: the next page runs on otherwise."""
    last = lines[-1]
    width = max(line.right for line in lines) - min(line.left for line in lines)
    room = max(line.right for line in lines) - last.right
    return last.text.endswith((".", ";", ":")) and room > 0.15 * width
