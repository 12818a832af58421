"""Where the paragraphs of a law stand in the document that it was read from: on which lines, on which part of a page.

The parser joins lines, takes notes and page headers out, and puts titles where they belong. So the paragraphs are
searched for afterwards: letter by letter, without spaces and punctuation, in the order of the law.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from labourqa.law.structure import Article

_START_LETTERS = 32  # by which a paragraph's beginning is recognised
_FAR = 3_000  # letters: so far from the paragraphs before and after it, a paragraph is searched for
_LONGEST_GAP = 12  # lines inside a paragraph that are not part of it: notes, page headers
_LINE_PITCH = 2.5  # line heights: lines that are farther apart are marked one by one
_INDENT = 0.1  # of the page: a short last line may end left of the indented first one
_SKIPPED_LETTERS = 40  # that a line may lack, or have more than the paragraph


@dataclass(frozen=True)
class Box:
    """A rectangle on a page, in shares of the page's width and height from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Mark:
    """A part of a page, counted from 1."""

    page: int
    box: Box


@dataclass(frozen=True)
class Place:
    """Where a paragraph stands in its document."""

    lines: tuple[int, ...]  # of the document's text, from 0
    page: int = 0  # on which it begins, from 1; 0 where the document has no pages
    marks: tuple[Mark, ...] = ()  # its columns and pages; () where only the lines are known


@dataclass(frozen=True)
class _Wanted:
    """A paragraph to be found: its letters, with and without its number."""

    letters: str
    number: str

    @property
    def numbered(self) -> str:
        return self.number + self.letters


def find_places(
    articles: Sequence[Article],
    lines: Sequence[str],
    pages: Sequence[int] = (),
    boxes: Sequence[Box | None] = (),
) -> dict[tuple[str, str], Place]:
    """The place of each paragraph that was found, by the numbers of article and paragraph.

    `pages` and `boxes` say of each line where it stands; they are empty where a document has none. The time is
    proportional to the length of the text.
    """
    source = _Source([_letters(line) for line in lines])
    named = [(article.number, paragraph) for article in articles for paragraph in article.paragraphs]
    wanted = [_Wanted(_letters(one.text), _letters(one.number)) for _, one in named]
    places = {}
    for (number, paragraph), one, start in zip(named, wanted, _find_starts(source, wanted), strict=True):
        if start is not None and (covered := source.cover(start, one.letters)):
            page = pages[covered[0]] if pages else 0
            marks = _join_boxes([(pages[line], boxes[line]) for line in covered]) if pages and boxes else ()
            places[number, paragraph.number] = Place(covered, page, tuple(marks))
    return places


def _join_boxes(printed: Sequence[tuple[int, Box | None]]) -> Iterator[Mark]:
    """The lines' boxes, those below each other on one page as one."""
    joined: Mark | None = None
    for page, box in printed:
        if box is None:
            continue
        if joined and page == joined.page and _is_below(box, joined.box):
            left, right = min(joined.box.left, box.left), max(joined.box.right, box.right)
            joined = Mark(page, Box(left, joined.box.top, right, max(joined.box.bottom, box.bottom)))
            continue
        if joined:
            yield joined
        joined = Mark(page, box)
    if joined:
        yield joined


def _is_below(box: Box, above: Box) -> bool:
    """Whether a line follows others directly: in the same column, without other text between them."""
    pitch = _LINE_PITCH * (box.bottom - box.top)
    near = box.left < above.right + _INDENT and above.left < box.right + _INDENT
    return near and above.top < box.top < above.bottom + pitch


class _Source:
    """The letters of a document's lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.text = "".join(lines)
        self._offsets = [0, *accumulate(map(len, lines))]  # of each line in the text
        self._by_start: defaultdict[str, list[int]] = defaultdict(list)
        for line, offset in zip(lines, self._offsets, strict=False):
            if line:
                self._by_start[self.text[offset : offset + _START_LETTERS]].append(offset)

    def line_at(self, offset: int) -> int:
        """The line in which the letter at `offset` stands."""
        return bisect_right(self._offsets, offset) - 1

    def candidates(self, wanted: _Wanted) -> list[int]:
        """Where lines begin as the paragraph does, with its number or without; the offsets of its own letters."""
        found = []
        for letters, skipped in ((wanted.numbered, len(wanted.number)), (wanted.letters, 0)):
            if len(letters) >= _START_LETTERS:
                offsets = self._by_start.get(letters[:_START_LETTERS], [])
                found += [offset + skipped for offset in offsets]
        return sorted(set(found))

    def find(self, wanted: _Wanted, start: int, end: int) -> int | None:
        """Where the paragraph begins between two offsets, at a line's beginning or inside a line.

        The whole paragraph is searched for first, then its beginning: notes may stand in it.
        """
        if not wanted.letters:
            return None
        near = _FAR + len(wanted.numbered)
        for letters, skipped in (
            (wanted.numbered, len(wanted.number)),
            (wanted.letters, 0),
            (wanted.numbered[:_START_LETTERS], len(wanted.number)),
            (wanted.letters[:_START_LETTERS], 0),
        ):
            found = self.text.find(letters, start, min(end, start + near))
            if found < 0:
                found = self.text.rfind(letters, max(start, end - near), end)
            if found >= 0:
                return found + skipped
        return None

    def cover(self, start: int, letters: str) -> tuple[int, ...]:
        """The lines that these letters fill from `start`, without those between them; () if few of them are found."""
        line = self.line_at(start)
        covered = [line]
        done = min(len(letters), self._offsets[line + 1] - start)
        end, gap = line + 1, 0
        while done < len(letters) and end + gap < len(self.lines) and gap <= _LONGEST_GAP:
            printed = self.lines[end + gap]
            rest = letters[done : done + len(printed) + _SKIPPED_LETTERS]
            at = rest.find(printed) if printed else -1
            if at < 0 and printed.startswith(rest):
                at, printed = 0, rest  # the paragraph ends inside this line
            if at < 0:
                gap += 1
            else:
                done += at + len(printed)
                covered.append(end + gap)
                end, gap = end + gap + 1, 0
        return tuple(covered) if 2 * done >= len(letters) else ()


def _find_starts(source: _Source, wanted: Sequence[_Wanted]) -> list[int | None]:
    """The offset of each paragraph's first letter: those that stand at one place only first, the others between."""
    single = [
        (index, offsets[0]) for index, one in enumerate(wanted) if len(offsets := source.candidates(one)) == 1
    ]
    starts: list[int | None] = [None] * len(wanted)
    for index, offset in _longest_rising(single):
        starts[index] = offset
    following = _following_starts(starts, len(source.text))
    position = 0
    for index, one in enumerate(wanted):
        start = starts[index]
        if start is None:
            start = starts[index] = source.find(one, position, following[index])
        if (
            start is None and index and one == wanted[index - 1]
        ):  # of a range of articles: "12 to 15. Repealed"
            start = starts[index] = starts[index - 1]
        if start is not None:
            position = start + len(one.letters) // 2  # lines that are left out make it longer, never shorter
    return starts


def _following_starts(starts: Sequence[int | None], end: int) -> list[int]:
    """For each paragraph, where the next one with a known place begins."""
    following: list[int] = []
    for start in reversed(starts):
        following.append(end)
        end = end if start is None else start
    return following[::-1]


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The longest part of the pairs in which the second members rise: paragraphs that stand in the law's order."""
    tails: list[int] = []  # the smallest offset with which a part of each length ends
    last: list[int] = []  # and its position
    before: list[int] = []
    for i, (_, offset) in enumerate(pairs):
        length = bisect_left(tails, offset)
        tails[length : length + 1] = [offset]
        last[length : length + 1] = [i]
        before.append(last[length - 1] if length else -1)
    rising = []
    i = last[-1] if last else -1
    while i >= 0:
        rising.append(pairs[i])
        i = before[i]
    return reversed(rising)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
