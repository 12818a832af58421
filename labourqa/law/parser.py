"""The text of a law -> its articles under their parts, chapters and sections, and what was not understood in it.

A law is read line by line: `source` cleans the lines, `headings` tells by their order which of them are headings,
`acts` where each act begins and ends, `titles` where the law prints its titles, `paragraphs` what an article's text
consists of, and `inspection` what a person should look at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise, takewhile

from labourqa.errors import NoArticlesError
from labourqa.law.acts import Act, find_acts
from labourqa.law.headings import Heading
from labourqa.law.inspection import FoundAct, ParsedLaw, inspect_law
from labourqa.law.naming import find_date
from labourqa.law.numbering import expand_range
from labourqa.law.paragraphs import read_paragraphs
from labourqa.law.source import SourceText, prepare_source
from labourqa.law.structure import Article, Code, format_paragraphs
from labourqa.law.titles import (
    TitleCandidates,
    TitlePlacement,
    TitleReader,
    find_placement,
    is_repealed,
    title_start_above,
)

_MAX_LEVEL_TITLE_LINES = 5
_APPROVAL_LAW_SIZE = 0.25  # at most so large is a law that approves a code beside the code


def parse_code(text: str) -> Code:
    """Split a law into articles; raises NoArticlesError where no heading of an article is found."""
    return parse_law(text).code


def parse_law(text: str, act: str | None = None) -> ParsedLaw:
    """Read the act of that number or name, or the largest act in the text, and report what was found.

    Raises NoArticlesError where the text has no article, or no such act.
    """
    source, found = find_acts(prepare_source(text))
    if not found:
        raise NoArticlesError(
            'No article was found: each must begin a line of its own, like "Article 1. Title", '
            '"1 straipsnis. Title" or "Статья 1. Title".'
        )
    acts = [one for one in found if not one.is_contents]
    chosen = _choose_act(source, acts, act)
    reading = _read_act(source, acts[chosen])
    preliminary = _approval_laws(source, acts[: chosen + 1])
    code = Code(
        name=acts[chosen].name,
        date=find_date(source.language, source.lines[: found[0].headings[0].line]),
        articles=reading.articles,
        preliminary=tuple(chain.from_iterable(_read_act(source, one).articles for one in preliminary)),
        annex=format_paragraphs(
            read_paragraphs(source.layout, source.lines[acts[chosen].end : acts[chosen].annex_end])
        ),
    )
    listed = tuple(FoundAct(number, one.name, len(one.headings)) for number, one in enumerate(acts, 1))
    report = inspect_law(
        code,
        listed,
        chosen_act=chosen + 1,
        language=source.language.code,
        repeated_numbers=acts[chosen].repeated_numbers,
        front_lines=reading.front_lines,
        dropped_lines=source.dropped_lines,
        unassigned=reading.unassigned,
        front_characters=reading.front_characters,
    )
    return ParsedLaw(code, listed, report)


def _choose_act(source: SourceText, acts: Sequence[Act], wanted: str | None) -> int:
    """The position of the act of that number or name; without one, of the largest."""
    if wanted is None:
        return max(range(len(acts)), key=lambda i: acts[i].size(source.lines))
    if wanted.isdecimal() and 0 < int(wanted) <= len(acts):
        return int(wanted) - 1
    for i, one in enumerate(acts):
        if not wanted.isdecimal() and wanted.casefold() in one.name.casefold():
            return i
    names = "; ".join(f"{number}: {one.name}" for number, one in enumerate(acts, 1))
    raise NoArticlesError(f'The text has no act "{wanted}"; its acts are {names}.')


def _approval_laws(source: SourceText, acts: Sequence[Act]) -> Sequence[Act]:
    """The far shorter laws that stand directly before the last of the acts."""
    limit = _APPROVAL_LAW_SIZE * acts[-1].size(source.lines)
    before = list(takewhile(lambda one: one.size(source.lines) <= limit, reversed(acts[:-1])))
    return before[::-1]


@dataclass(frozen=True)
class _Reading:
    """An act's articles, and the lines that are part of none."""

    articles: tuple[Article, ...]
    front_lines: int
    front_characters: int
    unassigned: tuple[str, ...]


@dataclass(frozen=True)
class _Block:
    """The lines from a heading up to the next one."""

    first: int  # where the block begins: at the title's line, if the title stands above the number
    line: int  # the heading's line
    heading: Heading | None = None
    level: tuple[str, str, str] | None = None  # neither: what follows the last article, such as a signature


def _read_act(source: SourceText, act: Act) -> _Reading:
    """Read an act's articles, each under the part, chapter and section it stands in."""
    lines = source.lines
    blocks = _find_blocks(source, act)
    candidates = [
        TitleCandidates(
            block.heading, lines[block.line + 1 : following.first], above=block.first < block.line
        )
        for block, following in pairwise([*blocks, _Block(act.end, act.end)])
        if block.heading
    ]
    placement = find_placement(source.layout, candidates)
    if placement is not TitlePlacement.ABOVE:
        blocks = [replace(block, first=block.line) for block in blocks]
    reader = TitleReader(source.layout, placement, act.contents)
    levels = {name: "" for name, _ in source.language.levels}
    articles: list[Article] = []
    unassigned: list[str] = []
    for block, following in pairwise([*blocks, _Block(act.end, act.end)]):
        body = lines[block.line + 1 : following.first]
        if block.heading:
            above = source.layout.join([line for line in lines[block.first : block.line] if line])
            title, body = reader.read(block.heading, lines[block.line], body, above)
            articles += _make_articles(source, block.heading, title, body, levels)
        elif block.level:
            levels, count = _enter_level(levels, block.level, body)
            unassigned += filter(None, body[count:])
        else:
            unassigned += filter(None, body)
    front = lines[act.start : blocks[0].first]
    return _Reading(tuple(articles), sum(map(bool, front)), sum(map(len, front)), tuple(unassigned))


def _find_blocks(source: SourceText, act: Act) -> list[_Block]:
    lines, language = source.lines, source.language
    heading_at = {heading.line: heading for heading in act.headings}
    blocks: list[_Block] = []
    floor = act.start  # no title above an article begins before this line
    for i in range(act.start, act.end):
        heading, level = heading_at.get(i), None
        if heading:
            known = act.contents.get(heading.number, "")
            first = title_start_above(language, source.layout, lines, i, floor, known)
            blocks.append(_Block(first, i, heading=heading))
        elif (level := language.match_level(lines[i])) and not (i and source.layout.continues(lines[i - 1])):
            blocks.append(_Block(i, i, level=level))
        elif language.closing.fullmatch(lines[i]):
            blocks.append(_Block(i, i))
        else:
            continue
        floor = i + 1
        if level and not level[2]:  # the level's title stands in the next line
            floor = next((j + 1 for j in range(i + 1, act.end) if lines[j]), act.end)
    return blocks


def _enter_level(
    levels: dict[str, str], level: tuple[str, str, str], following: Sequence[str]
) -> tuple[dict[str, str], int]:
    """The levels with a new heading of one of them, and how many of the lines after it are its title."""
    name, label, title = level
    skipped = 0 if title else sum(1 for _ in takewhile(lambda line: not line, following))
    title_lines = list(takewhile(bool, following[skipped : skipped + _MAX_LEVEL_TITLE_LINES]))
    title = " ".join(filter(None, [title, *title_lines]))
    inner = list(levels)[list(levels).index(name) :]
    heading = ". ".join(filter(None, [label, title]))
    return levels | dict.fromkeys(inner, "") | {name: heading}, skipped + len(title_lines)


def _make_articles(
    source: SourceText, heading: Heading, title: str, body: Sequence[str], levels: Mapping[str, str]
) -> Iterator[Article]:
    """The article of a heading; of a range of repealed articles, one for each number."""
    numbers = expand_range(heading.number, heading.last_number) if heading.last_number else [heading.number]
    if title and not any(map(str.isalnum, title)):  # dots in place of a repealed section
        title, body = "", [title]
    nearest = next(filter(None, [levels.get(name, "") for name in ("section", "chapter", "part")]), "")
    article = Article(
        number=numbers[0],
        title=title or nearest.partition(". ")[2] or nearest,
        paragraphs=read_paragraphs(source.layout, body),
        repealed=is_repealed(title, body),
        title_is_own=bool(title),
        **levels,
    )
    return (replace(article, number=number) for number in numbers)
