"""No clear answer: which articles come nearest to a question that is refused, if any comes near.

The limits are in data/closest.json, fitted by scripts/fit_closest.py; docs/quality.md has the measures.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from labourqa.config import DATA, read_data
from labourqa.models.relevance import Relevance

LIMITS = DATA / "closest.json"
MAX_ARTICLES = 3
ARTICLE_MARGIN = 4.0  # in log-probability, below the closest article: others are not shown


@dataclass(frozen=True)
class NearLimits:
    """A question that reaches both comes near to the law."""

    log_probability: float  # of the best article
    similarity: float  # of the most similar text

    def reached_by(self, relevance: Relevance) -> bool:
        best = max(relevance.articles.values(), default=-math.inf)
        return best >= self.log_probability and relevance.similarity >= self.similarity


def find_closest(relevance: Relevance, scores: Mapping[str, float], *, trained: bool) -> list[str]:
    """The numbers of the closest articles, at most MAX_ARTICLES, best first; none if no article comes near.

    `scores` are those of the selection; `trained`: whether the law's articles have trained classes.
    """
    if not read_limits()["trained" if trained else "other"].reached_by(relevance):
        return []
    best = sorted(scores, key=lambda number: -scores[number])[:MAX_ARTICLES]
    lowest = max(relevance.articles[number] for number in best) - ARTICLE_MARGIN
    return [number for number in best if relevance.articles[number] >= lowest]


@cache
def read_limits() -> Mapping[str, NearLimits]:
    """The limits of a law with trained classes ("trained") and of other laws ("other")."""
    limits = json.loads(read_data(LIMITS))["limits"]
    return {kind: NearLimits(**values) for kind, values in limits.items()}
