"""Checks each sentence of a written answer against the passages that it cites: numbers, negation, key terms.

The check is code, not a second model: the prose of a small model sounds right and may say the opposite of its source.
A doubt does not prove that a sentence is wrong, and no doubt does not prove that it is right. A number that the cited
passages do not contain always raises a doubt.
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

# The lowest share of a sentence's key terms that must occur in the cited articles. Sentences in the law's own words
# reach 1, a paraphrase in plain words keeps about two thirds, and a sentence about another subject a quarter.
MIN_SHARED_TERMS = 0.5

_END = re.compile(r"(?<=[.!?:;])(?<!\bArt\.)(?<!\bNo\.)(?<!\bpara\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+|\n+\s*")
_CITED = re.compile(
    r"\[?\(?\bArt(?:icle)?s?\b\.? ?\d[\d\^⁰¹²³⁴-⁹()\[\], ]*(?:and [\d\^()]+)?[\])]?|\[\d[^\]]*\]"
)
_BRACKETED = re.compile(r"(?:[\[(]Art(?:icle)?s?\b(?:[^\[\]()]|\([^()]*\))*[\])][.;,]?\s*)+")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")
_LIST_NUMBER = re.compile(r"\(?\d{1,3}[.)]+")
_VERDICT = re.compile(r"(?:yes|no)\b(?=\s*(?:[,.;:!–—-]|$))", re.IGNORECASE)  # not "No employer may ..."
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
# These phrases set a limit and negate nothing: "may not exceed 40 hours" is "at most 40 hours".
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
    """A piece of an answer, its references, and the reasons to doubt it, if any were found."""

    text: str
    references: tuple[Reference, ...]
    doubts: tuple[str, ...]
    omitted: tuple[
        Reference, ...
    ] = ()  # points of a quoted list that are not shown; the text says so at their place


def check_statements(text: str, articles: Sequence[Article]) -> tuple[Statement, ...]:
    """The sentences of a written answer, each checked against the selected `articles`."""
    return tuple(_check(sentence, articles) for sentence in split_sentences(text))


def split_sentences(text: str) -> list[str]:
    """Split into sentences and lines; a reference in brackets after a sentence belongs to that sentence."""
    sentences: list[str] = []
    for piece in _END.split(text.strip()):
        piece = _BULLET.sub("", piece.strip())
        if sentences and (references := _BRACKETED.match(piece)):
            sentences[-1] += " " + references[0].strip()
            piece = piece[references.end() :]
        if piece and not _LIST_NUMBER.fullmatch(piece):
            sentences.append(piece)
    return sentences


def _check(sentence: str, articles: Sequence[Article]) -> Statement:
    references = find_references(sentence)
    doubts: list[str] = []
    if verdict := _VERDICT.match(sentence):
        doubts.append(f'"{verdict[0].lower()}" is a conclusion that the program cannot check')
    if not references:
        return Statement(sentence, (), (*doubts, "it cites nothing"))
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


def _compare(sentence: str, sources: Sequence[str], titles: Sequence[str], cited: str) -> list[str]:
    """The reasons to doubt that `sources`, the cited passages, support `sentence`.

    `titles` of the articles count as subject matter, not as statements; `cited` names the passages.
    """
    doubts = []
    source = "\n".join(sources)
    if unsupported := sorted(read_values(sentence) - read_values(source)):
        numbers = ", ".join(f"{value:g}" for value in unsupported)
        doubts.append(f"{cited} does not have the number {numbers}")
    terms = _terms(sentence)
    # The closest clause shares most terms with the sentence; of several, it is the one with the fewest other terms.
    shared = {
        clause: (len(own & terms), -len(own)) for clause in _clauses(source) for own in [_terms(clause)]
    }
    closest = max(shared, key=lambda clause: shared[clause])
    if _negates(sentence) and not _negates(source):
        doubts.append(f"it denies or forbids something, and {cited} does not")
    elif _negates(closest) and not _negates(sentence):
        doubts.append(f"{cited} denies or forbids something here, and it does not")
    if terms and len(terms & _terms("\n".join([source, *titles]))) < MIN_SHARED_TERMS * len(terms):
        doubts.append(f"{cited} is about something else")
    return doubts


def read_values(text: str) -> set[float]:
    """The numbers of a text, in digits or English words: "one and a half", "twenty-eight", "14th", "1,500".

    A bare "one", "first" or "second" is left out, because it rarely counts anything.
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


def _negates(text: str) -> bool:
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
