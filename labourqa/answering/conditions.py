"""What an answer depends on: the conditions and limits that the quoted law itself names, found by code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labourqa.law.citations import Citation
from labourqa.law.references import Reference
from labourqa.law.sentences import split_paragraph
from labourqa.law.structure import Article

MAX_CONDITIONS = 4
MAX_PER_PARAGRAPH = 2
MIN_WORDS = 4  # of a condition; a limit ("within 5 days") may have one word less
MAX_WORDS = 25

# "if the employee agrees", "unless otherwise agreed", "except in emergencies", "only with consent".
_CONDITION = re.compile(
    r"\b(?:(?:only |even )?if|unless|provided that|on (?:the )?condition that|in cases? (?:where|when)|"
    r"only (?:when|where|with|by|after|in|for|on)|except|with the exception|subject to|as long as|so long as)\b"
    r"|(?:(?<=^)|(?<=[,;:—–] ))(?:where|when|in (?:the )?(?:case|event) of)\b(?! \w+ing\b)",
    re.IGNORECASE,
)
_AMOUNT = (
    r"(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fourteen|fifteen|twenty|thirty|sixty|ninety|half|"
    r"the (?:\w+ ){0,2}(?:day|week|month|year|period|time|limit)|\d)"
)
# "at least 20 days", "within five working days", "may not exceed 40 hours".
_LIMIT = re.compile(
    rf"\b(?:at least|at most|(?:no|not) (?:less|more|fewer|later|earlier|longer|shorter|lower|higher) than|"
    rf"(?:may |must |shall )?not (?:to )?exceed|within(?= {_AMOUNT}\b)|up to(?= {_AMOUNT}\b))(?=\W)",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;:.](?=\s|$)|\s[—–]")
_CONJUNCTION = re.compile(r" (?:and|or|but)$")
_INSERTION = re.compile(r"\w+, [^,;:]+,")  # "if, within five days, ..."
# These refer to other rules and say nothing themselves.
_ONLY_REFERENCE = re.compile(
    r"\botherwise (?:require|provide|agree|specifie)|\b(?:provide|provided|provides|specified|set out|stated|laid down|"
    r"referred to|prescribed|established|authori[sz]ed) (?:otherwise|for|in|by|under|to)\b|\bprovisions? of\b|"
    r"\bbe prescribed\b|\bthis (?:Code|Act|Article|section)\b|\bsub-?section\b|"
    r"\b(?:paragraph|point|section|clause) \W?\w\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Clause:
    reference: Reference
    text: str
    is_limit: bool


def find_conditions(citations: Sequence[Citation], articles: Sequence[Article]) -> tuple[Citation, ...]:
    """At most MAX_CONDITIONS clauses of the cited passages, verbatim: those of the first passages first.

    Of one passage, conditions ("if ...", "unless ...") come before limits ("at least ...", "within ...").
    """
    by_number = {article.number: article for article in articles}
    conditions: dict[str, Citation] = {}
    paragraphs: dict[tuple[str, str], int] = {}  # how many conditions stand there
    for citation in citations:
        reference = citation.reference
        if not citation.supported or reference.article not in by_number:
            continue
        clauses = sorted(_find_clauses(by_number[reference.article], reference), key=lambda one: one.is_limit)
        for clause in clauses:
            paragraph = clause.reference.article, clause.reference.paragraph
            if paragraphs.get(paragraph, 0) < MAX_PER_PARAGRAPH and clause.text.lower() not in conditions:
                paragraphs[paragraph] = paragraphs.get(paragraph, 0) + 1
                conditions[clause.text.lower()] = Citation(clause.reference, clause.text, supported=True)
    return tuple(conditions.values())[:MAX_CONDITIONS]


def _find_clauses(article: Article, cited: Reference) -> Iterator[_Clause]:
    """The conditions and limits of the cited article, paragraph or point, in order."""
    for paragraph in article.paragraphs:
        if cited.paragraph and paragraph.number != cited.paragraph:
            continue
        for sentence in split_paragraph(paragraph):
            if cited.point and sentence.point != cited.point:
                continue
            reference = Reference(article.number, paragraph.number, sentence.point)
            end = 0  # of the clause before
            for match in sorted(
                [*_CONDITION.finditer(sentence.text), *_LIMIT.finditer(sentence.text)],
                key=lambda one: one.start(),
            ):
                if match.start() >= end and (text := _clause_from(sentence.text, match)):
                    end = match.start() + len(text)
                    yield _Clause(reference, text, is_limit=match.re is _LIMIT)


def _clause_from(sentence: str, match: re.Match[str]) -> str:
    """The clause that begins with `match`; "" if it is too short, too long, or only refers to another rule.

    A comma ends it only after MIN_WORDS words.
    """
    start = match.start()
    insertion = _INSERTION.match(sentence, start)
    for end in _CLAUSE_END.finditer(sentence, insertion.end() if insertion else start):
        if end[0] in ".;:" or len(sentence[start : end.start()].split()) >= MIN_WORDS:
            text = sentence[start : end.start()].strip()
            break
    else:
        text = sentence[start:].strip()
    text = _CONJUNCTION.sub("", text)
    fewest = MIN_WORDS - (match.re is _LIMIT)
    understood = fewest <= len(text.split()) <= MAX_WORDS and not _ONLY_REFERENCE.search(text)
    return text if understood else ""
