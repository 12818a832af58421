"""The text of a law -> its articles under their parts, chapters and sections.

A law is read line by line: the table in `languages` says what headings look like, and `numbering` tells by their
order which of the lines that look like one are headings.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, dropwhile, pairwise, takewhile

from labourqa.errors import NoArticlesError
from labourqa.law.languages import Language, detect_language
from labourqa.law.line_layout import SENTENCE_ENDS, LineLayout, measure_layout
from labourqa.law.naming import find_date, find_name
from labourqa.law.numbering import longest_increasing_run, raise_digits, sort_key
from labourqa.law.paragraphs import PARAGRAPH, POINT, read_paragraphs
from labourqa.law.references import spell_number
from labourqa.law.structure import Article, Code, format_paragraphs

_LONGEST_TITLE_LINE = 200
_MAX_TITLE_LINES = 4


def parse_code(text: str) -> Code:
    """Split a law into articles; raises NoArticlesError where no heading of an article is found."""
    source = _prepare(text)
    acts = _find_acts(source)
    if not acts:
        raise NoArticlesError(
            'No article was found: each must begin a line of its own, like "Article 1. Title", '
            '"1 straipsnis. Title" or "Статья 1. Title".'
        )
    lines = source.lines
    starts = [0] + [act[-1].line + 1 for act in acts]
    ends = [act[0].line for act in acts[1:]] + [len(lines)]
    # A table of contents or an approval law is shorter than the code itself.
    code = max(range(len(acts)), key=lambda i: sum(map(len, lines[acts[i][0].line : ends[i]])))
    annex = (i for i in range(starts[code + 1], ends[code]) if source.language.annex.fullmatch(lines[i]))
    ends[code] = next(annex, ends[code])
    articles = [_read_articles(source, acts[i], starts[i], ends[i]) for i in range(code + 1)]
    return Code(
        name=find_name(source.language, lines[starts[code] : acts[code][0].line]),
        date=find_date(source.language, lines[: acts[0][0].line]),
        articles=articles[code],
        preliminary=tuple(chain.from_iterable(act for act in articles[:code] if not _is_contents(act))),
        annex=format_paragraphs(read_paragraphs(source.layout, lines[ends[code] :])),
    )


@dataclass(frozen=True)
class _SourceText:
    """A law's lines, and what is needed to read them."""

    language: Language
    layout: LineLayout
    lines: Sequence[str]


@dataclass(frozen=True)
class _Heading:
    line: int
    number: str
    title: str


def _prepare(text: str) -> _SourceText:
    """The text's lines without Markdown, surplus blanks and editors' notes."""
    text = re.sub(r"\n\s*\n", "\n\n", text).replace("**", "")  # Markdown sets headings in bold
    lines = [" ".join(line.lstrip("#").split()) for line in text.split("\n")]
    language = detect_language(lines)
    lines = list(_drop_notes(language, lines))
    return _SourceText(language, measure_layout(lines), lines)


def _drop_notes(language: Language, lines: Sequence[str]) -> Iterator[str]:
    """The lines of the law itself, without what its editors noted between them."""
    in_note = False
    for line in lines:
        if language.long_note.match(line):
            in_note = True
        elif not line or PARAGRAPH.match(line) or POINT.match(line) or language.article.match(line):
            in_note = False
        if not in_note and not language.note.fullmatch(line):
            yield line


def _find_acts(source: _SourceText) -> list[list[_Heading]]:
    """The headings of each act in the text: numbering that starts anew starts an act (or ends its contents)."""
    lines = source.lines
    matches = ((i, source.language.article.match(line)) for i, line in enumerate(lines))
    found = [_Heading(i, spell_number(match[1]), match[2]) for i, match in matches if match]
    # "... as laid down in / Article 57. The employer ..." is no heading where article 57 has one.
    mid_sentence = {one.line for one in found if one.line and source.layout.continues(lines[one.line - 1])}
    certain = {heading.number for heading in found if heading.line not in mid_sentence}
    found = [one for one in found if one.line not in mid_sentence or one.number not in certain]
    numbers = raise_digits([one.number for one in found])
    found = [_Heading(one.line, number, one.title) for one, number in zip(found, numbers, strict=True)]
    acts: list[list[_Heading]] = []
    highest = sort_key("")
    for i, heading in enumerate(found):
        restarts = heading.number == "1" and sort_key("1") < highest
        # Between 100 and 101 a line that begins with "Article 1." is no new act.
        if not acts or (restarts and any(sort_key(one.number) <= highest for one in found[i + 1 : i + 2])):
            acts.append([])
            highest = sort_key("")
        acts[-1].append(heading)
        highest = max(highest, sort_key(heading.number))
    # A line that merely looks like a heading breaks the order of the numbers.
    return [[act[i] for i in longest_increasing_run([one.number for one in act])] for act in acts]


def _read_articles(
    source: _SourceText, headings: Sequence[_Heading], start: int, end: int
) -> tuple[Article, ...]:
    """Read the articles between two lines, each under the part, chapter and section it stands in."""
    lines, layout = source.lines, source.layout
    heading_at = {heading.line: heading for heading in headings}
    levels = {name: "" for name, _ in source.language.levels}
    articles = []
    boundaries = [
        i
        for i in range(start, end)
        if i in heading_at
        or source.language.closing.fullmatch(lines[i])
        or (source.language.match_level(lines[i]) and not (i and layout.continues(lines[i - 1])))
    ]
    for boundary, stop in pairwise([*boundaries, end]):
        following = lines[boundary + 1 : stop]
        if heading := heading_at.get(boundary):
            title, body = _read_title(layout, heading.title, lines[boundary], following)
            articles.append(Article(heading.number, title, read_paragraphs(layout, body), **levels))
        elif level := source.language.match_level(lines[boundary]):
            name, label, title = level
            if not title:
                following = list(dropwhile(lambda line: not line, following))
            title = " ".join(filter(None, [title, *takewhile(bool, following[:5])]))
            inner = list(levels)[list(levels).index(name) :]
            levels |= dict.fromkeys(inner, "") | {name: ". ".join(filter(None, [label, title]))}
    return tuple(articles)


def _read_title(
    layout: LineLayout, title: str, heading: str, lines: Sequence[str]
) -> tuple[str, Sequence[str]]:
    """An article's whole title, which may run over several lines, and the lines after it."""
    if not title:  # the number stands alone and the title below it, as in EU law
        lines = list(dropwhile(lambda line: not line, lines))
        if (
            not lines
            or PARAGRAPH.match(lines[0])
            or lines[0].endswith(SENTENCE_ENDS)
            or len(lines[0]) > _LONGEST_TITLE_LINE
        ):
            return "", lines
        return _read_title(layout, lines[0], lines[0], lines[1:])
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


def _is_contents(act: Sequence[Article]) -> bool:
    """Whether most articles have only a title, as in a table of contents."""
    return 2 * sum(1 for article in act if article.paragraphs) <= len(act)
