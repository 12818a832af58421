"""Measures of selection and answers. Pure functions; what is undefined (no needed article) raises ValueError."""

import math
from collections.abc import Collection, Mapping, Sequence


def recall(selected: Collection[str], needed: Collection[str]) -> float:
    """Needed articles that were selected, over all needed ones."""
    return sum(number in selected for number in needed) / _count(needed)


def precision(selected: Collection[str], needed: Collection[str]) -> float:
    """Selected articles that were needed, over all selected ones; 0 if none was selected."""
    return sum(number in needed for number in selected) / len(selected) if selected else 0.0


def f_beta(precision: float, recall: float, beta: float) -> float:
    """(1 + b^2) P R / (b^2 P + R); with b = 2 a missed article costs more than an extra one."""
    if precision == recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def reciprocal_rank(ranked: Sequence[str], needed: Collection[str]) -> float:
    """1 over the rank of the first needed article; 0 if none is ranked."""
    _count(needed)
    return next((1 / rank for rank, number in enumerate(ranked, 1) if number in needed), 0.0)


def recall_at(ranked: Sequence[str], needed: Collection[str], k: int) -> float:
    """Recall of the first k."""
    return recall(ranked[:k], needed)


def ndcg_at(ranked: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Sum of (2^grade - 1) / log2(rank + 1) over the first k, over the same sum for the best order."""
    _count(grades)
    ideal = _dcg(sorted(grades.values(), reverse=True)[:k])
    return _dcg([grades.get(number, 0) for number in ranked[:k]]) / ideal


def fact_stated(text: str, must_contain: Sequence[Sequence[str]]) -> bool:
    """At least one string of every inner list occurs in the text, in upper or lower case."""
    text = text.casefold()
    return all(any(words.casefold() in text for words in choices) for choices in must_contain)


def _dcg(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _count(needed: Collection[str]) -> int:
    if not needed:
        raise ValueError("the measure is undefined without a needed article")
    return len(needed)
