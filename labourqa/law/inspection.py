"""What was found in a law's text and what a person should look at before trusting it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from labourqa.law.numbering import sort_key
from labourqa.law.structure import Article, Code

Confidence = Literal["good", "check", "poor"]

_LONG = 12  # an article that is so many times as long as the median is unusually long
_LONG_CHARACTERS = 6_000
_SHORT_CHARACTERS = 30
_SHOWN = 5  # so many lines or numbers are shown of each finding
_SAMPLE_CHARACTERS = 300
_FEW_ARTICLES = 5
_FEW_MISSING = 1


@dataclass(frozen=True)
class FoundAct:
    """An act in the text, numbered from 1 as `parse_law` takes it."""

    number: int
    name: str
    articles: int


@dataclass(frozen=True)
class SampleArticle:
    number: str
    title: str
    beginning: str  # of the text


@dataclass(frozen=True)
class IngestionReport:
    """What was found in a law's text; article numbers are as printed."""

    name: str
    language: str  # ISO 639-1, "" if unknown
    date: str  # ISO date of the version, "" where the text states none
    acts: tuple[FoundAct, ...]
    chosen_act: int
    articles: int
    first_number: str
    last_number: str
    missing_numbers: tuple[str, ...]  # "85–88"
    repeated_numbers: tuple[
        str, ...
    ]  # once for each further article; its text stands at the end of the one before
    without_text: tuple[str, ...]  # and not repealed
    without_own_title: tuple[str, ...]  # and not repealed
    unusually_long: tuple[str, ...]
    unusually_short: tuple[str, ...]
    repealed: tuple[str, ...]
    front_lines: int  # before the first article: name, date, preamble
    dropped_lines: int  # page headers, page numbers, editors' notes
    unassigned_lines: int  # between the articles, but part of none
    unassigned_examples: tuple[str, ...]
    samples: tuple[SampleArticle, ...]  # the first, the middle and the longest article
    confidence: Confidence
    reasons: tuple[str, ...]  # one sentence each

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ParsedLaw:
    """The chosen act of a text, all acts in it, and the report on the reading."""

    code: Code
    acts: tuple[FoundAct, ...]
    report: IngestionReport


def inspect_law(
    code: Code,
    acts: tuple[FoundAct, ...],
    *,
    chosen_act: int,
    language: str,
    repeated_numbers: Sequence[str],
    front_lines: int,
    dropped_lines: int,
    unassigned: Sequence[str],
    front_characters: int = 0,
) -> IngestionReport:
    """The report on a code that was read from a text; `unassigned` are the lines that are part of no article."""
    articles = code.articles
    in_force = [article for article in articles if not article.repealed]
    lengths = {article.number: len(article.text) for article in in_force}
    usual = median(lengths.values()) if lengths else 0
    longest = max(articles, key=lambda article: len(article.text))
    samples = dict.fromkeys([articles[0], articles[len(articles) // 2], longest])
    numbers = [article.number for article in articles]
    missing = _missing_numbers(numbers)
    without_text = [number for number, length in lengths.items() if not length]
    without_title = [article.number for article in in_force if not article.title_is_own]
    long = [number for number, length in lengths.items() if length > max(_LONG * usual, _LONG_CHARACTERS)]
    findings = _Findings()
    findings.check_count(articles, front_characters)
    findings.check_articles(articles, without_text, without_title, long)
    findings.check_numbers(numbers, missing, repeated_numbers)
    findings.check_text(acts, chosen_act, unassigned, sum(lengths.values()))
    return IngestionReport(
        name=code.name,
        language=language,
        date=code.date,
        acts=acts,
        chosen_act=chosen_act,
        articles=len(articles),
        first_number=numbers[0],
        last_number=numbers[-1],
        missing_numbers=tuple(_spell_range(first, last) for first, last in missing),
        repeated_numbers=tuple(repeated_numbers),
        without_text=tuple(without_text),
        without_own_title=tuple(without_title),
        unusually_long=tuple(long),
        unusually_short=tuple(number for number, length in lengths.items() if 0 < length < _SHORT_CHARACTERS),
        repealed=tuple(article.number for article in articles if article.repealed),
        front_lines=front_lines,
        dropped_lines=dropped_lines,
        unassigned_lines=len(unassigned),
        unassigned_examples=tuple(unassigned[:_SHOWN]),
        samples=tuple(
            SampleArticle(article.number, article.title, article.text[:_SAMPLE_CHARACTERS])
            for article in samples
        ),
        confidence=findings.confidence,
        reasons=tuple(findings.reasons),
    )


class _Findings:
    """Collects the reasons, and the worst confidence that one of them calls for."""

    def __init__(self) -> None:
        self.confidence: Confidence = "good"
        self.reasons: list[str] = []

    def add(self, confidence: Confidence, reason: str) -> None:
        self.reasons.append(reason)
        self.confidence = max(self.confidence, confidence, key=("good", "check", "poor").index)

    def check_count(self, articles: Sequence[Article], front_characters: int) -> None:
        """Few articles, or much text before the first, are signs of headings that were not recognised."""
        if len(articles) < _FEW_ARTICLES:
            self.add("poor", f"Only {_count(len(articles), 'article')} found.")
        elif front_characters > sum(len(article.text) for article in articles):
            self.add("poor", "More text stands before the first article than in all articles.")

    def check_articles(
        self,
        articles: Sequence[Article],
        without_text: Sequence[str],
        without_title: Sequence[str],
        long: Sequence[str],
    ) -> None:
        if without_text:
            share = len(without_text) / len(articles)
            self.add(_grade(share, 0.0, 0.1), f"{_list(without_text)} without text.")
        if without_title:
            # A law without any titles is as it should be; one with some may have been misread.
            share = len(without_title) / len(articles)
            grade: Confidence = "check" if 0.05 < share < 0.9 else "good"
            self.add(
                grade,
                f"{_list(without_title)} without a title of the law's own; the chapter's stands instead.",
            )
        if long:
            whole = sum(len(article.text) for article in articles)
            share = max(len(article.text) for article in articles) / max(1, whole)
            self.add(_grade(share, 0.2, 0.5), f"{_list(long)} unusually long.")

    def check_numbers(
        self, numbers: Sequence[str], missing: Sequence[tuple[int, int]], repeated: Sequence[str]
    ) -> None:
        if missing:
            # A text may begin in the middle of a law.
            count = sum(last - first + 1 for first, last in missing if first > 1) or _FEW_MISSING
            ranges = [_spell_range(first, last) for first, last in missing]
            share = count / (count + len(numbers))
            self.add(_grade(share, 0.03, 0.3), f"{_list(ranges, 'Number')} missing.")
        if repeated:
            counts = Counter(repeated)
            named = [
                number if count == 1 else f"{number} ({count + 1} times)" for number, count in counts.items()
            ]
            share = len(repeated) / (len(repeated) + len(numbers))
            self.add(
                "poor" if share > 0.2 else "check",
                f"{_list(named, 'Number')} used more than once; the later texts stand at the end of an article before "
                "them.",
            )

    def check_text(
        self, acts: Sequence[FoundAct], chosen: int, unassigned: Sequence[str], characters: int
    ) -> None:
        others = [act for act in acts if act.number != chosen and act.articles >= _FEW_ARTICLES]
        if others:
            names = "; ".join(f"{act.number}: {act.name[:60]} ({act.articles})" for act in others[:_SHOWN])
            self.add("good", f"The text holds other acts that were not read: {names}.")
        if unassigned:
            share = sum(map(len, unassigned)) / max(1, characters)
            self.add(
                _grade(share, 0.01, 0.2),
                f"{_count(len(unassigned), 'line')} between the articles in none of them.",
            )


def _grade(share: float, check: float, poor: float) -> Confidence:
    if share > poor:
        return "poor"
    return "check" if share > check else "good"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"{count} {noun}s are"


def _list(numbers: Sequence[str], noun: str = "Article") -> str:
    """ "Articles 3, 7 and 12 more are", as the beginning of a sentence."""
    shown = ", ".join(numbers[:_SHOWN]) + (
        f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    )
    one = len(numbers) == 1 and "–" not in numbers[0]
    return f"{noun}{'' if one else 's'} {shown} {'is' if one else 'are'}"


def _missing_numbers(numbers: Sequence[str]) -> list[tuple[int, int]]:
    """The ranges of whole numbers that are missing; none are looked for where a number names its chapter, too."""
    if 2 * sum(1 for number in numbers if re.search(r"\d[-:.]\d", number)) > len(numbers):
        return []
    bases = [0, *(sort_key(number).base for number in numbers)]
    return [(one + 1, other - 1) for one, other in pairwise(bases) if other > one + 1]


def _spell_range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
