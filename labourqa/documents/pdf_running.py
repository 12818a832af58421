"""The running headers and footers and the page numbers of a PDF: lines at the pages' edges that recur."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from labourqa.documents.pdf_lines import Line
from labourqa.documents.text import PAGE_NUMBER

# A page's number at either end of a running line; and what then is left of "Page 3 of 169".
_PAGE_TOKEN = re.compile(r"^\W*(\d{1,4})(?!\S)|(?<!\S)(\d{1,4})\W*$|^\W*page (\d{1,4})\b", re.IGNORECASE)
_ALONE = re.compile(r"\W*(\d{1,4})\W*")
_ONLY_PAGE = re.compile(r"(?:page|pg\.?|p\.|of|\d{1,4}|\W)*")
_ROMAN = re.compile(r"[-– ]*[ivxl]{1,7}[-– ]*")  # of front matter
_EDGE_LINES = 4  # so many lines at the top and at the foot of a page may be running headers and footers
_REPEATS = 3  # a line on so many pages' edges is a running one
_SET_OFF = 1.35  # of the distance between the lines next to it: a wider gap sets a running line off


def find_running_lines(
    rows: Sequence[Sequence[Line]], offsets: frozenset[int], *, top: bool
) -> list[tuple[Line, str]]:
    """Lines at the pages' edges that repeat, or hold only the page's number, with what they are."""
    kind = "running header" if top else "running footer"
    edges = [list(lines[:_EDGE_LINES]) if top else list(lines[-_EDGE_LINES:][::-1]) for lines in rows]
    positions: dict[str, list[float]] = defaultdict(list)
    for edge in edges:
        for line in edge:
            positions[_running_key(line, offsets)].append(line.baseline)
    found: list[tuple[Line, str]] = []
    heights: Counter[int] = Counter()
    for edge in edges:
        for index, line in enumerate(edge):
            key = _running_key(line, offsets)
            repeats = sum(1 for height in positions[key] if abs(height - line.baseline) < 3)
            numbered = len(key) < len(" ".join(line.text.split()))
            set_off = numbered or repeats > 0.4 * len(rows) or _is_set_off(edge[index:])
            is_roman = index == 0 and _ROMAN.fullmatch(line.text) is not None
            if not key or is_roman or (PAGE_NUMBER.fullmatch(key) and not offsets):
                found.append((line, "page number"))
            elif repeats >= max(_REPEATS, 0.03 * len(rows)) and set_off:
                found.append((line, kind))
            else:
                break
            heights[round(line.baseline)] += 1
    return found + list(_find_at_same_height(edges, heights, {id(line) for line, _ in found}, kind))


def _is_set_off(edge: Sequence[Line]) -> bool:
    """Whether the edge's first line stands farther from the second than the second from the third."""
    if len(edge) < 3:
        return False
    gap, usual = (abs(one.baseline - other.baseline) for one, other in pairwise(edge[:3]))
    return gap > _SET_OFF * usual


def _find_at_same_height(
    edges: Sequence[Sequence[Line]], heights: Counter[int], known: set[int], kind: str
) -> Iterator[tuple[Line, str]]:
    """Headers that change from page to page ("ss. 12–14") where most pages have one at the same height."""
    usual = {height for height, count in heights.items() if count >= max(_REPEATS, 0.5 * len(edges))}
    for edge in edges:
        if edge and id(edge[0]) not in known and round(edge[0].baseline) in usual and _is_set_off(edge):
            yield edge[0], kind


def find_page_offsets(rows: Sequence[Sequence[Line]]) -> frozenset[int]:
    """How far the printed page numbers are from the pages' own count; front matter may be numbered apart."""
    alone: Counter[int] = Counter()  # of numbers that fill a line
    beside: Counter[int] = Counter()  # of numbers at either end of a line
    for page, lines in enumerate(rows):
        texts = [line.text for line in [*lines[:2], *lines[-2:]]]
        alone.update({int(match[1]) - page for text in texts if (match := _ALONE.fullmatch(text))})
        beside.update({int("".join(match)) - page for text in texts for match in _PAGE_TOKEN.findall(text)})
    frequent = max(_REPEATS, 0.1 * len(rows))
    return frozenset(offset for offset, count in beside.items() if alone[offset] > 1 or count >= frequent)


def _running_key(line: Line, offsets: frozenset[int]) -> str:
    """What is the same in a running line on each page: its text without the page's number."""

    def drop_number(match: re.Match[str]) -> str:
        return "" if int(match[match.lastindex or 1]) - (line.page - 1) in offsets else match[0]

    key = " ".join(_PAGE_TOKEN.sub(drop_number, line.text).casefold().split())
    return "" if _ONLY_PAGE.fullmatch(key) and key != line.text.casefold() else key
