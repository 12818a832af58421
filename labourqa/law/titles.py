"""Where a law prints its articles' titles, and the title and text of one article.

Laws print the title after the number, in the line below it, in the line above it, in parentheses, on the text's line
before a dash, or not at all. A law does so in one way, which is told from all its articles together.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import dropwhile, takewhile

from labourqa.law.headings import Heading
from labourqa.law.languages import REPEALED_WORDS, Language
from labourqa.law.line_layout import SENTENCE_ENDS, LineLayout
from labourqa.law.paragraphs import PARAGRAPH, POINT

_LONGEST_TITLE = 200
_MAX_TITLE_LINES = 4
_LONGEST_FIRST_SENTENCE = 90
# "Fixation of minimum wages.—(1) Subject to", "Coverage. - The provisions", "Scope.-(1) This Act", "Scope: (1) This"
_INLINE_TITLE = re.compile(
    r"(.{2,250}?) ?(?:(?:\. ?[–—-]{1,3}|[–—]{1,2}(?= ?[(“\"A-ZÀ-Þ]))\.?|:(?= ?\(1\) ?[A-ZÀ-Þ“\"])) ?(?=\S)"
)
_PARENTHESISED_TITLE = re.compile(r"\(([^()\d][^()]{2,150})\) ?")
_TITLE_SENTENCE = re.compile(r"([^.]{2,120})\. (?=[A-ZÀ-Þ(“\"])")
_BEGINS_TEXT = re.compile(r"\(?(?:1[A-Z]?|a|i)\)|“|\"")
# "paid by results. (As amended by Act 1234)", "in force. [Amended by s. 2 of Act 11]"
_NOTE_AFTER_SENTENCE = re.compile(r"[.;:!?][”\"]? ?(?:\([^()]*\)|\[[^\[\]]*\])$")
_PREDICATES = re.compile(r"\b(?:shall|must|may|is|are|means|has|have)\b")
REPEALED = re.compile(
    r"[\W\d_]*(?:(?:this )?(?:sub-?)?(?:section|article|clause)s?[\w ,]{0,30}?"
    rf"(?:is |was |are |were |has been |have been )?)?(?:{REPEALED_WORDS})",
    re.IGNORECASE,
)


class TitlePlacement(Enum):
    ON_HEADING = auto()  # after the number, or in the line below a number that stands alone
    BEFORE_DASH = auto()  # on the line of the text, set off by a dash
    FIRST_SENTENCE = auto()  # on the line of the text, ending in a full stop
    IN_PARENTHESES = auto()
    ABOVE = auto()  # in the lines above the number
    NOWHERE = auto()


@dataclass(frozen=True)
class TitleCandidates:
    """What stands around an article's number, of which the title may be a part."""

    heading: Heading
    following: Sequence[str]  # the lines up to the next heading
    above: bool  # the line above looks like a title

    @property
    def lines(self) -> Sequence[str]:
        """The lines from the number on, which is left out."""
        return [self.heading.rest, *self.following] if self.heading.rest else self.following


@dataclass(frozen=True)
class TitleReader:
    """Reads the titles of one act's articles."""

    layout: LineLayout
    placement: TitlePlacement
    contents: Mapping[str, str]  # titles by number, as the act's table of contents has them

    def read(
        self, heading: Heading, line: str, following: Sequence[str], above: str
    ) -> tuple[str, Sequence[str]]:
        """An article's title, "" if it has none, and the lines of its text."""
        title, body = self._split(heading, line, following, above)
        if not title and not is_repealed("", body):
            title = self.contents.get(heading.number, "")
        return _without_stop(title), body

    def _split(
        self, heading: Heading, line: str, following: Sequence[str], above: str
    ) -> tuple[str, Sequence[str]]:
        everything = [heading.rest, *following] if heading.rest else following
        match self.placement:
            case TitlePlacement.ON_HEADING:
                return read_title(self.layout, heading.rest, line, following)
            case TitlePlacement.ABOVE:
                return above.removeprefix("(").removesuffix(")") if above.startswith(
                    "("
                ) else above, everything
            case TitlePlacement.BEFORE_DASH:
                title, body = _split_at(_INLINE_TITLE, self.layout, everything)
                return title, self._without_repeated_heading(heading.number, title, body)
            case TitlePlacement.FIRST_SENTENCE:
                return _split_at(_TITLE_SENTENCE, self.layout, everything)
            case TitlePlacement.IN_PARENTHESES:
                return _split_at(_PARENTHESISED_TITLE, self.layout, everything)
        return "", everything

    def _without_repeated_heading(self, number: str, title: str, body: Sequence[str]) -> Sequence[str]:
        """The body without its own heading, as in "7A. Tribunals.—1[7A. Tribunals.—(1) The Government"."""
        found = _first_match(_INLINE_TITLE, self.layout, body) if title and body else None
        repeats = found and letters_only(found[0][1]).endswith(letters_only(number + title))
        return found[1] if found and repeats else body


def _without_stop(title: str) -> str:
    """The title without the full stop that some laws set after it; of several sentences, it stays."""
    return (
        title[:-1] if title.endswith(".") and "." not in title[:-1] and not title.endswith("etc.") else title
    )


def is_repealed(title: str, body: Sequence[str]) -> bool:
    """Whether an article says only that it is repealed: "(Deleted by Act A360)"."""
    if any(PARAGRAPH.match(line) for line in body[1:]):  # "(Deleted)" stands for the first paragraph alone
        return False
    text = " ".join(filter(None, body))
    if (text or title) and not (text + title).strip(". …*"):  # dots in place of the text
        return True
    return len(text) < _LONGEST_TITLE and bool(REPEALED.match(text) or (not text and REPEALED.match(title)))


def find_placement(layout: LineLayout, candidates: Sequence[TitleCandidates]) -> TitlePlacement:
    """Where an act prints its titles, told from all its articles."""
    in_force = [
        one
        for one in candidates
        if not one.heading.last_number and not is_repealed(one.heading.rest, one.following)
    ]

    def share(test: Callable[[TitleCandidates], bool]) -> float:
        return sum(map(test, in_force)) / max(1, len(in_force))

    if share(lambda one: _first_match(_INLINE_TITLE, layout, one.lines) is not None) >= 0.5:
        return TitlePlacement.BEFORE_DASH
    if share(lambda one: _first_match(_PARENTHESISED_TITLE, layout, one.lines) is not None) >= 0.5:
        return TitlePlacement.IN_PARENTHESES
    is_text = share(lambda one: _is_text(layout, one.heading.rest, one.following)) >= 0.6
    if share(lambda one: one.above) >= 0.6 and (is_text or share(lambda one: not one.heading.rest) >= 0.6):
        return TitlePlacement.ABOVE
    if share(lambda one: not one.heading.rest) >= 0.6:
        below = share(lambda one: _is_title_below(layout, one.following)) >= 0.5
        return TitlePlacement.ON_HEADING if below else TitlePlacement.NOWHERE
    if share(lambda one: _is_title_sentence(layout, one.lines)) >= 0.8:
        return TitlePlacement.FIRST_SENTENCE
    return TitlePlacement.NOWHERE if is_text else TitlePlacement.ON_HEADING


def _wrapped(layout: LineLayout, lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """The first line, then with the lines that it wraps into; and the number of lines used."""
    for count in range(1, min(len(lines), _MAX_TITLE_LINES) + 1):
        if count > 1 and not (lines[count - 1] and layout.is_full(lines[count - 2])):
            return
        yield layout.join(lines[:count]), count


def _first_match(
    pattern: re.Pattern[str], layout: LineLayout, lines: Sequence[str]
) -> tuple[re.Match[str], Sequence[str]] | None:
    """The pattern's match at the beginning of the lines, and the lines after it."""
    for text, count in _wrapped(layout, lines):
        if match := pattern.match(text):
            rest, following = text[match.end() :], lines[count:]
            # What is left of a full line goes on in the next one, however short it is now.
            if rest and following and layout.is_full(lines[count - 1]) and not _begins_row(following[0]):
                rest, following = layout.join([rest, following[0]]), following[1:]
            return match, [*filter(None, [rest]), *following]
    return None


def _begins_row(line: str) -> bool:
    return not line or PARAGRAPH.match(line) is not None or POINT.match(line) is not None


def _is_text(layout: LineLayout, rest: str, segment: Sequence[str]) -> bool:
    """Whether the heading's line holds the article's text: a sentence, and no other text follows it."""
    if not rest or _BEGINS_TEXT.match(rest):
        return bool(rest)
    wrapped: list[str] = [rest]
    for line in segment:
        if not layout.is_full(wrapped[-1]) or _begins_row(line):
            break
        wrapped.append(line)
    remaining = any(segment[len(wrapped) - 1 :])
    text = layout.join(wrapped)
    if len(text) > _LONGEST_TITLE:
        return True
    ends = text.endswith((*SENTENCE_ENDS, "—", "–", "-", ","))
    opens_list = text.endswith((":", "—", "–", "-", ",", ";"))
    return ends and (opens_list or not remaining or len(text) > _LONGEST_FIRST_SENTENCE)


def _is_title_sentence(layout: LineLayout, lines: Sequence[str]) -> bool:
    found = _first_match(_TITLE_SENTENCE, layout, lines)
    title = found[0][1] if found else ""
    return 0 < len(title) <= _LONGEST_FIRST_SENTENCE and not _PREDICATES.search(title)


def _is_title_below(layout: LineLayout, segment: Sequence[str]) -> bool:
    """Whether the first line under a number that stands alone is a title, with text below it."""
    lines = list(dropwhile(lambda line: not line, segment))
    if not lines or PARAGRAPH.match(lines[0]) or lines[0].endswith(SENTENCE_ENDS) or lines[0][0].islower():
        return False
    block = list(takewhile(bool, lines[:_MAX_TITLE_LINES]))
    text = next((line for line in lines[1:] if line), "")
    if len(lines[0]) > _LONGEST_TITLE or not text:
        return False
    if layout.width and len(block) < len(lines) and not lines[len(block)]:  # a blank line ends the block
        return not block[-1].endswith(SENTENCE_ENDS)
    return not (layout.is_full(lines[0]) and text[0].islower())


def _split_at(
    pattern: re.Pattern[str], layout: LineLayout, lines: Sequence[str]
) -> tuple[str, Sequence[str]]:
    """The title that the pattern finds at the beginning of the lines, and the lines after it."""
    found = _first_match(pattern, layout, lines)
    title = found[0][1].strip() if found else ""
    return (f"{title}." if title.endswith(" etc") else title, found[1]) if found else ("", lines)


def title_start_above(
    language: Language, layout: LineLayout, lines: Sequence[str], heading: int, floor: int, known: str
) -> int:
    """The first of the lines above a heading that are its title; the heading's own line if none is.

    The lines from `floor` on may be the title's. `known` is the title in the table of contents, "" without one.
    """
    end = heading
    while end > floor and not lines[end - 1] and heading - end < 3:
        end -= 1
    for start in range(end - 1, max(floor, end - _MAX_TITLE_LINES - 1) - 1, -1):
        if known and letters_only("".join(lines[start:end])) == letters_only(known):
            return start
    start = end
    while start > floor and _is_title_line(language, lines[start - 1], is_last=start == end):
        if start < end and not (layout.is_full(lines[start - 1]) or lines[start][0].islower()):
            break  # a line of its own: the heading of a group of articles
        start -= 1
    if start == end and end - 1 > floor and not lines[end - 2] and _is_short_title(lines[end - 1]):
        return end - 1
    if start == end or end - start > _MAX_TITLE_LINES:
        return heading
    first, before = lines[start], lines[start - 1] if start > floor else ""
    unfinished = layout.continues(before) and not before.endswith((".”", "]", ")"))
    return heading if first[0].islower() or unfinished else start


def _is_title_line(language: Language, line: str, *, is_last: bool) -> bool:
    if not line or len(line) > _LONGEST_TITLE or line.isupper() or language.match_level(line):
        return False
    if PARAGRAPH.match(line) or (POINT.match(line) and not line.endswith(")")):
        return False
    ends_text = line.endswith((*SENTENCE_ENDS, "—")) or (is_last and line.endswith(","))
    ends_text = ends_text or _NOTE_AFTER_SENTENCE.search(line) is not None
    return not ends_text or line.endswith("etc.")


def _is_short_title(line: str) -> bool:
    """ "Interpretation." as some laws print their marginal notes, with a full stop."""
    return line.endswith(".") and len(line) < 60 and line[0].isupper() and not _PREDICATES.search(line)


def letters_only(text: str) -> str:
    """The text as it is compared where spacing and punctuation may differ."""
    return re.sub(r"[\W_]", "", text).casefold()


def read_title(
    layout: LineLayout, title: str, heading: str, lines: Sequence[str]
) -> tuple[str, Sequence[str]]:
    """An article's whole title, which may run over several lines, and the lines after it."""
    if not title:  # the number stands alone and the title below it, as in EU law
        lines = list(dropwhile(lambda line: not line, lines))
        if (
            not lines
            or PARAGRAPH.match(lines[0])
            or lines[0].endswith(SENTENCE_ENDS)
            or len(lines[0]) > _LONGEST_TITLE
        ):
            return "", lines
        return read_title(layout, lines[0], lines[0], lines[1:])
    # All that stands before paragraph 1 is title; without paragraphs, a line that begins in lower case or is too
    # short to open the text.
    first = lines[:_MAX_TITLE_LINES]
    until = next((i for i, line in enumerate(first) if not line or PARAGRAPH.match(line)), 0)
    numbered = until < len(lines) and PARAGRAPH.match(lines[until]) is not None
    title_lines = [heading]
    for line in lines[: until if numbered else _MAX_TITLE_LINES - 1]:
        short = line != "" and not layout.is_full(line) and not line.endswith(SENTENCE_ENDS)
        if not layout.is_full(title_lines[-1]) or not (numbered or short or line[:1].islower()):
            break
        title_lines.append(line)
    return layout.join([title, *title_lines[1:]]), lines[len(title_lines) - 1 :]
