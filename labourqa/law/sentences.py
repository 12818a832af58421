"""Splits paragraphs into sentences, and long sentences into runs of clauses; every piece is printed text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from labourqa.law.structure import Paragraph

# The abbreviations after which a sentence goes on.
_ABBREVIATIONS = (
    r"(?<!\bArt\.)(?<!\bNo\.)(?<!\bno\.)(?<!\bpara\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bSec\.)(?<!\bRs\.)"
)
_SENTENCE_END = re.compile(
    rf"(?<=[.!?]){_ABBREVIATIONS}[\"”’)\]]*(?:\s+|(?<=—))(?=[\"“‘(\[]?[A-Z0-9])|:\s*—?\s*(?=Provided\b)"
)
_CLAUSE_END = re.compile(r"(?<=[;:])\s+|(?<=[—–])\s*|\s+(?=[—–]\s)")
_COMMA = re.compile(r"(?<=,)\s+")
_LABEL = r"\(?{}[.)]\s"
LONG_CLAUSE_WORDS = 18  # longer clauses are split at their commas


@dataclass(frozen=True)
class Sentence:
    """A sentence of a paragraph, as printed but for the numbers of points."""

    text: str
    point: str = ""  # the number of the point that it stands in
    lead: str = ""  # for the first sentence of a point: the sentence before the list


def split_paragraph(paragraph: Paragraph) -> tuple[Sentence, ...]:
    """The sentences before, in and after the points of a paragraph, in order."""
    lead = [text for line in paragraph.lead.splitlines() for text in split_sentences(line)]
    sentences = [Sentence(text) for text in lead]
    numbers = iter(point.number for point in paragraph.points)
    following = next(numbers, None)
    current = ""
    first = False
    for line in paragraph.text[len(paragraph.lead) :].splitlines():
        text = line
        if following is not None and (label := re.match(_LABEL.format(re.escape(following)), line)):
            current, following, first = following, next(numbers, None), True
            text = line[label.end() :]
        elif re.match(_LABEL.format(r"\w{1,5}"), line) is None and line[:1].isupper():
            current = ""  # text after the list
        for sentence in split_sentences(text):
            sentences.append(Sentence(sentence, current, lead[-1] if first and lead else ""))
            first = False
    return tuple(sentences)


def split_sentences(line: str) -> list[str]:
    """The sentences of one line."""
    ends = [0, *(match.end() for match in _SENTENCE_END.finditer(line)), len(line)]
    return [text for start, end in pairwise(ends) if (text := line[start:end].strip())]


def find_windows(sentence: str, words: int, max_words: int) -> Iterator[str]:
    """From each clause on, as many clauses as have up to `words` words together; "…" marks a cut.

    One clause of up to `max_words` words is a window, too.
    """
    spans = list(_find_clauses(sentence))
    lengths = [len(sentence[start:end].split()) for start, end in spans]
    last_end = -1
    for first, (start, _) in enumerate(spans):
        used, last = lengths[first], first
        while last + 1 < len(spans) and used + lengths[last + 1] <= words:
            last += 1
            used += lengths[last]
        if used > max_words or last == last_end:
            continue
        last_end = last
        before, after = "… " if first else "", " …" if last < len(spans) - 1 else ""
        yield before + sentence[start : spans[last][1]] + after


def _find_clauses(sentence: str) -> Iterator[tuple[int, int]]:
    """Start and end of each clause: cut at semicolons, colons and dashes, and of a long clause at the commas."""
    position = 0
    for clause in _CLAUSE_END.split(sentence):
        for part in _COMMA.split(clause) if len(clause.split()) > LONG_CLAUSE_WORDS else [clause]:
            if part:
                position = sentence.index(part, position)
                yield position, position + len(part)
                position += len(part)
