"""Relevance of articles and paragraphs, trained on labelled questions: LoRA deltas and vectors of articles.

scripts/train_relevance.py writes `data/relevance.safetensors`; docs/quality.md says how good it is. The LoRA deltas of
the encoder apply to every code. Each article of the embedded edition, identified by a hash of its text, has a trained
vector for itself and for each of its texts. For all other articles (of another code, or amended) the vectors are the
encoder's own.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from labourqa.config import DATA
from labourqa.law.structure import Article

TRAINED = DATA / "relevance.safetensors"


def article_digest(article: Article) -> str:
    """The hash that identifies an article with a trained vector."""
    return hashlib.sha256(article.format().encode()).hexdigest()[:16]


def embedding_texts(articles: Sequence[Article]) -> list[str]:
    """The texts that are embedded: each paragraph, then each of its points with the text that leads to it.

    All begin with the article's title, which says what the paragraph is about.
    """
    return [
        f"{article.title}. {text}"
        for article in articles
        for paragraph in article.paragraphs
        for text in (paragraph.text, *(f"{paragraph.lead} {point.text}" for point in paragraph.points))
    ]


def count_texts(article: Article) -> int:
    """The number of an article's `embedding_texts`."""
    return sum(1 + len(paragraph.points) for paragraph in article.paragraphs)


@dataclass(frozen=True)
class ParagraphRelevance:
    """Scores of a paragraph as a whole and of each of its points, comparable within one question."""

    whole: float
    points: tuple[float, ...] = ()

    @property
    def best(self) -> float:
        return max((self.whole, *self.points))


@dataclass(frozen=True)
class Relevance:
    """How relevant articles and paragraphs are to a question; logarithms are natural."""

    articles: Mapping[str, float]  # log-probability by number
    out_of_scope: float  # log-probability that the code does not cover the question
    paragraphs: Mapping[str, Sequence[ParagraphRelevance]]  # in order, by the article's number


class TrainedRelevance:
    """The trained weights, and the scores that they give."""

    def __init__(self, path: Path = TRAINED) -> None:
        with safe_open(path, framework="np") as file:
            names = file.keys()
            self._tensors: dict[str, NDArray[np.float32]] = {
                name: file.get_tensor(name).astype(np.float32) for name in names
            }
            metadata = file.metadata()
        digests, counts = json.loads(metadata["articles"]), json.loads(metadata["texts"])
        self._index = {digest: i for i, digest in enumerate(digests)}  # of an article's rows
        self._texts = _split(self._tensors["texts"], counts)  # of each article
        self.name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    @property
    def lora_deltas(self) -> dict[str, NDArray[np.float32]]:
        """The matrices to add to the encoder's weights, by module name, each (out, in)."""
        return {
            name.removesuffix(".up"): up @ self._tensors[name.removesuffix("up") + "down"]
            for name, up in self._tensors.items()
            if name.endswith(".up")
        }

    def embed(
        self, articles: Sequence[Article], encode: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Unit vectors of all `embedding_texts`, (texts, dimensions): the trained ones, else those of `encode`."""
        indices = {article.number: self._index.get(article_digest(article)) for article in articles}
        vectors = {number: self._texts[index] for number, index in indices.items() if index is not None}
        if untrained := [article for article in articles if article.number not in vectors]:
            encoded = _split(encode(embedding_texts(untrained)), map(count_texts, untrained))
            vectors |= {
                article.number: article_vectors
                for article, article_vectors in zip(untrained, encoded, strict=True)
            }
        return np.concatenate([vectors[article.number] for article in articles])

    def score(
        self, articles: Sequence[Article], vectors: NDArray[np.float32], question: NDArray[np.float32]
    ) -> Relevance:
        """`vectors`: (texts, dimensions), of `embedding_texts`; `question`: (dimensions,), the encoded question.

        The probability of an article is the product of two: by its texts, and by its trained vector.
        """
        scale = float(self._tensors["scale"][0])
        scores = scale * vectors @ question
        text_scores = iter(scores.tolist())
        paragraphs = {
            article.number: [
                ParagraphRelevance(next(text_scores), tuple(next(text_scores) for _ in paragraph.points))
                for paragraph in article.paragraphs
            ]
            for article in articles
        }
        counts = [count_texts(article) for article in articles]
        by_texts = _log_softmax(
            [
                np.logaddexp.reduce(of_article, initial=0.0)
                for of_article in _split(scores.astype(np.float64), counts)
            ]
        )
        classes = [
            self._class(article, of_article)
            for article, of_article in zip(articles, _split(vectors, counts), strict=True)
        ]
        out_of_scope = self._tensors["articles"][-1], float(self._tensors["bias"][-1])
        by_class = _log_softmax(
            [scale * (vector @ question) + bias for vector, bias in [*classes, out_of_scope]]
        )
        products = (by_texts + by_class[:-1]).tolist()
        return Relevance(dict(zip(paragraphs, products, strict=True)), float(by_class[-1]), paragraphs)

    def _class(self, article: Article, texts: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """The vector and bias of the class "the question is about this article"."""
        index = self._index.get(article_digest(article))
        if index is not None:
            return self._tensors["articles"][index], float(self._tensors["bias"][index])
        mean = texts.sum(0)
        return mean / max(float(np.linalg.norm(mean)), 1e-9), 0.0


def _split(rows: NDArray[Any], counts: Iterable[int]) -> list[NDArray[Any]]:
    """Split the rows into consecutive groups of these sizes."""
    return np.split(rows, np.cumsum(list(counts))[:-1])


def _log_softmax(scores: Sequence[float]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.array(scores) - np.logaddexp.reduce(scores)
    return logs
