"""The relevance of articles and paragraphs to a question, from sentence vectors and, for other laws, from words.

`data/relevance.safetensors`, which scripts/train_relevance.py makes from labelled questions, holds LoRA deltas (Hu et
al., arXiv 2106.09685) for the sentence encoder, which apply to every law, and trained vectors for the embedded
edition: one for each article and one for each text of it. A hash of its text identifies an article; for all other
articles (of another law, or amended) the encoder computes the vectors. docs/quality.md has the measurements.
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
from labourqa.models.bm25 import index_articles
from labourqa.models.texts import trained_texts, window_texts

TRAINED = DATA / "relevance.safetensors"
# Weights, beside an article's best text, in the score of the articles of a law without trained vectors: the mean
# direction of all its texts, and BM25. Chosen on other laws (docs/quality.md).
MEAN_WEIGHT = 0.5
BM25_WEIGHT = 0.5


def article_digest(article: Article) -> str:
    """A hash of an article's text, which identifies the articles that have trained vectors."""
    return hashlib.sha256(article.format().encode()).hexdigest()[:16]


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

    def is_trained(self, article: Article) -> bool:
        """Whether the article has trained vectors."""
        return article_digest(article) in self._index

    def count_vectors(self, articles: Sequence[Article]) -> list[list[list[int]]]:
        """The vectors of each article, paragraph and text (a whole paragraph or a point) that `embed` computes."""
        return [
            [[1] * (1 + len(paragraph.points)) for paragraph in article.paragraphs]
            if self.is_trained(article)
            else [[len(windows) for windows in paragraph] for paragraph in window_texts(article)]
            for article in articles
        ]

    def embed(
        self, articles: Sequence[Article], encode: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Unit vectors of the articles' texts, (vectors, dimensions), in the order of `count_vectors`.

        They come from `encode`, which maps texts to unit vectors, for articles without trained vectors.
        """
        vectors = {
            article.number: self._texts[self._index[article_digest(article)]]
            for article in articles
            if self.is_trained(article)
        }
        if untrained := [article for article in articles if article.number not in vectors]:
            windows = [
                [window for paragraph in window_texts(article) for text in paragraph for window in text]
                for article in untrained
            ]
            encoded = encode([window for article_windows in windows for window in article_windows])
            vectors |= {
                article.number: article_vectors
                for article, article_vectors in zip(
                    untrained, _split(encoded, map(len, windows)), strict=True
                )
            }
        return np.concatenate([vectors[article.number] for article in articles])

    def score(
        self,
        articles: Sequence[Article],
        vectors: NDArray[np.float32],
        question: str,
        question_vector: NDArray[np.float32],
    ) -> Relevance:
        """Score the articles and their paragraphs.

        `vectors`, (vectors, dimensions), are as `embed` returns them, `question_vector`, (dimensions,), is the encoded
        question.
        """
        scale = float(self._tensors["scale"][0])
        scores = scale * vectors @ question_vector  # (vectors,)
        counts = self.count_vectors(articles)
        by_article = [sum(map(sum, paragraphs)) for paragraphs in counts]
        classes = [
            self._class_of(article, article_vectors)
            for article, article_vectors in zip(articles, _split(vectors, by_article), strict=True)
        ]
        # In float32, as version 0.1 did: the embedded edition keeps its scores to the last digit.
        class_scores: list[Any] = [scale * (vector @ question_vector) + bias for vector, bias in classes]
        outside, outside_bias = self._tensors["articles"][-1], float(self._tensors["bias"][-1])
        outside_score = scale * (outside @ question_vector) + outside_bias
        of_articles = _split(scores.astype(np.float64), by_article)

        if 2 * sum(map(self.is_trained, articles)) >= len(articles):
            log_probabilities, out_of_scope = _combine_trained(of_articles, class_scores, outside_score)
        else:
            words = index_articles(tuple(articles)).score(question)
            log_probabilities, out_of_scope = _combine_untrained(
                of_articles, class_scores, words, outside_score
            )
        numbers = [article.number for article in articles]
        return Relevance(
            articles=dict(zip(numbers, log_probabilities.tolist(), strict=True)),
            out_of_scope=out_of_scope,
            paragraphs=dict(zip(numbers, _score_paragraphs(scores, counts), strict=True)),
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


def _combine_trained(
    scores: Sequence[NDArray[np.float64]], class_scores: Sequence[float], outside_score: float
) -> tuple[NDArray[np.float64], float]:
    """The log-probabilities of the articles and of "out of scope", from the scores of the articles' texts and classes.

    The probability of an article is the product of two softmax probabilities: one over the articles, by the
    log-sum-exp of its texts' scores, the other over the articles and "out of scope", by their class vectors.
    """
    # 0 is the score of an article without texts.
    article_scores = [float(np.logaddexp.reduce(text_scores, initial=0.0)) for text_scores in scores]
    class_log_probabilities = _log_softmax([*class_scores, outside_score])
    return _log_softmax(article_scores) + class_log_probabilities[:-1], float(class_log_probabilities[-1])


def _combine_untrained(
    scores: Sequence[NDArray[np.float64]],
    mean_scores: Sequence[float],
    words: NDArray[np.float64],
    outside_score: float,
) -> tuple[NDArray[np.float64], float]:
    """The same for a law without trained vectors, whose articles are also compared by their words (BM25)."""
    best = np.array([max(text_scores, default=0.0) for text_scores in scores])
    log_probabilities = _log_softmax(
        [*(best + MEAN_WEIGHT * np.array(mean_scores) + BM25_WEIGHT * words), outside_score]
    )
    return log_probabilities[:-1], float(log_probabilities[-1])


def _score_paragraphs(
    scores: NDArray[np.floating[Any]], counts: Sequence[Sequence[Sequence[int]]]
) -> list[list[ParagraphRelevance]]:
    """The paragraphs of each article; a text counts by its best vector. `counts`: see `count_vectors`."""
    next_score = iter(scores.tolist()).__next__
    articles = []
    for paragraphs in counts:
        best = [[max(next_score() for _ in range(count)) for count in texts] for texts in paragraphs]
        articles.append([ParagraphRelevance(whole, tuple(points)) for whole, *points in best])
    return articles


def _split(rows: NDArray[Any], counts: Iterable[int]) -> list[NDArray[Any]]:
    """Consecutive groups of rows of these sizes."""
    return np.split(rows, np.cumsum(list(counts))[:-1])


def _log_softmax(scores: ArrayLike) -> NDArray[np.float64]:
    log_probabilities: NDArray[np.float64] = np.array(scores) - np.logaddexp.reduce(scores)
    return log_probabilities
