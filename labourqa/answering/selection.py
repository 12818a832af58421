"""Scores -> the articles that the answer may rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labourqa.engine.base import Evidence
from labourqa.models.relevance import Relevance

# Nobody's question, if the trained classes give "outside the code" this log-probability (docs/quality.md).
OUT_OF_SCOPE_LOG_PROBABILITY = -0.7
# Question likelihood of an untrained small model: what one nat a token counts beside the trained log-probability.
LIKELIHOOD_WEIGHT = 5.0
# Selected are the articles within this much of the best one, few for a narrow question and more for a broad one.
LIKELIHOOD_MARGIN = 10.0
LIKELIHOOD_TOP = 12


@dataclass(frozen=True)
class Selection:
    scores: Mapping[str, float]  # of every article by number, in the code's order
    selected: tuple[str, ...]  # numbers, best first, behind those that the question names
    read: int  # articles that the model read
    threshold: float
    top: int | None  # at most so many were selected beside those that the question names


def select_articles(
    read_scores: Mapping[str, float],
    relevance: Relevance,
    *,
    evidence: Evidence,
    threshold: float | None = None,
    top: int | None = None,
    named: Sequence[str] = (),
) -> Selection:
    """Select those `named` in the question, and among the articles that the model read; `top` counts these alone.

    Articles that it did not read rank behind them, by relevance.

    Without a `threshold`: none for a question outside the code, else a margin of at least 0 (yes-no), a word that
    is not "no" (word), or near the best one (likelihood, to which the trained relevance is added).
    """
    if evidence == "likelihood":
        read_scores = {n: LIKELIHOOD_WEIGHT * read_scores[n] + relevance.articles[n] for n in read_scores}
    best = max(read_scores.values(), default=0.0)
    behind = min(read_scores.values(), default=0.0) - max(relevance.articles.values(), default=0.0) - 1
    scores = {number: read_scores.get(number, behind + value) for number, value in relevance.articles.items()}
    candidates = read_scores
    if threshold is None:
        threshold = {"yes-no": 0.0, "word": 0.5, "likelihood": best - LIKELIHOOD_MARGIN}[evidence]
        if relevance.out_of_scope > OUT_OF_SCOPE_LOG_PROBABILITY:
            candidates = {}
    if top is None and evidence == "likelihood":
        top = LIKELIHOOD_TOP
    selected = select_above(threshold, candidates, top)
    return Selection(scores, tuple(dict.fromkeys([*named, *selected])), len(read_scores), threshold, top)


def select_above(threshold: float, scores: Mapping[str, float], top: int | None = None) -> list[str]:
    """The numbers with at least that score, best first, at most `top`."""
    ranked = sorted(scores, key=lambda number: -scores[number])
    return [number for number in ranked if scores[number] >= threshold][:top]
