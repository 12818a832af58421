"""References to articles, "Article 57, paragraph 1, point 2": as printed, as typed by a person, as cited in a text."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from labourqa.errors import UnknownArticleError

_RAISED_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_RAISE = str.maketrans("0123456789", _RAISED_DIGITS)
_LOWER = str.maketrans(_RAISED_DIGITS, "0123456789")
_RAISED = re.compile(f"[{_RAISED_DIGITS}]+")
# As printed: 57, 72^1, 72-1, 72¹, 60E
NUMBER = rf"\d{{1,5}}(?:[\^-]\d{{1,2}}|[{_RAISED_DIGITS}]{{1,2}}|\.\d{{1,2}}|[A-Z]{{1,2}})?"

# Numbers that name a chapter, too: L1221-1 of France, 1-101 and 61.001 of American states, 2:1 of Finland; and 348.13
_COMPOUND = (
    r"(?:[LRD]\.? ?\d{1,4}(?:-\d{1,3}){1,2}|\d{1,2}(?:-\d{1,3}){2}|\d{1,2}-\d{3}|\d{1,3}[.:]\d{1,3})(?![\d^])"
)
_LATIN = r" ?(?:bis|ter|quater|quinquies|sexies)\b"
# A paragraph or point: 3, 2^1, 1A, a, aa, iv
_LETTERS = r"(?:(?!of|to|in|or|by|is|as|at|on|an|be|if|no|it|he)[a-z]{1,2}|[ivx]{2,5})\b"
_PART_NUMBER = rf"(?:\d{{1,3}}(?:\^\d{{1,2}}|[A-Z]{{1,2}}\b)?|{_LETTERS})"
_RANGE = r"(?: to | ?[–-] ?)"
_JOINT = rf"(?:, (?:and |or )?| and | or |{_RANGE})"
_LIST = rf"\(?{_PART_NUMBER}\)?(?:{_JOINT}\(?{_PART_NUMBER}\)?)*"
_ARTICLE_NUMBER = rf"(?:{_COMPOUND}|\d{{1,5}}(?:\^\d{{1,2}})?(?:[A-Z]{{1,2}}|{_LATIN})?(?![\d^]))"
_ARTICLE = r"(?:Article|(?:[Ss]ub-?)?[Ss]ection)"
_GROUPS = rf"(?: ?\({_PART_NUMBER}(?:{_RANGE}{_PART_NUMBER})?\))"
_TARGET = rf"(?:{_ARTICLE_NUMBER}{_GROUPS}*)"
# After "Article 57, " a bare number belongs to the sentence; after "Articles 57, " it is an article.
_REFERENCE = re.compile(
    rf"(?:\b(?:point|clause)s? (?P<points>{_LIST}) of )?"
    rf"(?:\b(?:paragraph|[Ss]ub-?section)s? (?P<paragraphs>{_LIST}) of )?\b(?:{_ARTICLE}|Art\.|Sec\.)"
    rf"(?P<targets>s {_TARGET}(?:{_JOINT}(?:{_ARTICLE}s? )?(?:{_TARGET}|{_GROUPS}+))*"
    rf"| {_TARGET}(?:{_JOINT}(?:{_ARTICLE} {_TARGET}|(?:{_ARTICLE_NUMBER})?{_GROUPS}+))*)"
)
_TARGET_PART = re.compile(
    rf"(?P<number>{_ARTICLE_NUMBER}(?:{_RANGE}{_ARTICLE_NUMBER}(?! ?\())?)?(?P<groups>{_GROUPS}*)"
)
_GROUP = re.compile(r"\(([^()]+)\)")
_ARTICLE_RANGE = re.compile(rf"(?P<first>{_ARTICLE_NUMBER})(?P<joint>{_RANGE})(?P<last>{_ARTICLE_NUMBER})")
# "of the Law on ...", "of Regulation (EU) ...", but not "of this Code" or "of the Labour Code"
_OTHER_LAW = re.compile(r" of (?!this |(?:the )?(?:Labour )?Code\b)(?:(?:the|that|a|an|said) )*[A-Z]")
_LONGEST_RANGE = 500  # "Articles 1 to 9999" is no reference to ten thousand articles

_TYPED_NUMBER = rf"\d{{1,3}}(?:[\^-]\d{{1,2}}|[{_RAISED_DIGITS}]{{1,2}}|[A-Z]{{1,2}})?"
_TYPED = re.compile(
    rf"(?:(?:articles?|art|sections?|sec|статья|ст)\b\.? ?)?"
    rf"(?P<article>{_COMPOUND}|{NUMBER}(?:{_LATIN})?)(?: straipsnis)?"
    rf"(?:,? ?(?:\(|(?:paragraph|para|par)\b\.? ?)(?P<paragraph>{_TYPED_NUMBER})\)?)?"
    rf"(?:,? ?(?:\(|point\b ?)(?P<point>{_TYPED_NUMBER}|[^\W\d_]|[a-z]{{2}}|[ivx]{{2,5}})\)?)?",
    re.IGNORECASE,
)
# What people write in a question, to be spelt as the law prints it.
_RAISED_NUMBER = r"\d{1,5}(?:[\^-]\d{1,2}|[A-Z]{1,2}\b)?"
_SIGN = re.compile(
    rf"(?:\b(?:(?P<many>articles|arts|sections)|article|art|section|sect|sec)\b\.?|(?P<signs>§§)|§)"
    rf"\s*(?={_RAISED_NUMBER})",
    re.IGNORECASE,
)
_DEPTH = re.compile(
    rf"(?P<target>Articles? {_RAISED_NUMBER}(?:\(\w+\))*),?\s*(?:paragraph|para|par|point|item)\b\.?"
    r"\s*\(?(?P<number>\d{1,3})\)?",
    re.IGNORECASE,
)
_LITHUANIAN = re.compile(
    rf"(?:\bDK\s*)?\b(?P<article>{_RAISED_NUMBER})\s*(?:str\.|straipsn\w+)"
    r"(?:\s*(?P<paragraph>\d{1,3})\s*(?:d\.|dal\w+))?(?:\s*(?P<point>\d{1,3})\s*(?:p\.|punkt\w+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """A reference to an article, paragraph or point: `Reference("57", "1", "2")` is Art. 57, paragraph 1, point 2."""

    article: str
    paragraph: str = ""
    point: str = ""

    def __str__(self) -> str:
        parts = "".join(f"({show_number(part)})" for part in (self.paragraph, self.point) if part)
        return f"Art. {show_number(self.article)}{parts}"


@dataclass(frozen=True)
class ReferenceSpan:
    """A piece of a text, `text[start:end]`, and what it refers to: several articles in "Articles 57 to 59"."""

    start: int
    end: int
    references: tuple[Reference, ...]


def find_references(text: str) -> tuple[Reference, ...]:
    """The distinct references of an English text to articles of the same code, in order of appearance."""
    return tuple(dict.fromkeys(one for span in locate_references(text) for one in span.references))


def locate_references(text: str) -> Iterator[ReferenceSpan]:
    """Where an English text refers to articles of the same code, in order of appearance."""
    # Spelling a raised number adds a character: the positions of these, to find the places in the printed text.
    added = [match.start() + count for count, match in enumerate(_RAISED.finditer(text))]
    text = _spell_numbers(text)
    for match in _REFERENCE.finditer(text):
        if _OTHER_LAW.match(text, match.end()):
            continue
        number, of = "", [match["paragraphs"] or "", match["points"] or ""]  # "points 1 and 2 of Article 5"
        levels = of
        targets_start = match.start("targets")
        is_first = True
        for target in filter(re.Match.group, _TARGET_PART.finditer(match["targets"])):
            groups = _GROUP.findall(target["groups"])
            if target["number"]:
                number = target["number"]
                levels = [*groups, "", ""] if groups else of
            else:  # in "44(1)(3), (8)" the 8 is a point, in "139(5) and (6)" the 6 a paragraph
                levels = [levels[0], groups[0]] if levels[1] else [groups[0], ""]
            references = tuple(
                Reference(one, paragraph, point)
                for one in ([_spell_compound(number)] if groups else _expand_articles(target["number"]))
                for paragraph in _expand(levels[0])
                for point in _expand(levels[1])
            )
            start = match.start() if is_first else targets_start + target.start()
            end = targets_start + target.end()
            is_first = False
            yield ReferenceSpan(start - bisect_left(added, start), end - bisect_left(added, end), references)


def find_mentions(question: str) -> tuple[Reference, ...]:
    """The references in a question, however people write them: "art. 57(1)", "§ 72-1", "DK 117 str. 3 d."."""
    text = _LITHUANIAN.sub(_spell_lithuanian, _spell_numbers(question))
    text = _SIGN.sub(lambda match: "Articles " if match["many"] or match["signs"] else "Article ", text)
    text = re.sub(r"(Articles? \d{1,4})-(?=\d{1,2}\b)", r"\1^", text)
    for _ in ("paragraph", "point"):
        text = _DEPTH.sub(r"\g<target>(\g<number>)", text)
    return find_references(text)


def _spell_lithuanian(match: re.Match[str]) -> str:
    groups = "".join(f"({match[part]})" for part in ("paragraph", "point") if match[part])
    return f"Article {match['article']}{groups}"


def _expand_articles(numbers: str) -> list[str]:
    """The single numbers of "5" or "5 to 7"; where a number falls, as in "14-9", it is section 9 of chapter 14."""
    match = None if re.fullmatch(_COMPOUND, numbers) else _ARTICLE_RANGE.fullmatch(numbers)
    if not match:
        return [_spell_compound(numbers)] if numbers else _expand(numbers)
    first, last = match["first"], match["last"]
    if match["joint"] == "-" and first.isdigit() and last.isdigit() and int(first) > int(last):
        return [numbers]
    return _expand(numbers) if first.isdigit() and last.isdigit() else [first, last]


def _spell_compound(number: str) -> str:
    """ "L. 1221-1" as L1221-1, "5 bis" as 5bis."""
    return re.sub(r"(?<=[LRD])\.? ?(?=\d)|(?<=\d) (?=[a-z])", "", number)


def _expand(numbers: str) -> list[str]:
    """The single numbers of "1, 3 and 5 to 7"; of nothing, one empty number."""
    expanded: list[str] = []
    for match in re.finditer(
        rf"([\d^A-Z]+|\b{_LETTERS})(?:\)?{_RANGE}\(?([\d^A-Z]+|\b{_LETTERS}))?", numbers
    ):
        first, last = match[1], match[2] or match[1]
        if first.isdigit() and last.isdigit() and int(first) < int(last) <= int(first) + _LONGEST_RANGE:
            expanded += map(str, range(int(first), int(last) + 1))
        else:
            expanded += [first] if first == last else [first, last]
    return expanded or [""]


def show_number(number: str) -> str:
    """72^1 as it is printed: 72¹."""
    return re.sub(r"\^(\d+)", lambda match: match[1].translate(_RAISE), number)


def parse_reference(text: str) -> Reference:
    """Read what a person types, such as 144(4) or "Art. 144, para. 4"; raises UnknownArticleError."""
    match = _TYPED.fullmatch(" ".join(text[:100].split()).rstrip("."))
    if not match:
        raise UnknownArticleError(
            f'"{text[:100]}" names no article; write, for example, 57, 144(4) or 57(1)(2).'
        )
    article, paragraph, point = (number or "" for number in match.groups())
    if re.fullmatch(_COMPOUND, article, re.IGNORECASE):
        article = _spell_compound(article.upper())
    elif latin := re.search(_LATIN, article.lower()):
        article = spell_number(article[: latin.start()]) + latin[0].strip()
    else:
        article = spell_number(article.upper())
    if point[:1].isdigit():
        point = spell_number(point)
    return Reference(article, spell_number(paragraph.upper()), point)


def spell_number(number: str) -> str:
    """72¹ and 72-1 as 72^1."""
    return _spell_numbers(number).replace("-", "^")


def _spell_numbers(text: str) -> str:
    return _RAISED.sub(lambda match: "^" + match[0].translate(_LOWER), text)
