"""Late interaction: how well each token of a question is matched by some token of an article or paragraph.

After ColBERT (Khattab and Zaharia, arXiv 2004.12832). The tokens are states of the sentence encoder, projected to fewer
dimensions. `data/interaction.safetensors`, which scripts/train_interaction.py makes from questions on several laws,
holds the projections and the weight of a question's token. docs/quality.md has the measurements.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from labourqa.config import DATA
from labourqa.law.structure import Article

INTERACTION = DATA / "interaction.safetensors"
QUANTIZATION_STEPS = 127  # a stored number is the number between -1 and 1 times this, rounded
QUESTION_TOKENS_AT_ONCE = 32  # bounds the memory: so many times the law's tokens in float32


@dataclass(frozen=True)
class TokenVectors:
    """The projected tokens of a law's paragraphs."""

    vectors: NDArray[np.int8]  # (tokens, dimensions): see `LateInteraction.project_text`
    counts: Sequence[Sequence[int]]  # of each article, the tokens of its paragraphs in order

    def by_paragraph(self) -> list[bytes]:
        """The vectors of each paragraph, as `LateInteraction.read_tokens` reads them."""
        counts = [count for article in self.counts for count in article]
        return [part.tobytes() for part in np.split(self.vectors, np.cumsum(counts)[:-1])]


@dataclass(frozen=True)
class InteractionScores:
    """Weighted mean similarities, at most 1, of the question's tokens and the most similar tokens of a text."""

    articles: NDArray[np.float64]  # (articles,)
    paragraphs: Sequence[NDArray[np.float64]]  # of each article: (paragraphs,)


class LateInteraction:
    def __init__(self, path: Path = INTERACTION) -> None:
        self._tensors: dict[str, NDArray[np.float32]] = load_file(path)
        self.name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    @property
    def dimensions(self) -> int:
        return len(self._tensors["texts"])

    def project_text(self, states: NDArray[np.float32]) -> NDArray[np.int8]:
        """(tokens, hidden), the encoder's states of a text's tokens -> (tokens, dimensions)."""
        vectors = _normalize(_normalize(states) @ self._tensors["texts"].T)
        return np.rint(vectors * QUANTIZATION_STEPS).astype(np.int8)

    def read_tokens(self, by_paragraph: Sequence[bytes], articles: Sequence[Article]) -> TokenVectors:
        """What `TokenVectors.by_paragraph` gave for these articles."""
        counts = iter([len(vectors) // self.dimensions for vectors in by_paragraph])
        vectors = np.frombuffer(b"".join(by_paragraph), dtype=np.int8).reshape(-1, self.dimensions)
        return TokenVectors(vectors, [[next(counts) for _ in article.paragraphs] for article in articles])

    def score(self, question_states: NDArray[np.float32], tokens: TokenVectors) -> InteractionScores:
        """Score all articles and paragraphs; 0 for one without text.

        `question_states`: (question tokens, hidden), of which the first and the last mark the beginning and the end.
        """
        question_states = question_states[1:-1] if len(question_states) > 2 else question_states
        projected = _normalize(_normalize(question_states) @ self._tensors["questions"].T)
        weights = np.logaddexp(
            0, question_states @ self._tensors["token_weight"] + self._tensors["token_bias"]
        )
        weights /= weights.sum()
        counts = np.array([count for article in tokens.counts for count in article], dtype=np.int64)
        by_article = [len(article) for article in tokens.counts]
        paragraphs = np.zeros(len(counts))
        articles = np.zeros(len(by_article))
        filled = counts > 0
        starts = (np.cumsum(counts) - counts)[filled]  # of the paragraphs' tokens
        article_of_filled = np.repeat(np.arange(len(by_article)), by_article)[filled]
        with_text, article_starts = np.unique(article_of_filled, return_index=True)
        if len(starts):
            texts = tokens.vectors.astype(np.float32) / QUANTIZATION_STEPS
            for start in range(0, len(projected), QUESTION_TOKENS_AT_ONCE):
                some = slice(start, start + QUESTION_TOKENS_AT_ONCE)
                best = np.maximum.reduceat(
                    projected[some] @ texts.T, starts, axis=1
                )  # (question tokens, paragraphs)
                paragraphs[filled] += weights[some] @ best
                articles[with_text] += weights[some] @ np.maximum.reduceat(best, article_starts, axis=1)
        return InteractionScores(articles, np.split(paragraphs, np.cumsum(by_article)[:-1]))


def _normalize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    normalized: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return normalized
