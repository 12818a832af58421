"""The text of a law -> its articles, paragraphs and points, and the references between them.

A law is read line by line. What languages call things stands in the table `_LANGUAGES`; everything else goes by
order: article 57 follows 56, and "721" between 72 and 73 is 72^1, a raised digit that the printing flattened.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain, dropwhile, pairwise, takewhile

from labourqa.errors import NoArticlesError
from labourqa.law.references import NUMBER, spell_number
from labourqa.law.structure import Article, Code, Paragraph, Point, format_paragraphs


@dataclass(frozen=True)
class _Language:
    article: re.Pattern[str]  # a heading's number and title
    levels: tuple[tuple[str, re.Pattern[str]], ...]  # outermost first; a heading's label and title
    name: re.Pattern[str]  # a word in the title of every code
    date: re.Pattern[str]
    date_format: str
    annex: re.Pattern[str]
    closing: re.Pattern[str]  # what follows a law's last article: promulgation, signature
    note: re.Pattern[str]  # an editor's note of one line, no part of the law
    long_note: re.Pattern[str]  # an editor's note up to the next blank line or number


_ENDED = r"(?: ?[.:–—-] ?(.*))?"  # a label stands alone or is set off from its title
_NEVER = r"(?!)"


def _english(article: str, *levels: str) -> _Language:
    return _Language(
        article=re.compile(rf"(?:{article}) ({NUMBER})(?:[.:]| [–—-] |$) ?(.*)"),
        levels=tuple(
            (level.lower(), re.compile(rf"((?:{level}|{level.upper()}) (?:[A-Z]+|[A-Z][a-z]+|\d+)){_ENDED}"))
            for level in levels
        ),
        name=re.compile(r"\b(?:code|act|law)\b", re.IGNORECASE),
        date=re.compile(r"(?:in force from|amended on|as at) (\d{1,2} [A-Z][a-z]+ \d{4})", re.IGNORECASE),
        date_format="%d %B %Y",
        annex=re.compile(r"(?:ANNEX|Annex|SCHEDULE|APPENDIX)(?: [IVX\d]+)?(?:\..*)?"),
        closing=re.compile(r"APPROVED|I promulgate this .*"),
        note=re.compile(_NEVER),
        long_note=re.compile(r"Note from the Register of Legal Acts\..*"),
    )


_LANGUAGES = (
    _english("Article|ARTICLE|Art\\.", "Part", "Chapter", "Section"),
    _english("Section|SECTION", "Part", "Chapter"),
    _Language(
        article=re.compile(rf"({NUMBER}) straipsnis(?:\.|$) ?(.*)"),
        levels=(
            ("part", re.compile(rf"([IVXLC]+ DALIS){_ENDED}")),
            ("chapter", re.compile(rf"([IVXLC\d]+ (?:SKYRIUS|skyrius)){_ENDED}")),
            ("section", re.compile(rf"(\w+ (?:SKIRSNIS|skirsnis)){_ENDED}")),
        ),
        name=re.compile(r"kodeksas|įstatymas", re.IGNORECASE),
        date=re.compile(r"redakcija nuo (\d{4}-\d\d-\d\d)"),
        date_format="%Y-%m-%d",
        annex=re.compile(r"Lietuvos Respublikos|(?:.{0,100} )?priedas|PRIEDAS"),
        closing=re.compile(r"PATVIRTINTA|Skelbiu šį .*"),
        note=re.compile(
            r"(?:Straipsnio|Skirsnio|Skyriaus|Dalies|Priedo|Kodekso) [\w ]{0,40}(?:pakeitim|naikinim)\w+:"
            r"|(?:Papildyta|Pakeista\w*|TAR pastaba)\b.{0,80}[:.]|Nr\. [IVX]+-\d+, \d{4}-\d\d-\d\d, paskelbta .*"
        ),
        long_note=re.compile(r"TAR pastaba\..*"),
    ),
    _Language(
        article=re.compile(rf"(?:Статья|СТАТЬЯ) ({NUMBER})(?:\.|$) ?(.*)"),
        levels=(
            ("part", re.compile(rf"(ЧАСТЬ [А-Я]+){_ENDED}")),
            ("section", re.compile(rf"((?:Раздел|РАЗДЕЛ) [IVXLC\d]+){_ENDED}")),
            ("chapter", re.compile(rf"((?:Глава|ГЛАВА) [\d.]*\d){_ENDED}")),
        ),
        name=re.compile(r"кодекс|закон", re.IGNORECASE),
        date=re.compile(r"(?:ред\.|редакции) от (\d\d\.\d\d\.\d{4})"),
        date_format="%d.%m.%Y",
        annex=re.compile(r"(?:Приложение|ПРИЛОЖЕНИЕ)(?: (?:N|№) ?\d+)?"),
        closing=re.compile(r"Президент"),
        note=re.compile(r"\([^()]{0,60}(?:в ред\.|введен[аоы]? Федеральным) .*\)"),
        long_note=re.compile(r"КонсультантПлюс: примечание\."),
    ),
)

_PARAGRAPH = re.compile(r"(?:(\d{1,4}(?:\^\d{1,2})?)\.|\((\d{1,3}[A-Z]?)\)) (.*)")
_POINT = re.compile(r"(?:(\d{1,4}(?:\^\d{1,2})?|[^\W\d_])\)|\(([^\W\d_]{1,2})\)) (.*)")
_SENTENCE_ENDS = (".", ";", ":", "?", "!")
_HANGING = re.compile(r"(?:and|or|ir|ar|arba|и|или)\b")  # "employer- or workplace-level"
# A line after one that ends so begins with a reference, not with a number of its own: "(Article 57(1)(1– / 3) of".
_OPEN = re.compile(r"(?:[–(-]|\b(?:articles?|paragraphs?|points?|no))$", re.IGNORECASE)
_SKIPPED = 3  # so many numbers may be missing; "2022. The employer" after paragraph 2 is no paragraph

_SMALL_WORDS = frozenset(["a", "an", "and", "by", "for", "from", "in", "of", "on", "or", "the", "to"])


def parse_code(text: str) -> Code:
    """Split a law into articles; raises NoArticlesError where no heading of an article is found."""
    text = re.sub(r"\n\s*\n", "\n\n", text).replace("**", "")  # Markdown sets headings in bold
    lines = [" ".join(line.lstrip("#").split()) for line in text.split("\n")]
    language = max(_LANGUAGES, key=lambda language: sum(1 for line in lines if language.article.match(line)))
    lines = list(_drop_notes(language, lines))
    setting = _measure(lines)
    laws = _find_laws(language, setting, lines)
    if not laws:
        raise NoArticlesError(
            'No article was found: each must begin a line of its own, like "Article 1. Title", '
            '"1 straipsnis. Title" or "Статья 1. Title".'
        )
    starts = [0] + [law[-1].line + 1 for law in laws]
    ends = [law[0].line for law in laws[1:]] + [len(lines)]
    # A table of contents or an approval law is shorter than the code itself.
    code = max(range(len(laws)), key=lambda i: sum(map(len, lines[laws[i][0].line : ends[i]])))
    annex = (i for i in range(starts[code + 1], ends[code]) if language.annex.fullmatch(lines[i]))
    ends[code] = next(annex, ends[code])
    read = [_read_law(language, setting, lines, laws[i], starts[i], ends[i]) for i in range(code + 1)]
    return Code(
        name=_find_name(language, lines[starts[code] : laws[code][0].line]),
        date=_find_date(language, lines[: laws[0][0].line]),
        articles=read[code],
        preliminary=tuple(chain.from_iterable(law for law in read[:code] if not _is_contents(law))),
        annex=format_paragraphs(_read_paragraphs(setting, lines[ends[code] :])),
    )


@dataclass(frozen=True)
class LineLayout:
    """How the text is set: hard-wrapped at a width, or (width 0) with a whole paragraph on each line."""

    width: int
    words: frozenset[str]  # every word of a wrapped text, to tell "fixed-term" from "employ-ment"

    def is_full(self, line: str) -> bool:
        """Whether a line may run on; an indented line of wide letters can be a third shorter than others."""
        return self.width > 0 and len(line) > max(0.6 * self.width, 40)

    def is_broken(self, line: str) -> bool:
        """Whether the sentence goes on in the next line."""
        return self.is_full(line) and not line.endswith(_SENTENCE_ENDS) and not line.isupper()

    def join(self, lines: Sequence[str]) -> str:
        pieces = []
        for line, following in pairwise(lines):
            if line.endswith("\xad"):  # a hyphen that stands only at the end of a line
                pieces.append(line[:-1])
            elif line[-1:] not in "-–" or line[-2:-1] == " " or _HANGING.match(following):
                pieces += line, " "
            elif line[-1] == "-" and self.is_one_word(_last_word(line), _first_word(following)):
                pieces.append(line[:-1])
            else:  # a compound: "fixed-term", "employer–work council", "8–10"
                pieces.append(line)
        return "".join([*pieces, *lines[-1:]])

    def is_one_word(self, start: str, end: str) -> bool:
        return start + end in self.words and f"{start}-{end}" not in self.words


def _last_word(line: str) -> str:
    return line.rpartition(" ")[2].strip("-(‘“'\"")


def _first_word(line: str) -> str:
    return line.partition(" ")[0].rstrip(".,;:)’”'\"")


def _measure(lines: Sequence[str]) -> LineLayout:
    lengths = sorted(len(line) for line in lines if line)
    width = lengths[len(lengths) * 99 // 100] if lengths else 0  # a few lines may stick out
    if width > 150:
        return LineLayout(0, frozenset())
    return LineLayout(width, frozenset(word for line in lines for word in re.findall(r"\w+(?:-\w+)*", line)))


def _drop_notes(language: _Language, lines: Sequence[str]) -> Iterator[str]:
    """The lines of the law itself, without what its editors noted between them."""
    in_note = False
    for line in lines:
        if language.long_note.match(line):
            in_note = True
        elif not line or _PARAGRAPH.match(line) or _POINT.match(line) or language.article.match(line):
            in_note = False
        if not in_note and not language.note.fullmatch(line):
            yield line


@dataclass(frozen=True)
class _Heading:
    line: int
    number: str
    title: str


def _find_laws(language: _Language, setting: LineLayout, lines: Sequence[str]) -> list[list[_Heading]]:
    """The headings of each law in the text: numbering that starts anew starts a law (or ends its contents)."""
    matches = ((i, language.article.match(line)) for i, line in enumerate(lines))
    found = [_Heading(i, spell_number(match[1]), match[2]) for i, match in matches if match]
    # "... as laid down in / Article 57. The employer ..." is no heading where article 57 has one.
    broken = {one.line for one in found if one.line and setting.is_broken(lines[one.line - 1])}
    firm = {heading.number for heading in found if heading.line not in broken}
    found = _raise_numbers([one for one in found if one.line not in broken or one.number not in firm])
    laws: list[list[_Heading]] = []
    highest = (0, 0, "")
    for i, heading in enumerate(found):
        restarts = heading.number == "1" and _order("1") < highest
        # Between 100 and 101 a line that begins with "Article 1." is no new law.
        if not laws or (restarts and any(_order(one.number) <= highest for one in found[i + 1 : i + 2])):
            laws.append([])
            highest = (0, 0, "")
        laws[-1].append(heading)
        highest = max(highest, _order(heading.number))
    return [_longest_rise(law) for law in laws]


def _raise_numbers(headings: Sequence[_Heading]) -> list[_Heading]:
    """Give back the raised digits that the printing lost: 72, 721, 73 is 72, 72^1, 73."""
    raised: list[_Heading] = []
    for i, heading in enumerate(headings):
        number = _raise_number(heading.number, raised[-1].number) if raised else ""
        following = headings[i + 1 : i + 9] if number else []  # 72 may be followed by 721, 722 and 723
        falls_back = any(_order(later.number) < _order(heading.number) for later in following)
        raised.append(replace(heading, number=number) if falls_back else heading)
    return raised


def _longest_rise(headings: Sequence[_Heading]) -> list[_Heading]:
    """The longest run of rising numbers, which leaves out a line that merely looks like a heading."""
    tails: list[int] = []  # tails[n]: where the lowest-ending run of n + 1 headings ends
    orders: list[tuple[int, int, str]] = []
    before: list[int] = []
    for i, heading in enumerate(headings):
        order = _order(heading.number)
        place = bisect_left(orders, order)
        before.append(tails[place - 1] if place else -1)
        tails[place : place + 1] = [i]
        orders[place : place + 1] = [order]
    rise = []
    at = tails[-1]
    while at >= 0:
        rise.append(headings[at])
        at = before[at]
    return rise[::-1]


def _read_law(
    language: _Language,
    setting: LineLayout,
    lines: Sequence[str],
    headings: Sequence[_Heading],
    start: int,
    end: int,
) -> tuple[Article, ...]:
    """Read the articles between two lines, each under the part, chapter and section it stands in."""
    places = {heading.line: heading for heading in headings}
    levels = {name: "" for name, _ in language.levels}
    articles = []
    cuts = [
        i
        for i in range(start, end)
        if i in places
        or language.closing.fullmatch(lines[i])
        or (_match_level(language, lines[i]) and not (i and setting.is_broken(lines[i - 1])))
    ]
    for cut, stop in pairwise([*cuts, end]):
        following = lines[cut + 1 : stop]
        if heading := places.get(cut):
            title, body = _read_title(setting, heading.title, lines[cut], following)
            articles.append(Article(heading.number, title, _read_paragraphs(setting, body), **levels))
        elif level := _match_level(language, lines[cut]):
            name, label, title = level
            if not title:
                following = list(dropwhile(lambda line: not line, following))
            title = " ".join(filter(None, [title, *takewhile(bool, following[:5])]))
            inner = list(levels)[list(levels).index(name) :]
            levels |= dict.fromkeys(inner, "") | {name: ". ".join(filter(None, [label, title]))}
    return tuple(articles)


def _match_level(language: _Language, line: str) -> tuple[str, str, str] | None:
    """A heading's level, label and title: ("part", "PART II", "INDIVIDUAL EMPLOYMENT RELATIONS")."""
    for name, pattern in language.levels:
        if match := pattern.fullmatch(line):
            return name, match[1], match[2] or ""
    return None


def _read_title(
    setting: LineLayout, title: str, heading: str, lines: Sequence[str]
) -> tuple[str, Sequence[str]]:
    """An article's whole title, which may run over several lines, and the lines after it."""
    if not title:  # the number stands alone and the title below it, as in EU law
        lines = list(dropwhile(lambda line: not line, lines))
        if (
            not lines
            or _PARAGRAPH.match(lines[0])
            or lines[0].endswith(_SENTENCE_ENDS)
            or len(lines[0]) > 200
        ):
            return "", lines
        return _read_title(setting, lines[0], lines[0], lines[1:])
    # All that stands before paragraph 1 is title; without paragraphs, a line that begins in lower case or is too
    # short to open the text.
    until = next((i for i, line in enumerate(lines[:4]) if not line or _PARAGRAPH.match(line)), 0)
    numbered = until < len(lines) and _PARAGRAPH.match(lines[until]) is not None
    printed = [heading]
    for line in lines[: until if numbered else 3]:
        short = line != "" and not setting.is_full(line) and not line.endswith(_SENTENCE_ENDS)
        if not setting.is_full(printed[-1]) or not (numbered or short or line[:1].islower()):
            break
        printed.append(line)
    count = len(printed) - 1
    return setting.join([title, *printed[1:]]), lines[count:]


@dataclass(frozen=True)
class _Row:
    """A line of an article as the law means it: a paragraph's beginning, a point, or text between."""

    kind: str  # "paragraph", "point", "item" (inside a point) or "text"
    number: str
    mark: str  # the number as it stands before a point: "1) "
    text: str


def _read_paragraphs(setting: LineLayout, lines: Sequence[str]) -> tuple[Paragraph, ...]:
    paragraphs: list[list[_Row]] = []
    for row in _read_rows(setting, lines):
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
            points[-1][1].append(row.mark + row.text)
    return Paragraph(
        rows[0].number if rows[0].kind == "paragraph" else "",
        "\n".join(row.mark + row.text for row in rows),
        tuple(Point(number, "\n".join(texts)) for number, texts in points),
    )


def _read_rows(setting: LineLayout, lines: Sequence[str]) -> list[_Row]:
    """Tell by their order which numbers at a line's beginning count, and join the lines up to the next one."""
    rows: list[_Row] = []
    printed: list[list[str]] = []  # the lines of each row
    paragraph = point = item = ""
    fresh = True  # no sentence is open that the line could go on with
    for before, line in pairwise(["", *lines]):
        row = None
        if not (setting.width and _OPEN.search(before)):
            row = _read_paragraph_number(line, paragraph) or _read_point_number(line, point, item)
        if row:
            if row.kind == "paragraph":
                paragraph, point, item = row.number, "", ""
            elif row.kind == "point":
                point, item = row.number, ""
            else:
                item = row.number
        elif line and (not rows or not setting.width or (fresh and not line[0].islower())):
            row = _Row("text", "", "", line)
        if row:
            rows.append(row)
            printed.append([row.text])
        elif line:
            printed[-1].append(line)
        fresh = not line or (line.endswith(_SENTENCE_ENDS) and not setting.is_full(line))
    return [replace(row, text=setting.join(texts)) for row, texts in zip(rows, printed, strict=True)]


def _read_paragraph_number(line: str, last: str) -> _Row | None:
    match = _PARAGRAPH.match(line)
    number = _follow(match[1] or match[2], last) if match else ""
    return _Row("paragraph", number, "", match[3]) if match and number else None


def _read_point_number(line: str, last_point: str, last_item: str) -> _Row | None:
    match = _POINT.match(line)
    if not match:
        return None
    found = match[1] or match[2]
    # Where digits number the points, letters number the items inside a point, and the other way about.
    is_item = last_point != "" and last_point[0].isdigit() != found[0].isdigit()
    number = _follow(found, last_item if is_item else last_point)
    mark = line.removesuffix(match[3]).replace(found, number)
    return _Row("item" if is_item else "point", number, mark, match[3]) if number else None


@lru_cache(maxsize=10_000)
def _order(number: str) -> tuple[int, int, str]:
    """A key that sorts 9, 10, 60, 60A, 72, 72^1, 73, and a, b, c; what is no number comes first."""
    if match := re.fullmatch(r"(\d+)(?:[\^.](\d+))?([A-Z]*)", number):
        return int(match[1]), int(match[2] or 0), match[3]
    first = number[:1].lower()
    return (ord(first) - ord("а" if first >= "а" else "a") + 1 if first else 0), 0, number


def _follow(number: str, last: str) -> str:
    """The number if it can come after the last one, with raised digits given back (21 after 2 is 2^1), else ""."""
    number = spell_number(number)
    lowest = _order(last)
    if _order(number) <= lowest:
        return ""
    return number if _order(number)[0] <= lowest[0] + _SKIPPED else _raise_number(number, last)


def _raise_number(number: str, last: str) -> str:
    """ "721" read as 72^1, if that is what comes after the last number, else ""."""
    base, raised, _ = _order(last)
    expected = f"{base}{raised + 1}"
    return f"{base}^{raised + 1}" if number == expected else ""


def _is_contents(law: Sequence[Article]) -> bool:
    """Whether most articles have only a title, as in a table of contents."""
    return 2 * sum(1 for article in law if article.paragraphs) <= len(law)


def _find_name(language: _Language, lines: Sequence[str]) -> str:
    """The lines in capitals that name a law, in title case; else the first line that does; else the first."""
    for i, line in enumerate(lines):
        if line.isupper() and not _match_level(language, line):
            title = takewhile(
                lambda line: line.isupper() and not _match_level(language, line), lines[i : i + 5]
            )
            name = " ".join(title)
            if language.name.search(name):
                words = [word if word in _SMALL_WORDS else word.capitalize() for word in name.lower().split()]
                return " ".join(words)
    printed = [line[:200] for line in lines if line]
    return next((line for line in printed if language.name.search(line)), next(iter(printed), ""))


def _find_date(language: _Language, lines: Sequence[str]) -> str:
    match = language.date.search("\n".join(lines)[:20_000])
    try:
        return datetime.strptime(match[1], language.date_format).date().isoformat() if match else ""
    except ValueError:  # no such day
        return ""
