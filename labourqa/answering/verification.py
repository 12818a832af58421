"""Does the law say it? Each sentence of a written answer against the places it cites: numbers, negation, key terms.

By code alone, without a second model: a small model's prose sounds right and says the opposite of its source.
Doubts are no proof of falsehood, and their absence none of truth; a number that the law does not have is always one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from snowballstemmer import stemmer  # type: ignore[import-untyped]

from labourqa.errors import UnknownArticleError
from labourqa.law.citations import quote_reference
from labourqa.law.references import Reference, find_references
from labourqa.law.structure import Article

# Of a sentence's key terms so many must stand in the cited articles: sentences put together from the law's own
# paragraphs reach 1, a paraphrase in plain words keeps about two thirds, another subject matter a quarter.
TERMS_SHARED = 0.5

_END = re.compile(r"(?<=[.!?:;])(?<!\bArt\.)(?<!\bNo\.)(?<!\bpara\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+|\n+\s*")
_CITED = re.compile(
    r"\[?\(?\bArt(?:icle)?s?\b\.? ?\d[\d\^⁰¹²³⁴-⁹()\[\], ]*(?:and [\d\^()]+)?[\])]?|\[\d[^\]]*\]"
)
_BRACKETED = re.compile(r"(?:[\[(]Art(?:icle)?s?\b(?:[^\[\]()]|\([^()]*\))*[\])][.;,]?\s*)+")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")
_LIST_NUMBER = re.compile(r"\(?\d{1,3}[.)]+")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_DIGITS = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?")

_UNITS = {
    "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0,
    "nine": 9.0, "first": 1.0, "second": 2.0, "third": 3.0, "fourth": 4.0, "fifth": 5.0, "sixth": 6.0,
    "seventh": 7.0, "eighth": 8.0, "ninth": 9.0,
}  # fmt: skip
_SINGLE = _UNITS | {
    "ten": 10.0, "eleven": 11.0, "twelve": 12.0, "thirteen": 13.0, "fourteen": 14.0, "fifteen": 15.0,
    "sixteen": 16.0, "seventeen": 17.0, "eighteen": 18.0, "nineteen": 19.0, "tenth": 10.0, "twelfth": 12.0,
    "fourteenth": 14.0, "fifteenth": 15.0, "twentieth": 20.0, "half": 0.5, "twice": 2.0, "double": 2.0, "triple": 3.0,
}  # fmt: skip
_TENS = {
    "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0,
    "ninety": 90.0,
}  # fmt: skip
_VALUES = _SINGLE | _TENS
_WORDED = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?: (?P<unit>{'|'.join(_UNITS)}))?|(?P<single>{'|'.join(_SINGLE)}))"
    r"(?P<hundred> hundred)?(?P<half> and a half)?\b"
)
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
_stem = lru_cache(10_000)(stemmer("english").stemWord)


@dataclass(frozen=True)
class Statement:
    """A piece of an answer, what it cites, and why it should not be trusted; no doubts: none were found."""

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
        if piece and not _LIST_NUMBER.fullmatch(piece):
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
    terms = _terms(sentence)
    # The clause with most of the sentence's terms, and of those the one with the fewest others.
    shared = {
        clause: (len(own & terms), -len(own)) for clause in _clauses(source) for own in [_terms(clause)]
    }
    nearest = max(shared, key=lambda clause: shared[clause])
    if _denies(sentence) and not _denies(source):
        doubts.append(f"it denies or forbids something, and {place} does not")
    elif _denies(nearest) and not _denies(sentence):
        doubts.append(f"{place} denies or forbids something here, and it does not")
    if terms and len(terms & _terms("\n".join([source, *titles]))) < TERMS_SHARED * len(terms):
        doubts.append(f"{place} is about something else")
    return doubts


def read_values(text: str) -> set[float]:
    """The numbers of a text, in digits or English words: "one and a half", "twenty-eight", "14th", "1,500".

    A bare "one", "first" or "second" orders or points more often than it counts, and is left out.
    """
    text = text.lower().replace("-", " ")
    values = {float(digits.replace(",", "")) for digits in _DIGITS.findall(text)}
    for match in _WORDED.finditer(text):
        value = sum(_VALUES[word] for word in (match["tens"], match["unit"], match["single"]) if word)
        if match["hundred"]:
            value *= 100
        if match["half"]:
            value += 0.5
        if match[0] not in ("one", "first", "second"):
            values.add(value)
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
