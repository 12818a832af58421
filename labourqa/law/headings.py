"""Finds the headings of articles: how the law heads them, and which of the lines that look like one are headings.

A law heads all its articles in one style: "Article 5", "§ 5", "5 straipsnis", "5. (1)". Every style that the text
may follow is tried; the one whose numbers form the longest unbroken series is the law's.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from statistics import median

from labourqa.law.languages import LANGUAGES, REPEALED_WORDS, Language
from labourqa.law.line_layout import LineLayout
from labourqa.law.numbering import (
    SortKey,
    is_next,
    longest_increasing_run,
    raise_digits,
    sort_key,
    spell_article_number,
)
from labourqa.law.references import NUMBER

_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_LATIN = r"(?:bis|ter|quater|quinquies|sexies|septies|octies|nonies|decies)\b"
# As laws of all countries print them: 5, 5º, 5.º, 1er, 5A, 5-A, 5 bis, 72^1, 18^3a, 348.13, 1-101, L1221-1-2
_ANY_NUMBER = (
    rf"(?:[LRD]\. ?(?=\d)|[LRD](?=\d))?\d{{1,5}}(?:(?:[\^.-](?=\d)|(?=[{_RAISED}]))[\d{_RAISED}]{{1,3}}){{0,2}}"
    rf"(?:\.?[ºª°]|\.?o(?=[ .])\.?|er\b)?(?: ?-?{_LATIN}|-?[A-Z]{{1,3}}(?![^\W_])|[a-z](?![^\W_]))?"
)
_NUMBER_ALONE = r"\d{1,4}(?:-?[A-Z]{1,3}(?![^\W_]))?"
_DOTS = r"(?:\. ?){4}"  # in place of a repealed section
_LEARNED_NUMBER = (
    rf"\d{{1,4}}(?:\^\d{{1,2}}|[{_RAISED}]{{1,2}})?(?:-?[A-Z]{{1,2}}(?![^\W_]))?(?![.,]?\d)"  # no amount
)
_STRICT_TAIL = re.compile(r"(?:[.:](?![ºª°])| [–—-] |$) ?(.*)")
_SEPARATOR = re.compile(r"[)\]]?(?: ?\.? ?[–—-]{1,3}(?!\d)| ?[.:]+)[–—-]{0,2} ?")
# "Article 57 (1) of this Code" goes on with a sentence; "Article 57 (1) The employer" does not.
_CONTINUATION = re.compile(r"\((?:\d{1,3}[A-Z]?|[a-z]{1,3})\)[ ,;.)]*(?:[a-zа-яё(]|$)")
_OPEN_REFERENCE = re.compile(
    r"(?:[–(,-]|\b(?:and|or|to|of|in|under|by|with|the|articles?|sections?|subsections?|paragraphs?|points?|nos?|"
    r"act|part|chapter|art|item|clause|rule|regulation)\.?)$",
    re.IGNORECASE,
)
_BEFORE_WORD = re.compile(rf"\W{{0,3}}([^\W\d_]{{2,20}}|§{{1,2}})\.? ?\(?{_ANY_NUMBER}")
_AFTER_WORD = re.compile(rf"{_ANY_NUMBER}\.?[ -]?([^\W\d_]{{2,20}}|§)(?![^\W_])")
_NO_HEADING_WORDS = frozenset(
    ["page", "seite", "página", "strona", "puslapis", "стр", "act", "law", "no", "nr", "chapter", "part", "title",
     "book", "division", "annex", "schedule", "form", "table", "kapitel", "teil", "titre", "chapitre", "título",
     "capítulo", "rozdział", "dział", "глава", "раздел", "part", "appendix", "footnote", "note"]
)  # fmt: skip
_MOST_LEARNED_STYLES = 6
_LONGEST_TITLE = 150
_FIRST_YEAR = 1800  # "1996 CHAPTER 18" above an act's first section
_LARGEST_JUMP = 100  # between numbers without a word; a larger one is a year at a line's beginning
_FEWEST_NUMBERS_ALONE = 5
_LONGEST_INNER_LIST = 30
_LONGEST_SHORT_LINE = 30  # no wrapped line
_CONTENTS_SHARE = 10  # articles of the usual length make up at least a tenth of an act


@dataclass(frozen=True)
class Heading:
    line: int
    number: str
    rest: str  # what follows the number on the line: the title, the text, or nothing
    last_number: str = ""  # of a range of repealed articles: "45-56. (Deleted)"


@dataclass(frozen=True)
class HeadingStyle:
    """A way to head articles; `word` is the pattern of what stands beside the number, "" where nothing does."""

    word: str
    prefix: re.Pattern[str]  # up to the number's end; the number is group 1
    strict: bool = False  # the number must be set off by a stop, a colon or a dash
    capitalised: bool = False  # a word in lower case at a line's beginning is the middle of a sentence

    @property
    def has_word(self) -> bool:
        return self.word.strip() != ""

    @property
    def words(self) -> list[str]:
        return re.findall(r"[^\W\d_]{3,}", self.word)

    def match(self, line: str) -> tuple[str, str] | None:
        """The number and the rest of a heading."""
        match = self.prefix.match(line)
        if not match or (
            self.capitalised and match[0][: match.start(1) - match.start()].strip("§ ([*").islower()
        ):
            return None
        tail = line[match.end() :]
        if self.strict:
            strict = _STRICT_TAIL.match(tail)
            return (match[1], strict[1]) if strict else None
        rest = _split_tail(tail, needs_stop=self.word == "")
        return None if rest is None else (match[1], rest)


def _split_tail(tail: str, *, needs_stop: bool) -> str | None:
    """What follows a number and its separator, None where the line goes on as a sentence does."""
    separator = _SEPARATOR.match(tail)
    rest = tail[separator.end() :] if separator else tail.lstrip(")] ")
    if separator or not rest:
        stands_alone = separator is not None or not needs_stop
        return rest if stands_alone and not (needs_stop and rest[:1].islower()) else None
    if needs_stop or not tail.startswith((" ", ")", "]", "(")) or rest[0].islower() or rest[0] in ",;)-–—&":
        return None
    return None if rest[0].isdigit() or _CONTINUATION.match(rest) else rest


_NUMBER_WITH_STOP = HeadingStyle("", re.compile(rf"[\W_]{{0,2}}({_NUMBER_ALONE})(?=\.| ?[—–]{{1,2}} ?\(1)"))
_BARE_NUMBER = HeadingStyle(
    " ",
    re.compile(rf"({_NUMBER_ALONE}|\d{{1,4}}\.\d{{1,2}}(?= \(1\)))(?= ?\(1\)| [“\"‘]?[A-ZÀ-Þ]|[ .]*{_DOTS})"),
)
_SPLIT_SUFFIX = re.compile(r"(\d{1,4})\. ?-([A-Z])\.")  # "25. -O. Procedure" is 25O
_RANGE = re.compile(
    rf"\W{{0,3}}(?:[^\W\d_]{{2,20}}\.? |§{{1,2}} ?)?({_NUMBER_ALONE})"
    rf"(?: ?[–—-] ?| (?:to|and|a|bis|do|iki|по) )({_NUMBER_ALONE})"
    rf"[.:]? ?(?=[\W_]{{0,4}}(?:{REPEALED_WORDS}))",
    re.IGNORECASE,
)


def find_headings(
    language: Language, layout: LineLayout, lines: Sequence[str]
) -> tuple[HeadingStyle, list[list[Heading]]]:
    """The law's style, and the headings of each act in the text; numbering that starts anew starts an act."""
    best_score, best_style, best = 0.0, _NUMBER_WITH_STOP, list[list[Heading]]()
    for style in _word_styles(language, lines):
        acts = _find_acts(style, layout, lines)
        score = (1.1 if style.strict else 1.0) * _score(acts, lines)
        if score > best_score:
            best_score, best_style, best = score, style, acts
    # Numbers alone also head paragraphs and lists, so their series must be far longer.
    least = max(_FEWEST_NUMBERS_ALONE, 3 * best_score + (10 if best_score else 0))
    for weight, style in ((1.0, _NUMBER_WITH_STOP), (0.8, _BARE_NUMBER)):
        acts = _find_acts(style, layout, lines)
        score = weight * _score(acts, lines)
        if score >= least * weight:
            least, best_style, best = score + 1, style, acts
    return best_style, best


def _word_styles(language: Language, lines: Sequence[str]) -> Iterator[HeadingStyle]:
    """The language's own ways to head an article, then those of other languages, then those the text shows."""
    for template in language.articles:
        yield HeadingStyle(
            template, re.compile(template.replace("#", f"({NUMBER}(?: ?-?{_LATIN})?)")), strict=True
        )
    text = "\n".join(lines).casefold()
    for template in dict.fromkeys(template for one in LANGUAGES for template in one.articles):
        if any(word in text for word in re.findall(r"[^\W\d_]{3,}|§", template.casefold())):
            yield _loose_style(template, _ANY_NUMBER)
    counts: Counter[str] = Counter()
    for line in lines:
        if (match := _BEFORE_WORD.match(line)) and match[1].casefold() not in _NO_HEADING_WORDS:
            counts[f"{re.escape(match[1].casefold())}\\.? ?#"] += 1
        if (
            (match := _AFTER_WORD.match(line))
            and match[1] not in _NO_HEADING_WORDS
            and not match[1].istitle()
        ):
            counts[f"#\\.?[ -]?{re.escape(match[1].casefold())}(?![^\\W_])"] += 1
    for template, count in counts.most_common(_MOST_LEARNED_STYLES):
        if count > 2:
            yield _loose_style(template, _LEARNED_NUMBER)


def _loose_style(template: str, number: str) -> HeadingStyle:
    word_first = not template.startswith("#")
    pattern = template.replace(" #", r"\.? ?\(?#").replace("#", f"({number})")
    prefix = re.compile(r"[\W_]{0,3}?" + pattern, re.IGNORECASE)
    return HeadingStyle(template, prefix, capitalised=word_first)


def _find_candidates(style: HeadingStyle, lines: Sequence[str]) -> list[Heading]:
    """Every line that looks like a heading of the style."""
    found = [(i, *parts) for i, line in enumerate(lines) if (parts := style.match(line))]
    compound = _are_compound([number for _, number, _ in found])
    spell = partial(spell_article_number, compound=compound)
    headings = {i: Heading(i, spell(number), rest) for i, number, rest in found}
    for i, line in enumerate(lines):
        if not compound and (match := _RANGE.match(line)) and _begins_range(style, match):
            headings[i] = Heading(i, spell(match[1]), line[match.end() :], spell(match[2]))
        elif not style.word and (match := _SPLIT_SUFFIX.match(line)):
            headings[i] = Heading(i, match[1] + match[2], line[match.end() :].lstrip())
    return [headings[i] for i in sorted(headings)]


def find_repeated_numbers(
    style: HeadingStyle, layout: LineLayout, lines: Sequence[str], headings: Sequence[Heading], end: int
) -> list[str]:
    """The numbers that head more than one article, once for each further one.

    The text of a further article is read as the end of the article in whose place it stands.
    """
    repeated: list[str] = []
    known: set[str] = set()
    for heading, stop in zip(headings, [*(one.line for one in headings[1:]), end], strict=True):
        known.add(heading.number)
        compound = "-" in heading.number
        for i in range(heading.line + 1, stop):
            parts = style.match(lines[i])
            if not parts or layout.continues(lines[i - 1]):
                continue
            number = spell_article_number(parts[0], compound=compound)
            if number == heading.number:
                # A list inside an article may begin with the article's number, too.
                is_article = style.has_word or parts[1].startswith("(1)")
            else:
                # A line that begins with a reference to an earlier article is no heading: that stands by itself.
                is_article = style.has_word and number in known and _stands_by_itself(lines, i, parts[1])
            if is_article:
                repeated.append(number)
    return repeated


def _stands_by_itself(lines: Sequence[str], i: int, rest: str) -> bool:
    """Whether a line has an empty one above and below, and no sentence after its number."""
    alone = not lines[i - 1] and (i + 1 == len(lines) or not lines[i + 1])
    return alone and len(rest) < _LONGEST_TITLE and not rest.endswith((".", ";", ",", ":"))


def _are_compound(numbers: Sequence[str]) -> bool:
    """Whether "14-9" is section 9 of chapter 14, as where all numbers have that form, and not a raised 9."""
    return 2 * sum(1 for number in numbers if re.search(r"\d-\d", number)) > len(numbers)


def _begins_range(style: HeadingStyle, match: re.Match[str]) -> bool:
    """Whether a range has the style's word, in the singular or the plural: "Sections 45–56"."""
    start = match[0][: match.end(1) - match.start()]
    return any(style.match(f"{one}. (Deleted)") for one in (start, re.sub(r"s(?=\.? \d)", "", start)))


def _find_acts(style: HeadingStyle, layout: LineLayout, lines: Sequence[str]) -> list[list[Heading]]:
    """The headings of each act: numbering that starts anew starts an act (or ends its contents)."""
    found = _drop_references(style, layout, lines, _find_candidates(style, lines))
    numbers = raise_digits([one.number for one in found])
    found = [
        one if one.number == number else replace(one, number=number)
        for one, number in zip(found, numbers, strict=True)
    ]
    acts: list[list[Heading]] = []
    highest: list[SortKey] = []  # of each act
    for i, heading in enumerate(found):
        key = sort_key(heading.number)
        restarts = heading.number == "1" and bool(acts) and key < highest[-1]
        if style.has_word:
            # Between 100 and 101 a line that begins with "Article 1." is no new act.
            restarts = restarts and any(sort_key(one.number) <= highest[-1] for one in found[i + 1 : i + 2])
        elif (acts and key.base > highest[-1].base + _LARGEST_JUMP) or (
            not acts and key.base >= _FIRST_YEAR and not any(is_next(one.number, key) for one in found[1:2])
        ):
            continue
        else:
            _end_inner_lists(acts, highest, heading)
        if not acts or restarts:
            acts.append([])
            highest.append(sort_key(""))
        acts[-1].append(heading)
        highest[-1] = max(highest[-1], sort_key(heading.last_number or heading.number))
    # A line that merely looks like a heading breaks the order of the numbers.
    return [[act[i] for i in longest_increasing_run([one.number for one in act])] for act in acts]


def _drop_references(
    style: HeadingStyle, layout: LineLayout, lines: Sequence[str], found: Sequence[Heading]
) -> list[Heading]:
    """The candidates without lines that wrapping made begin with a reference: "as laid down in / Article 57."."""
    if not style.has_word:
        return [one for one in found if not (one.line and _ends_in_reference(lines[one.line - 1]))]
    mid_sentence = {one.line for one in found if one.line and layout.continues(lines[one.line - 1])}
    certain = {one.number for one in found if one.line not in mid_sentence}
    return [one for one in found if one.line not in mid_sentence or one.number not in certain]


def _ends_in_reference(line: str) -> bool:
    """Whether wrapping divides a reference after the line; a title may end so, too: "Application of Part"."""
    is_title = len(line) <= _LONGEST_SHORT_LINE or line.isupper()
    return not is_title and _OPEN_REFERENCE.search(line) is not None


def _end_inner_lists(acts: list[list[Heading]], highest: list[SortKey], heading: Heading) -> None:
    """Where the heading continues an act before the last one, the last ones were lists inside an article."""
    for i in range(len(acts) - 2, max(-1, len(acts) - 6), -1):
        inner = sum(map(len, acts[i + 1 :]))
        if inner > min(_LONGEST_INNER_LIST, len(acts[i]) * 2) or is_next(heading.number, highest[-1]):
            return
        if is_next(heading.number, highest[i]):
            del acts[i + 1 :], highest[i + 1 :]
            return


def _score(acts: Sequence[Sequence[Heading]], lines: Sequence[str]) -> float:
    """How good a series of headings the best act is: its unbroken steps, few of them where it has no text."""
    best = 0.0
    ends = [*(act[0].line for act in acts), len(lines)][1:]
    for act, end in zip(acts, ends, strict=True):
        keys = [sort_key(one.last_number or one.number) for one in act]
        steps = 1 + sum(1 for key, one in zip(keys, act[1:], strict=False) if is_next(one.number, key))
        lengths = [sum(map(len, lines[one.line : other.line])) for one, other in pairwise(act)] or [0]
        # Of a series that only the table of contents has, the last heading holds all the text.
        is_contents = len(act) > 1 and _CONTENTS_SHARE * median(lengths) * len(act) < sum(
            map(len, lines[act[0].line : end])
        )
        best = max(best, steps * (0.2 if is_contents else 1.0))
    return best
