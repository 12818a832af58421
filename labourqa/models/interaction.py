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
from safetensors.numpy import load

from labourqa.config import DATA, read_data
from labourqa.law.structure import Article

INTERACTION = DATA / "interaction.safetensors"
QUANTIZATION_STEPS = 127  # a stored number is the number between -1 and 1 times this, rounded
QUESTION_TOKENS_AT_ONCE = 32  # bounds the memory: so many times the law's tokens in float32


@dataclass(frozen=True)
class TokenVectors:
    """The projected tokens of a law's paragraphs, each in windows that the encoder reads at once."""

    vectors: NDArray[np.int8]  # (tokens, dimensions): see `LateInteraction.project_text`
    counts: Sequence[
        Sequence[Sequence[int]]
    ]  # of each article's paragraphs, the tokens of each window, in order

    def by_paragraph(self) -> list[bytes]:
        """Of each paragraph, what `LateInteraction.read_tokens` reads.

        The number of its windows, their token counts (32-bit numbers), and the vectors.
        """
        paragraphs = [windows for article in self.counts for windows in article]
        parts = np.split(self.vectors, np.cumsum([sum(windows) for windows in paragraphs])[:-1])
        return [
            np.array([len(windows), *windows], dtype="<u4").tobytes() + part.tobytes()
            for windows, part in zip(paragraphs, parts, strict=True)
        ]


@dataclass(frozen=True)
class InteractionScores:
    """Weighted mean similarities, at most 1, of the question's tokens and the most similar tokens of a text."""

    articles: NDArray[np.float64]  # (articles,): anywhere in the article
    paragraphs: Sequence[NDArray[np.float64]]  # of each article: (paragraphs,), in the best window of each


class LateInteraction:
    def __init__(self, path: Path = INTERACTION) -> None:
        content = read_data(path)
        self._tensors: dict[str, NDArray[np.float32]] = load(content)
        self.name = hashlib.sha256(content).hexdigest()[:12]

    @property
    def dimensions(self) -> int:
        return len(self._tensors["texts"])

    def project_text(self, states: NDArray[np.float32]) -> NDArray[np.int8]:
        """(tokens, hidden), the encoder's states of a text's tokens -> (tokens, dimensions)."""
        vectors = _normalize(_normalize(states) @ self._tensors["texts"].T)
        return np.rint(vectors * QUANTIZATION_STEPS).astype(np.int8)

    def read_tokens(self, by_paragraph: Sequence[bytes], articles: Sequence[Article]) -> TokenVectors:
        """What `TokenVectors.by_paragraph` gave for these articles."""
        counts, vectors = [], []
        for stored in by_paragraph:
            [windows] = np.frombuffer(stored, dtype="<u4", count=1).tolist()
            counts.append(np.frombuffer(stored, dtype="<u4", offset=4, count=windows).tolist())
            vectors.append(np.frombuffer(stored, dtype=np.int8, offset=4 * (1 + windows)))
        next_counts = iter(counts)
        return TokenVectors(
            np.concatenate(vectors).reshape(-1, self.dimensions),
            [[next(next_counts) for _ in article.paragraphs] for article in articles],
        )

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
        paragraphs = [windows for article in tokens.counts for windows in article]
        counts = np.array([count for windows in paragraphs for count in windows], dtype=np.int64)
        owners = np.repeat(
            np.arange(len(tokens.counts)), [sum(map(len, article)) for article in tokens.counts]
        )
        with_text, article_starts = np.unique(owners, return_index=True)  # articles, and their first windows
        articles, of_windows = np.zeros(len(tokens.counts)), np.zeros(len(counts))
        if len(counts):
            starts = np.cumsum(counts) - counts  # of the windows' tokens
            texts = tokens.vectors.astype(np.float32) / QUANTIZATION_STEPS
            for start in range(0, len(projected), QUESTION_TOKENS_AT_ONCE):
                some = slice(start, start + QUESTION_TOKENS_AT_ONCE)
                best = np.maximum.reduceat(
                    projected[some] @ texts.T, starts, axis=1
                )  # (question tokens, windows)
                of_windows += weights[some] @ best
                articles[with_text] += weights[some] @ np.maximum.reduceat(best, article_starts, axis=1)
        next_window = iter(of_windows.tolist())
        return InteractionScores(
            articles,
            [
                np.array([max((next(next_window) for _ in windows), default=0.0) for windows in article])
                for article in tokens.counts
            ],
        )


def _normalize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    normalized: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return normalized
