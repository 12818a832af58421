"""The reading order of a PDF's page: columns one after the other, margin titles above their section."""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from labourqa.documents.pdf_lines import SMALL, Line, make_lines
from labourqa.documents.pdf_pages import RIGHT_TO_LEFT, Run, most_common_size

_COLUMN_LINES = 6  # so many lines side by side make columns
_MARGIN_PAGES = 3  # margin titles as large as the text must stand on so many pages, and on a third of all


def read_in_order(runs: Sequence[Run], page: int, notes_side: frozenset[str]) -> Iterator[list[Line]]:
    """The lines of a page in groups: what stands above columns, each column, and what stands below."""
    strip = _find_margin(runs, notes_side)
    if strip:
        body, notes = strip
        yield _insert_notes(make_lines(body, page), make_lines(notes, page))
        return
    yield from _split_columns(runs, page, depth=0)


def _split_columns(runs: Sequence[Run], page: int, depth: int) -> Iterator[list[Line]]:
    lines = make_lines(runs, page)
    cut = _find_columns(lines) if depth < 3 else None
    if cut is None:
        yield lines
        return
    first, end, x = cut
    above = [run for line in lines[:first] for run in line.runs]
    band = [run for line in lines[first:end] for run in line.runs]
    below = [run for line in lines[end:] for run in line.runs]
    if above:
        yield from _split_columns(above, page, depth + 1)
    sides = [run for run in band if run.right <= x], [run for run in band if run.right > x]
    for side in reversed(sides) if _is_right_to_left(band) else sides:
        yield from _split_columns(side, page, depth + 1)
    if below:
        yield from _split_columns(below, page, depth + 1)


def _find_columns(lines: Sequence[Line]) -> tuple[int, int, float] | None:
    """A gutter between two columns of running text: the first and the end of the lines beside it, and its x."""
    if len(lines) < _COLUMN_LINES:
        return None
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    size = median(line.size for line in lines)
    step = max(size / 4, 1.0)
    positions = [left + step * n for n in range(int((right - left) / step) + 1)]
    inked = [_inked_positions(line, positions, size) for line in lines]
    best: tuple[int, int, float] | None = None
    most = 0
    low, high = (
        bisect_left(positions, left + 0.2 * (right - left)),
        bisect_left(positions, left + 0.8 * (right - left)),
    )
    width = max(1, round(0.8 * size / step))  # a gutter is at least this wide
    for n in range(low, max(low, high - width)):
        start = 0
        while start < len(lines):
            if not inked[start].isdisjoint(range(n, n + width)):
                start += 1
                continue
            end = start
            while end < len(lines) and inked[end].isdisjoint(range(n, n + width)):
                end += 1
            if end - start > most:
                middle = positions[n] + width * step / 2
                if _are_columns(lines[start:end], middle):
                    best, most = (start, end, middle), end - start
            start = end
    return best


def _inked_positions(line: Line, positions: Sequence[float], size: float) -> set[int]:
    """Which positions across the page the line covers; the spaces between its words count as covered."""
    inked: set[int] = set()
    last = None
    for run in sorted(line.runs, key=lambda run: run.left):
        start = last if last is not None and run.left - last < 0.6 * size else run.left
        inked.update(range(bisect_left(positions, start), bisect_left(positions, run.right)))
        last = max(run.right, last or run.right)
    return inked


def _are_columns(lines: Sequence[Line], x: float) -> bool:
    """Whether both sides are running text of about one width; the cells of a table are short or uneven."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    if not 0.4 < (x - left) / (right - x) < 2.5:
        return False
    for start, end in ((left, x), (x, right)):
        widths = []
        for line in lines:
            runs = [run for run in line.runs if start <= run.left and run.right <= end]
            if runs:
                widths.append(max(run.right for run in runs) - min(run.left for run in runs))
        if (
            len(widths) < _COLUMN_LINES
            or median(widths) < 0.6 * max(widths)
            or max(widths) < 0.6 * (end - start)
        ):
            return False
    return True


def _is_right_to_left(runs: Sequence[Run]) -> bool:
    return 2 * sum(1 for run in runs if RIGHT_TO_LEFT.search(run.text)) > len(runs)


def find_margin_sides(bodies: Sequence[Sequence[Run]]) -> frozenset[str]:
    """On which sides the document has margin titles in type as large as the text: they recur on many pages."""
    counts: Counter[str] = Counter()
    for body in bodies:
        if strip := _find_margin(body, frozenset(["left", "right"])):
            text, notes = strip
            counts["left" if notes[0].right <= min(run.left for run in text) else "right"] += 1
    many = max(_MARGIN_PAGES, len(bodies) / 3)
    return frozenset(counts) if sum(counts.values()) >= many else frozenset()


def _find_margin(runs: Sequence[Run], any_size: frozenset[str]) -> tuple[list[Run], list[Run]] | None:
    """The body and the margin titles of a page that has any, told apart by an empty strip down the whole page."""
    if len(runs) < 30:
        return None
    left, right = min(run.left for run in runs), max(run.right for run in runs)
    size = most_common_size(list(runs))
    spans = sorted((run.left, run.right) for run in runs)
    gaps: list[tuple[float, float]] = []
    covered = spans[0][1]
    for start, end in spans:
        if start - covered > 0.4 * size:
            gaps.append((covered, start))
        covered = max(covered, end)
    for start, end in gaps:
        for side, notes, body in (
            ("left", [run for run in runs if run.right <= start], [run for run in runs if run.left >= end]),
            ("right", [run for run in runs if run.left >= end], [run for run in runs if run.right <= start]),
        ):
            narrow = (start - left if side == "left" else right - end) < 0.3 * (right - left)
            if narrow and _are_margin_titles(notes, body, any_size=side in any_size):
                return body, notes
    return None


def _are_margin_titles(notes: Sequence[Run], body: Sequence[Run], *, any_size: bool) -> bool:
    if not any_size and most_common_size(list(notes)) > SMALL * most_common_size(list(body)):
        return False
    if sum(1 for run in notes if re.search(r"[^\W\d_]{3}", run.text)) < 0.4 * len(notes):
        return False  # numbers and dates are a table's column
    lines, beside = make_lines(body, 0), make_lines(notes, 0)
    if len(beside) > 0.7 * len(lines) or len(lines) < _COLUMN_LINES:
        return False
    width = max(line.right for line in lines) - min(line.left for line in lines)
    full = sum(1 for line in lines if line.right - line.left > 0.75 * width)
    return full >= 0.4 * len(lines)


def _insert_notes(body: list[Line], notes: Sequence[Line]) -> list[Line]:
    """Each margin title as one line, above the body's line beside which it begins."""
    titles: list[list[Line]] = []
    for note in notes:
        if titles and titles[-1][-1].baseline - note.baseline < 1.6 * note.size:
            titles[-1].append(note)
        else:
            titles.append([note])
    above: dict[int, list[Line]] = defaultdict(list)
    for title in titles:
        top = title[0].baseline
        index = next((i for i, line in enumerate(body) if line.baseline <= top + 0.6 * line.size), len(body))
        runs = [run for line in title for run in line.runs]
        above[index].append(_flatten(runs, title[0]))
    lines: list[Line] = []
    for index, line in enumerate([*body, None]):
        lines += above[index]
        if line:
            lines.append(line)
    return lines


def _flatten(runs: Sequence[Run], first: Line) -> Line:
    """The lines of a margin title as one line; a word broken at a line's end is joined."""
    flat: list[Run] = []
    for run in runs:
        if flat and flat[-1].text.endswith("-") and run.text[:1].islower() and not run.glued:
            flat[-1].text = flat[-1].text[:-1] + run.text
        else:
            flat.append(Run(run.text, run.left, run.right, first.baseline, run.size, run.glued))
    return Line(flat, first.page, blank_before=True)
