"""The short answer: the one or two sentences of the quoted paragraphs that most probably state what was asked.

Every sentence is scored by a logistic regression on its similarity to the question and on features of its form, whose
weights scripts/fit_short_answer.py fits to labelled facts (data/short-answer.json). docs/quality.md has the measures.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from labourqa.answering.verification import read_values
from labourqa.config import DATA, read_data
from labourqa.law.citations import Citation
from labourqa.law.references import Reference
from labourqa.law.sentences import find_windows, split_paragraph
from labourqa.law.structure import Article
from labourqa.models.bm25 import terms
from labourqa.models.relevance import ParagraphRelevance

WEIGHTS = DATA / "short-answer.json"
MAX_WORDS = 45
LONG_SENTENCE_WORDS = 22  # of a longer sentence, runs of clauses are candidates as well
WINDOW_WORDS = 24
MAX_CANDIDATES = 300  # sentences of the first paragraphs; the encoder reads each of them
PAIRED = 25  # the best candidates, of which the best pair is looked for
SAME_SENTENCE = 0.7  # two candidates that share so much of the shorter one's words say the same

_REPEALED = re.compile(r"^[\[(]?(?:repealed|deleted|omitted|expired|no longer in force)\b", re.IGNORECASE)
_REFERENCE = re.compile(r"\b(?:Article|paragraph|section|sub-section|point|clause)s? \d", re.IGNORECASE)
_ONLY_REFERENCE = re.compile(
    r"^… ?(?:of|in|under) (?:this |the )?(?:Article|Code|section|paragraph)\b", re.IGNORECASE
)
_MODAL = re.compile(r"\b(?:must|shall|may|entitled|right|prohibited|obliged|duty)\b", re.IGNORECASE)
_LETTER_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Candidate:
    """A sentence of a quoted paragraph, or clauses of it between "…"."""

    reference: Reference
    text: str
    paragraph: int  # its rank among the quoted ones, from 0
    position: int  # among the candidates of its paragraph

    @property
    def words(self) -> int:
        return len(self.text.replace("…", " ").split())


def choose_short_answer(
    citations: Sequence[Citation],
    articles: Sequence[Article],
    paragraphs: Mapping[str, Sequence[ParagraphRelevance]],
    scores: Mapping[str, float],
    question: str,
    question_vector: NDArray[np.float32],
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
) -> tuple[Citation, ...]:
    """The one or two sentences, at most MAX_WORDS words, the best first; none if no sentence is short enough.

    `citations` are those of the answer, best first, `articles` the selected ones; `paragraphs` and `scores` are by the
    article's number. `encode` maps texts to unit vectors.
    """
    candidates = find_candidates(citations, articles)
    if not candidates:
        return ()
    vectors = encode([candidate.text for candidate in candidates])
    features = describe_candidates(
        candidates, articles, paragraphs, scores, question, vectors @ question_vector
    )
    probabilities = 1 / (1 + np.exp(-features @ read_weights()))
    return tuple(
        Citation(candidates[i].reference, candidates[i].text, supported=True)
        for i in choose_candidates(candidates, probabilities)
    )


def find_candidates(citations: Sequence[Citation], articles: Sequence[Article]) -> list[Candidate]:
    """The sentences of the cited paragraphs, without repeal notes and bare references.

    The first sentence of a point stands after the sentence before the list where both fit.
    """
    by_number = {article.number: article for article in articles}
    cited = dict.fromkeys(
        (citation.reference.article, citation.reference.paragraph)
        for citation in citations
        if citation.supported
    )
    candidates: list[Candidate] = []
    rank = 0
    for number, cited_paragraph in cited:
        for paragraph in by_number[number].paragraphs if number in by_number else ():
            if cited_paragraph and paragraph.number != cited_paragraph:
                continue
            texts: dict[str, str] = {}  # text -> point
            for sentence in split_paragraph(paragraph):
                length = len(sentence.text.split())
                if sentence.lead and length + len(sentence.lead.split()) <= MAX_WORDS:
                    texts[f"{sentence.lead} {sentence.text}"] = sentence.point
                if length <= MAX_WORDS:
                    texts[f"… {sentence.text}" if sentence.lead else sentence.text] = sentence.point
                if length > LONG_SENTENCE_WORDS:
                    for window in find_windows(sentence.text, WINDOW_WORDS, MAX_WORDS):
                        texts[window] = sentence.point
            for position, (text, point) in enumerate(texts.items()):
                if _says_something(text):
                    reference = Reference(number, paragraph.number, point)
                    candidates.append(Candidate(reference, text, rank, position))
            rank += 1
    return candidates[:MAX_CANDIDATES]


def describe_candidates(
    candidates: Sequence[Candidate],
    articles: Sequence[Article],
    paragraphs: Mapping[str, Sequence[ParagraphRelevance]],
    scores: Mapping[str, float],
    question: str,
    similarities: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The features of each candidate, (candidates, features); `similarities` are those to the question."""
    by_number = {article.number: article for article in articles}
    asked = set(terms(question))
    best = max(scores[article.number] for article in articles)
    rows = []
    for candidate, similarity in zip(candidates, similarities.tolist(), strict=True):
        number = candidate.reference.article
        article = by_number[number]
        index = [paragraph.number for paragraph in article.paragraphs].index(candidate.reference.paragraph)
        relevance = paragraphs[number][index]
        points = zip(article.paragraphs[index].points, relevance.points, strict=True)
        point = next(
            (value for one, value in points if one.number == candidate.reference.point), relevance.whole
        )
        rows.append(
            (
                similarity,
                len(asked & set(terms(candidate.text))) / max(1, len(asked)),
                point - relevance.best,
                relevance.best - max(one.best for one in paragraphs[number]),
                scores[number] - best,
                candidate.paragraph,
                candidate.position == 0,
                min(candidate.position, 8),
                candidate.words / MAX_WORDS,
                candidate.text.startswith("…"),
                candidate.text.endswith("…"),
                bool(read_values(candidate.text)),
                len(_REFERENCE.findall(candidate.text)) / max(1, candidate.words),
                _MODAL.search(candidate.text) is not None,
            )
        )
    features = np.array(rows, dtype=float)
    relative = features[:, :2] - features[:, :2].max(0)
    return np.column_stack([features, relative, np.ones(len(rows))])


def choose_candidates(candidates: Sequence[Candidate], probabilities: NDArray[np.float64]) -> list[int]:
    """The indices of the one or two candidates within MAX_WORDS with the highest sum of probabilities."""
    order = [int(i) for i in np.argsort(-probabilities)[:PAIRED]]
    pairs = [
        pair
        for pair in combinations(order, 2)
        if candidates[pair[0]].words + candidates[pair[1]].words <= MAX_WORDS
        and not _say_the_same(candidates[pair[0]].text, candidates[pair[1]].text)
    ]
    chosen = max([*((i,) for i in order), *pairs], key=lambda some: sum(probabilities[i] for i in some))
    return list(chosen)


@cache
def read_weights() -> NDArray[np.float64]:
    """The fitted weight of each feature."""
    return np.array(json.loads(read_data(WEIGHTS))["weights"])


def _says_something(text: str) -> bool:
    return (
        not _REPEALED.match(text.strip("… "))
        and not _ONLY_REFERENCE.match(text)
        and len(_LETTER_WORD.findall(text)) >= 3
    )


def _say_the_same(one: str, other: str) -> bool:
    first, second = (set(text.lower().replace("…", " ").split()) for text in (one, other))
    return len(first & second) >= SAME_SENTENCE * min(len(first), len(second))
