"""The trained relevance of articles and paragraphs to a question, from sentence vectors.

`data/relevance.safetensors`, which scripts/train_relevance.py makes from labelled questions, holds LoRA deltas (Hu et
al., arXiv 2106.09685) for the sentence encoder, which apply to every code, and trained vectors for the embedded
edition: one for each article and one for each text of it. A hash of its text identifies an article; for all other
articles (of another code, or amended) the encoder computes the vectors. docs/quality.md has the measurements.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import safe_open

from labourqa.config import DATA
from labourqa.law.structure import Article

TRAINED = DATA / "relevance.safetensors"


def article_digest(article: Article) -> str:
    """A hash of an article's text, which identifies the articles that have trained vectors."""
    return hashlib.sha256(article.format().encode()).hexdigest()[:16]


def embedding_texts(articles: Sequence[Article]) -> list[str]:
    """The texts to encode: for each paragraph, the whole of it, then each of its points after the introductory words.

    All begin with the article's title, which says what the paragraph is about.
    """
    return [
        f"{article.title}. {text}"
        for article in articles
        for paragraph in article.paragraphs
        for text in (paragraph.text, *(f"{paragraph.lead} {point.text}" for point in paragraph.points))
    ]


def count_texts(article: Article) -> int:
    """How many `embedding_texts` an article has."""
    return sum(1 + len(paragraph.points) for paragraph in article.paragraphs)


@dataclass(frozen=True)
class ParagraphRelevance:
    """The scores of a whole paragraph and of each of its points; they can be compared within one question."""

    whole: float
    points: tuple[float, ...] = ()

    @property
    def best(self) -> float:
        return max((self.whole, *self.points))


@dataclass(frozen=True)
class Relevance:
    """How relevant articles and paragraphs are to a question."""

    articles: Mapping[str, float]  # number -> natural log-probability
    out_of_scope: float  # natural log-probability that the code does not answer the question
    paragraphs: Mapping[str, Sequence[ParagraphRelevance]]  # number -> its paragraphs in order


class TrainedRelevance:
    """The trained tensors, and the scores computed from them."""

    def __init__(self, path: Path = TRAINED) -> None:
        with safe_open(path, framework="np") as file:
            names = file.keys()
            self._tensors: dict[str, NDArray[np.float32]] = {
                name: file.get_tensor(name).astype(np.float32) for name in names
            }
            metadata = file.metadata()
        digests, counts = json.loads(metadata["articles"]), json.loads(metadata["texts"])
        self._index = {
            digest: i for i, digest in enumerate(digests)
        }  # article digest -> index of its vectors
        self._texts = _split(self._tensors["texts"], counts)  # for each article: (texts, dimensions)
        self.name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    @property
    def lora_deltas(self) -> dict[str, NDArray[np.float32]]:
        """The matrices to add to the encoder's weights: module name -> (out, in)."""
        return {
            name.removesuffix(".up"): up @ self._tensors[name.removesuffix("up") + "down"]
            for name, up in self._tensors.items()
            if name.endswith(".up")
        }

    def embed(
        self, articles: Sequence[Article], encode: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Unit vectors of the articles' `embedding_texts`, (texts, dimensions).

        They come from `encode`, which maps texts to unit vectors, for articles without trained vectors.
        """
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
        """Score the articles and their paragraphs.

        `vectors`, (texts, dimensions), are those of the articles' `embedding_texts` in order, `question`,
        (dimensions,), is the encoded question.
        The probability of an article is the product of two softmax probabilities: one over the articles, by the
        log-sum-exp of its texts' scores, the other over the articles and "out of scope", by their class vectors.
        """
        scale = float(self._tensors["scale"][0])
        scores = scale * vectors @ question  # (texts,)
        counts = [count_texts(article) for article in articles]

        next_score = iter(scores.tolist()).__next__
        paragraphs = {
            article.number: [
                ParagraphRelevance(next_score(), tuple(next_score() for _ in paragraph.points))
                for paragraph in article.paragraphs
            ]
            for article in articles
        }

        article_scores = [
            float(np.logaddexp.reduce(text_scores, initial=0.0))  # 0 is the score of an article without texts
            for text_scores in _split(scores.astype(np.float64), counts)
        ]
        classes = [
            self._class_of(article, text_vectors)
            for article, text_vectors in zip(articles, _split(vectors, counts), strict=True)
        ]
        classes.append((self._tensors["articles"][-1], float(self._tensors["bias"][-1])))  # out of scope
        # In float32, as version 0.1 did: the same question gives the same scores to the last digit.
        class_scores = [scale * (vector @ question) + bias for vector, bias in classes]

        class_log_probabilities = _log_softmax(class_scores)
        log_probabilities = _log_softmax(article_scores) + class_log_probabilities[:-1]
        return Relevance(
            articles=dict(zip(paragraphs, log_probabilities.tolist(), strict=True)),
            out_of_scope=float(class_log_probabilities[-1]),
            paragraphs=paragraphs,
        )

    def _class_of(
        self, article: Article, text_vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        """The vector, (dimensions,), and bias of the class "this article answers the question".

        Without trained ones, they are the mean direction of the article's texts and 0.
        """
        index = self._index.get(article_digest(article))
        if index is not None:
            return self._tensors["articles"][index], float(self._tensors["bias"][index])
        total = text_vectors.sum(0)
        return total / max(float(np.linalg.norm(total)), 1e-9), 0.0


def _split(rows: NDArray[Any], counts: Iterable[int]) -> list[NDArray[Any]]:
    """Consecutive groups of rows of these sizes."""
    return np.split(rows, np.cumsum(list(counts))[:-1])


def _log_softmax(scores: ArrayLike) -> NDArray[np.float64]:
    log_probabilities: NDArray[np.float64] = np.array(scores) - np.logaddexp.reduce(scores)
    return log_probabilities
