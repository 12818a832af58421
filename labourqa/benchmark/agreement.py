"""How closely the margins of one method agree with those of another: pure functions over margins by article number.

A margin is the logit of "Yes" minus the logit of "No".
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP_ARTICLES = 20


@dataclass(frozen=True)
class MarginDifference:
    """Absolute differences between two margins of the same article."""

    max: float
    mean: float


@dataclass(frozen=True)
class Agreement:
    """The margins of one method compared with the reference margins."""

    margin_difference: MarginDifference
    rank_correlation: float | None
    top_flips: int  # of the first TOP_ARTICLES


def compare_margins(reference: Mapping[str, float], margins: Mapping[str, float]) -> Agreement:
    """Both mappings have the same articles."""
    return Agreement(
        margin_difference(reference, margins),
        rank_correlation(reference, margins),
        top_flips(reference, margins),
    )


def margin_difference(reference: Mapping[str, float], margins: Mapping[str, float]) -> MarginDifference:
    differences = [abs(margins[number] - margin) for number, margin in reference.items()]
    return MarginDifference(max(differences), statistics.fmean(differences))


def rank_correlation(reference: Mapping[str, float], margins: Mapping[str, float]) -> float | None:
    """Spearman's rank correlation, with mean ranks for ties; None where all values of one side are the same."""
    reference_ranks = _mean_ranks([reference[number] for number in reference])
    ranks = _mean_ranks([margins[number] for number in reference])
    if np.ptp(reference_ranks) == 0 or np.ptp(ranks) == 0:
        return None
    return float(np.corrcoef(reference_ranks, ranks)[0, 1])


def top_flips(reference: Mapping[str, float], margins: Mapping[str, float], top: int = TOP_ARTICLES) -> int:
    """How many of the reference's first `top` articles are not among the first `top` by `margins`."""
    reference_top = sorted(reference, key=lambda number: -reference[number])[:top]
    margins_top = sorted(reference, key=lambda number: -margins[number])[:top]
    return len(set(reference_top) - set(margins_top))


def _mean_ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """1 for the smallest value; equal values share the mean of their ranks."""
    _, indices, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return ranks[indices]
