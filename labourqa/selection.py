"""Scores -> the articles that the answer may rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .engine import Evidence

# Question likelihood of an untrained small model (docs/quality.md): one nat a token counts as half a cosine.
LIKELIHOOD_WEIGHT = 0.5
# Selected are the articles within this much of the best one ...
LIKELIHOOD_MARGIN = 0.15
# ... and none when the best one is below this: on the labelled questions that refuses 2% of the answerable ones.
LIKELIHOOD_FLOOR = 0.25
LIKELIHOOD_TOP = 8


@dataclass(frozen=True)
class Selection:
    scores: Mapping[str, float]  # of every article by number, in the code's order
    selected: tuple[str, ...]  # numbers, best first, behind those that the question names
    read: int  # articles that the model read
    threshold: float


def fuse_scores(relevance: Mapping[str, float], likelihoods: Mapping[str, float]) -> dict[str, float]:
    """Cosine similarity, less half of what the question is less likely (nats a token) here than after the best."""
    best = max(likelihoods.values(), default=0.0)
    return {
        number: relevance[number] + LIKELIHOOD_WEIGHT * (likelihood - best)
        for number, likelihood in likelihoods.items()
    }


def select_articles(
    read_scores: Mapping[str, float],
    relevance: Mapping[str, float],
    *,
    evidence: Evidence,
    threshold: float | None = None,
    top: int | None = None,
    named: Sequence[str] = (),
) -> Selection:
    """Select those `named` in the question, and among the articles that the model read; `top` counts these alone.

    Articles that it did not read rank behind them, by relevance.

    Without a `threshold`: a margin of at least 0 (yes-no), a word that is not "no" (word), or near the best
    one (likelihood).
    """
    behind = min(read_scores.values(), default=0.0) - max(relevance.values(), default=0.0) - 1
    scores = {number: read_scores.get(number, behind + value) for number, value in relevance.items()}
    if threshold is None:
        threshold = _default_threshold(read_scores, evidence)
    if top is None and evidence == "likelihood":
        top = LIKELIHOOD_TOP
    order = sorted(read_scores, key=lambda number: -read_scores[number])
    selected = [number for number in order if read_scores[number] >= threshold][:top]
    return Selection(scores, tuple(dict.fromkeys([*named, *selected])), len(read_scores), threshold)


def _default_threshold(read_scores: Mapping[str, float], evidence: Evidence) -> float:
    match evidence:
        case "yes-no":
            return 0.0
        case "word":
            return 0.5
        case "likelihood":
            return max(max(read_scores.values(), default=0.0) - LIKELIHOOD_MARGIN, LIKELIHOOD_FLOOR)
