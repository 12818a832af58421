"""Which texts of an article the sentence encoder sees, and how near each of them is to the question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .articles import Article

TEXTS = "points"  # how texts are made of an article; another name, and what was stored is made anew


@dataclass(frozen=True)
class Similarity:
    """Cosine similarity to the question of a paragraph as a whole, and of each of its points."""

    whole: float
    points: tuple[float, ...] = ()

    @property
    def best(self) -> float:
        return max((self.whole, *self.points))


def embedding_texts(articles: Sequence[Article]) -> list[str]:
    """What the encoder sees: each paragraph, and behind it each of its points with what leads to it.

    The article's title says what a lone paragraph is about.
    """
    return [
        f"{article.title}. {text}"
        for article in articles
        for paragraph in article.paragraphs
        for text in (paragraph.text, *(f"{paragraph.lead} {point.text}" for point in paragraph.points))
    ]


def rank_paragraphs(
    articles: Sequence[Article], vectors: NDArray[np.float32], question: NDArray[np.float32]
) -> dict[str, list[Similarity]]:
    """The similarity of each paragraph, in order, by article number.

    `vectors` is (texts, dimensions) as of `embedding_texts`, `question` is (dimensions,), all of length 1.
    """
    similarities = iter((vectors @ question).tolist())
    return {
        article.number: [
            Similarity(next(similarities), tuple(next(similarities) for _ in paragraph.points))
            for paragraph in article.paragraphs
        ]
        for article in articles
    }
