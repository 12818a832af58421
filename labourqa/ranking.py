"""Cheap scores from sentence embeddings: what the model reads first, and what its scores are fused with."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .articles import Article


def embedding_texts(articles: Sequence[Article]) -> list[str]:
    """What the encoder sees of each paragraph: the article's title says what a lone paragraph is about."""
    return [f"{article.title}. {paragraph.text}" for article in articles for paragraph in article.paragraphs]


def rank_paragraphs(
    articles: Sequence[Article], vectors: NDArray[np.float32], question: NDArray[np.float32]
) -> dict[str, list[float]]:
    """Cosine similarity to the question of each paragraph, in order, by article number.

    `vectors` is (paragraphs, dimensions) as of `embedding_texts`, `question` is (dimensions,), all of length 1.
    """
    similarities = iter((vectors @ question).tolist())
    return {article.number: [next(similarities) for _ in article.paragraphs] for article in articles}


def best_paragraphs(similarities: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """An article is as similar to the question as its best paragraph is (0 without one)."""
    return {number: max(values, default=0.0) for number, values in similarities.items()}
