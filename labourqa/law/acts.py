"""The acts in a text: where each begins and ends, its headings, its table of contents and its schedules."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from labourqa.law.headings import Heading, find_headings, find_repeated_numbers
from labourqa.law.languages import Language
from labourqa.law.line_layout import SENTENCE_ENDS
from labourqa.law.naming import find_name, names_law
from labourqa.law.numbering import roman_value
from labourqa.law.source import SourceText
from labourqa.law.titles import letters_only

_LONGEST_NAME = 150
_LONGEST_ENTRY = 300  # of a table of contents
_MAX_ENTRY_LINES = 12
_FEWEST_CHAPTERS = 3
_MAX_CHAPTER_LINES = 10  # from a chapter's heading to its first article
_CHAPTER = re.compile(
    r"[^\W\d_]{3,}\.? (\d{1,3}|[IVXLC]+)(?!\w)|(\d{1,3}|[IVXLC]+)\.? [^\W\d_]{3,}\.?$"
)  # "1 luku"
_MAX_TITLE_LINES = 5  # lines above or below a number in which its title may stand
_COMPARED_LETTERS = 30
_LEADERS = re.compile(r" ?(?:[.…_] ?){2,}\d{0,4}$")  # "Title ........ 17"


@dataclass(frozen=True)
class Act:
    """One act in a text, by the positions of its lines."""

    name: str
    headings: Sequence[Heading]
    start: int
    end: int  # of the articles
    annex_end: int  # of the schedules, which follow the articles
    is_contents: bool = False
    repeated_numbers: Sequence[str] = ()  # see find_repeated_numbers
    contents: Mapping[str, str] = field(default_factory=dict)  # titles by number, from its table of contents

    def size(self, lines: Sequence[str]) -> int:
        return sum(map(len, lines[self.headings[0].line : self.end]))


def find_acts(source: SourceText) -> tuple[SourceText, list[Act]]:
    """The acts and tables of contents in the text, in order; and the text with the language as the law uses it."""
    lines = source.lines
    style, series = find_headings(source.language, source.layout, lines)
    language = source.language.without_levels_named(style.words)
    source = replace(source, language=language)
    series = _join_chapters(lines, series)
    series = _without_schedules(source, series)
    acts: list[Act] = []
    for i, headings in enumerate(series):
        start = series[i - 1][-1].line + 1 if i else 0
        last = headings[-1].line + 1
        limit = series[i + 1][0].line if i + 1 < len(series) else len(lines)
        if i + 1 < len(series):  # the next act begins with its name
            limit = next((j for j in range(last, limit) if _names_act(language, lines[j])), limit)
        annex = next((j for j in range(last, limit) if language.annex.fullmatch(lines[j])), limit)
        name = find_name(language, lines[start : headings[0].line])
        repeated = find_repeated_numbers(style, source.layout, lines, headings, annex)
        acts.append(Act(name, headings, start, annex, limit, repeated_numbers=repeated))
    return source, _mark_contents(source, acts)


def _join_chapters(lines: Sequence[str], series: list[list[Heading]]) -> list[list[Heading]]:
    """Series that start anew in each chapter joined into one: section 2 of chapter 3 is 3:2."""
    chapters = [
        _chapter_above(lines, before[-1].line if before else -1, headings[0].line)
        for before, headings in zip([list[Heading](), *series], series, strict=False)
    ]
    if len(series) < _FEWEST_CHAPTERS or None in chapters:
        return series
    joined: list[list[Heading]] = []
    last = 0
    for chapter, headings in zip(chapters, series, strict=True):
        if chapter is not None and (chapter <= last or not joined):
            joined.append([])
        joined[-1] += [replace(one, number=f"{chapter}:{one.number}") for one in headings]
        last = chapter or 0
    return joined if 2 * len(joined) <= len(series) else series


def _chapter_above(lines: Sequence[str], after: int, line: int) -> int | None:
    """The number of the chapter whose heading stands directly above the line."""
    for i in range(line - 1, max(after, line - _MAX_CHAPTER_LINES), -1):
        if (match := _CHAPTER.match(lines[i])) and len(lines[i]) < _LONGEST_NAME:
            number = match[1] or match[2]
            return int(number) if number.isdecimal() else roman_value(number)
    return None


def _without_schedules(source: SourceText, series: Sequence[list[Heading]]) -> list[list[Heading]]:
    """The series of headings without those of numbered lists in the schedules of the act before them."""
    kept: list[list[Heading]] = []
    for headings in series:
        if kept and len(headings) < len(kept[-1]):
            between = range(kept[-1][-1].line + 1, headings[0].line)
            annex = next(
                (i for i in between if source.language.annex.fullmatch(source.lines[i])), headings[0].line
            )
            # The schedules' names stand at the end of a table of contents, too; there an act's name follows.
            following = source.lines[annex + 1 : headings[0].line]
            if annex < headings[0].line and not any(_names_act(source.language, line) for line in following):
                continue
        kept.append(headings)
    return kept


def _names_act(language: Language, line: str) -> bool:
    capitals = line.isupper() or line[:6].lower() == "an act"
    return capitals and len(line) < _LONGEST_NAME and language.name.search(line) is not None


def _mark_contents(source: SourceText, acts: Sequence[Act]) -> list[Act]:
    """Tell tables of contents from acts: they have the numbers of the act that follows, and no text."""
    marked: list[Act] = []
    contents: dict[str, str] = {}
    name_above = ""  # the act's name, where only the table of contents has it
    for act, following in zip(acts, [*acts, None][1:], strict=True):
        entries = {one.number: _read_entry(source, one, end) for one, end in _extents(act)}
        numbers = {one.number for one in following.headings} if following else set()
        without_text = sum(1 for title in entries.values() if title is not None)
        is_contents = (
            following is not None
            and 2 * without_text >= len(entries)
            and len(numbers & set(entries)) >= 0.6 * len(entries)
            and _repeats_titles(source, entries, following)
        )
        name = act.name if names_law(source.language, act.name) else name_above or act.name
        marked.append(replace(act, name=name, is_contents=is_contents, contents=contents))
        name_above = act.name if is_contents and names_law(source.language, act.name) else ""
        contents = {number: title for number, title in entries.items() if title} if is_contents else {}
    return marked


def _repeats_titles(source: SourceText, entries: Mapping[str, str | None], following: Act) -> bool:
    """Whether the entries' titles stand at the headings of the act that follows."""
    shared = [(one, title) for one in following.headings if (title := entries.get(one.number))]
    found = 0
    for heading, title in shared:
        around = source.lines[max(0, heading.line - _MAX_TITLE_LINES) : heading.line + _MAX_TITLE_LINES]
        found += letters_only(title)[:_COMPARED_LETTERS] in letters_only("".join(around))
    return 2 * found >= len(shared)


def _extents(act: Act) -> Iterator[tuple[Heading, int]]:
    """Each heading with the line at which its article ends."""
    ends = [one.line for one in act.headings[1:]] + [act.end]
    return zip(act.headings, ends, strict=True)


def _read_entry(source: SourceText, heading: Heading, end: int) -> str | None:
    """The title in an entry of a table of contents, None where text follows the heading."""
    title = [heading.rest]
    before = source.lines[heading.line]
    for line in source.lines[heading.line + 1 : min(end, heading.line + _MAX_ENTRY_LINES)]:
        if line.isupper() or source.language.match_level(line):
            break
        wraps = before and (source.layout.is_full(before) or line[:1].islower())
        if line and wraps and before == source.lines[heading.line + len(title) - 1]:
            title.append(line)
        elif line.endswith(SENTENCE_ENDS):
            return None
        before = line
    text = _LEADERS.sub("", source.layout.join(title)).strip()
    has_text = len(text) > _LONGEST_ENTRY or text.startswith("(1)") or text.endswith((";", ":", "—"))
    return None if has_text else text
