"""Does the law say it? Each sentence of a written answer against the places it cites: numbers, negation, key terms.

By code alone, without a second model: a small model's prose sounds right and says the opposite of its source.
Doubts are no proof of falsehood, and their absence none of truth; a number that the law does not have is always one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from snowballstemmer import stemmer  # type: ignore[import-untyped]

from .articles import Article
from .citations import quote_reference
from .errors import UnknownArticleError
from .references import Reference, find_references

# Of a sentence's key terms so many must stand in the cited articles: sentences put together from the law's own
# paragraphs reach 1, a paraphrase in plain words keeps about two thirds, another subject matter a quarter.
TERMS_SHARED = 0.5

_END = re.compile(r"(?<=[.!?:;])(?<!\bArt\.)(?<!\bNo\.)(?<!\bpara\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+|\n+\s*")
_CITED = re.compile(
    r"\[?\(?\bArt(?:icle)?s?\b\.? ?\d[\d\^⁰¹²³⁴-⁹()\[\], ]*(?:and [\d\^()]+)?[\])]?|\[\d[^\]]*\]"
)
_BRACKETED = re.compile(r"(?:[\[(]Art(?:icle)?s?\b(?:[^\[\]()]|\([^()]*\))*[\])][.;,]?\s*)+")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

_UNITS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "twelfth": 12, "fourteenth": 14, "fifteenth": 15, "twentieth": 20,
}  # fmt: skip
_MULTIPLES = {"twice": 2.0, "double": 2.0, "thrice": 3.0, "triple": 3.0, "half": 0.5}
_NEGATIONS = {
    "no", "not", "never", "none", "nor", "neither", "cannot", "nobody", "nothing", "prohibited", "prohibits",
    "prohibit", "prohibition", "forbidden", "forbids", "forbid", "banned", "ban", "unlawful", "illegal",
}  # fmt: skip
# These set a limit and deny nothing: "may not exceed 40 hours" is "at most 40 hours".
_LIMIT = re.compile(
    r"\bnot (?:to )?(?:exceed|last longer than|be (?:longer|shorter|more|less|later|earlier) than)"
    r"|\b(?:no|not) (?:more|less|fewer|longer|shorter|later|earlier|lower|higher|greater|sooner|worse) than"
    r"|\bnot only\b|\bwhether or not\b|\bno later\b"
)
_FUNCTION_WORDS = set(
    re.findall(
        r"\w+",
        "a about after all also an and any are as at be because been before being between both but by can could did do "
        "does during each either every for from had has have her his how if in into is it its may might more most must "
        "of on one only or other out over own same shall she should so some such than that the their them then there "
        "these they this those through to under until up upon was were what when where which while who whom whose "
        "will with within would you your according article articles code paragraph point law says states labour",
    )
)
_stem = stemmer("english").stemWord


@dataclass(frozen=True)
class Statement:
    """A sentence of an answer, what it cites, and why it should not be trusted; no doubts: none were found."""

    text: str
    references: tuple[Reference, ...]
    doubts: tuple[str, ...]


def check_statements(text: str, articles: Sequence[Article]) -> tuple[Statement, ...]:
    """Every sentence of a written answer, checked against the selected `articles`."""
    return tuple(_check(sentence, articles) for sentence in split_sentences(text))


def split_sentences(text: str) -> list[str]:
    """Sentences and lines; a reference that stands behind its sentence belongs to it."""
    sentences: list[str] = []
    for piece in _END.split(text.strip()):
        piece = _BULLET.sub("", piece.strip())
        if sentences and (behind := _BRACKETED.match(piece)):
            sentences[-1] += " " + behind[0].strip()
            piece = piece[behind.end() :]
        if piece:
            sentences.append(piece)
    return sentences


def _check(sentence: str, articles: Sequence[Article]) -> Statement:
    references = find_references(sentence)
    if not references:
        return Statement(sentence, (), ("it cites nothing",))
    doubts: list[str] = []
    sources: list[str] = []
    for reference in references:
        try:
            sources.append(quote_reference(reference, articles))
        except UnknownArticleError:
            doubts.append(f"{reference} is not among the sources")
    if sources:
        titles = [a.title for a in articles if any(r.article == a.number for r in references)]
        doubts += _compare(_strip_references(sentence), sources, titles, " and ".join(map(str, references)))
    return Statement(sentence, references, tuple(doubts))


def _compare(sentence: str, sources: Sequence[str], titles: Sequence[str], place: str) -> list[str]:
    """What `sentence` says that `sources`, the cited places, do not. Titles explain, but state nothing."""
    doubts = []
    source = "\n".join(sources)
    if strange := sorted(read_values(sentence) - read_values(source)):
        numbers = ", ".join(f"{value:g}" for value in strange)
        doubts.append(f"{place} does not have the number {numbers}")
    nearest = max(_clauses(source), key=lambda clause: len(_terms(clause) & _terms(sentence)))
    if _denies(sentence) and not _denies(source):
        doubts.append(f"it denies or forbids something, and {place} does not")
    elif _denies(nearest) and not _denies(sentence):
        doubts.append(f"{place} denies or forbids something here, and it does not")
    terms = _terms(sentence)
    if terms and len(terms & _terms("\n".join([source, *titles]))) < TERMS_SHARED * len(terms):
        doubts.append(f"{place} is about something else")
    return doubts


def read_values(text: str) -> set[float]:
    """The numbers of a text, in digits or English words: "one and a half", "twenty-eight", "14th", "50 %".

    A bare "one" is a pronoun more often than a number, and is left out.
    """
    text = text.lower().replace("-", " ")
    values = {float(match.replace(",", "")) for match in _NUMBER.findall(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))
              if match.count(".") < 2}  # fmt: skip
    words = re.findall(r"[a-z]+", text)
    i = 0
    while i < len(words):
        word = words[i]
        following = words[i + 1] if i + 1 < len(words) else ""
        value: float | None = None
        if word in _TENS:
            value = _TENS[word]
            unit = _UNITS.get(following, _ORDINALS.get(following, 0))
            if 0 < unit < 10:
                value += unit
                i += 1
        elif word in _UNITS:
            value = _UNITS[word]
        elif word in _ORDINALS and word not in ("first", "second"):
            value = _ORDINALS[word]
        elif word in _MULTIPLES:
            value = _MULTIPLES[word]
        if value is not None and words[i + 1 : i + 2] == ["hundred"]:
            value *= 100
            i += 1
        if value is not None and words[i + 1 : i + 4] == ["and", "a", "half"]:
            value += 0.5
            i += 3
        if value is not None and (value != 1 or word != "one"):
            values.add(float(value))
        i += 1
    return values


def _denies(text: str) -> bool:
    words = set(_WORD.findall(_LIMIT.sub(" ", text.lower())))
    return bool(words & _NEGATIONS) or any(word.endswith("n't") for word in words)


def _clauses(source: str) -> list[str]:
    return [clause for clause in re.split(r"(?<=[.;:])\s+|\n", source) if clause.strip()] or [source]


def _terms(text: str) -> set[str]:
    return {
        _stem(word) for word in _WORD.findall(text.lower()) if len(word) > 2 and word not in _FUNCTION_WORDS
    }


def _strip_references(text: str) -> str:
    return _CITED.sub(" ", text)
