"""From scores to the articles that the answer may rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labourqa.methods import ScoringMode
from labourqa.models.relevance import Relevance

# A question is out of scope when its out-of-scope log-probability exceeds this (docs/quality.md).
OUT_OF_SCOPE_LOG_PROBABILITY = -0.7
# The weight of a small model's score, beside the trained log-probability of an article: of a query likelihood, in nats
# a token, or of a probe's log-odds.
WEIGHTS: Mapping[ScoringMode, float] = {"query_likelihood": 5.0, "probe": 1.25}
# With such a sum, articles within this much of the best are selected: few for a narrow question, more for a broad one.
MARGINS: Mapping[ScoringMode, float] = {"query_likelihood": 10.0, "probe": 11.0}
SMALL_MODEL_TOP = 12


@dataclass(frozen=True)
class Selection:
    scores: Mapping[str, float]  # of every article by number, in the code's order
    selected: tuple[str, ...]  # numbers: first those that the question names, then the others, best first
    read: int  # articles that the model read
    threshold: float
    top: int | None  # the most that may be selected besides those that the question names
    unread: frozenset[str] = frozenset()  # numbers of the articles that the model did not read


def select_articles(
    read_scores: Mapping[str, float],
    relevance: Relevance,
    *,
    scoring: ScoringMode,
    threshold: float | None = None,
    top: int | None = None,
    named: Sequence[str] = (),
) -> Selection:
    """Select the articles `named` in the question and the best of those that the model read.

    `read_scores` are the model's, by article number. Articles that it did not read are ranked after the others, by
    relevance. `top` limits the selection, without counting the named articles.

    The default threshold is a margin of 0 (yes_no), a reply other than "no" (generated), or the best score less one of
    MARGINS (query_likelihood and probe, to which the trained relevance is added). When the question is out of scope,
    only named articles are selected.
    """
    weight = WEIGHTS.get(scoring)
    if weight is not None:
        read_scores = {n: weight * read_scores[n] + relevance.articles[n] for n in read_scores}
    best = max(read_scores.values(), default=0.0)
    unread_offset = min(read_scores.values(), default=0.0) - max(relevance.articles.values(), default=0.0) - 1
    scores = {
        number: read_scores.get(number, unread_offset + log_probability)
        for number, log_probability in relevance.articles.items()
    }
    candidates = read_scores
    if threshold is None:
        threshold = (
            best - MARGINS[scoring] if scoring in MARGINS else {"yes_no": 0.0, "generated": 0.5}[scoring]
        )
        if relevance.out_of_scope > OUT_OF_SCOPE_LOG_PROBABILITY:
            candidates = {}
    if top is None and weight is not None:
        top = SMALL_MODEL_TOP
    selected = select_above(threshold, candidates, top)
    return Selection(
        scores,
        tuple(dict.fromkeys([*named, *selected])),
        len(read_scores),
        threshold,
        top,
        unread=frozenset(scores).difference(read_scores),
    )


def select_above(threshold: float, scores: Mapping[str, float], top: int | None = None) -> list[str]:
    """The numbers with at least that score, best first, at most `top`."""
    ranked = sorted(scores, key=lambda number: -scores[number])
    return [number for number in ranked if scores[number] >= threshold][:top]
