"""The relevance of articles and paragraphs to a question: from sentence vectors and, for other laws, tokens and words.

`data/relevance.safetensors`, which scripts/train_relevance.py makes from labelled questions, holds LoRA deltas (Hu et
al., arXiv 2106.09685) for the sentence encoder, which apply to every law, and trained vectors for the embedded
edition: one for each article and one for each text of it. A hash of its text identifies an article; for all other
articles (of another law, or amended) the encoder computes the vectors.

`data/scope.safetensors`, which scripts/train_scope.py makes from questions on other laws, tells which questions a law
without trained vectors does not answer. docs/quality.md has the measurements.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors.numpy import load

from labourqa.config import DATA, DEFAULT_EDITION, read_data
from labourqa.documents.document import read_document
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.bm25 import index_articles, terms
from labourqa.models.interaction import InteractionScores, LateInteraction, TokenVectors
from labourqa.models.texts import window_texts

TRAINED = DATA / "relevance.safetensors"
SCOPE = DATA / "scope.safetensors"
# Weights of the scores whose sum is the logit of an article in a law without trained classes: the similarity of its
# best text, that of the mean direction of its texts, BM25, the late interaction with the whole article, and that with
# its best paragraph. Chosen on five Indian laws that the late interaction was not trained on; their scale, so
# that the margin of the selection (answering/selection.py) selects seven articles (docs/quality.md).
BEST_TEXT_WEIGHT = 23.0
MEAN_DIRECTION_WEIGHT = 15.0
WORDS_WEIGHT = 0.36
ARTICLE_INTERACTION_WEIGHT = 27.0
PARAGRAPH_INTERACTION_WEIGHT = 36.0
# Weights, beside an article's best text, in the score of the articles of a law that is too large for token vectors: the
# mean direction of all its texts, and BM25. Chosen on other laws.
MEAN_WEIGHT = 0.5
BM25_WEIGHT = 0.5
# The share of the LoRA deltas in the encoder of such a law: in full they fit the embedded edition too closely.
OTHER_LAWS_DELTA_SHARE = 0.6
# Titles are similar when they share so much of their terms (Jaccard). In the official text of the embedded edition's
# law, nine of ten articles have a title that is similar to that of the edition's article of the same number; in other
# laws, none.
SIMILAR_TITLE = 0.3


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
    similarity: float = 0.0  # to the most similar text of the law, at most 1


class TrainedRelevance:
    """The trained tensors, and the scores computed from them."""

    def __init__(self, path: Path = TRAINED, scope: Path = SCOPE) -> None:
        content = read_data(path)
        self._tensors: dict[str, NDArray[np.float32]] = {
            name: tensor.astype(np.float32) for name, tensor in load(content).items()
        }
        metadata = _read_metadata(content)
        digests, counts = json.loads(metadata["articles"]), json.loads(metadata["texts"])
        self._index = {
            digest: i for i, digest in enumerate(digests)
        }  # article digest -> index of its vectors
        self._texts = _split(self._tensors["texts"], counts)  # for each article: (texts, dimensions)
        self.name = hashlib.sha256(content).hexdigest()[:12]
        self._scope: dict[str, NDArray[np.float32]] = load(read_data(scope))

    @cached_property
    def interaction(self) -> LateInteraction:
        return LateInteraction()

    @property
    def dimensions(self) -> int:
        """Of a vector."""
        return int(self._tensors["texts"].shape[1])

    @property
    def lora_deltas(self) -> dict[str, NDArray[np.float32]]:
        """The matrices to add to the encoder's weights: module name -> (out, in)."""
        return {
            name.removesuffix(".up"): up @ self._tensors[name.removesuffix("up") + "down"]
            for name, up in self._tensors.items()
            if name.endswith(".up")
        }

    def is_trained(self, article: Article) -> bool:
        """Whether the article's texts have trained vectors."""
        return article_digest(article) in self._index

    def delta_share(self, articles: Sequence[Article]) -> float:
        """The share of the LoRA deltas with which to encode these articles and the questions on them."""
        return 1.0 if self.has_trained_classes(articles) else OTHER_LAWS_DELTA_SHARE

    def has_trained_classes(self, articles: Sequence[Article]) -> bool:
        """Whether this is the embedded edition or another version of that law: half of the articles have classes."""
        if len(articles) > 2 * len(self._index):
            return False
        return 2 * sum(index is not None for index in self._class_indices(articles)) >= len(articles)

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

    def embed_tokens(
        self,
        articles: Sequence[Article],
        encode: Callable[[Sequence[str]], tuple[NDArray[np.float32], list[NDArray[np.int8]]]],
    ) -> tuple[NDArray[np.float32], TokenVectors]:
        """The vectors as from `embed`, and those of the tokens of whole paragraphs, of a law without trained classes.

        `encode` maps texts to unit vectors and to their tokens, projected by `interaction`.
        """
        paragraphs = [paragraph for article in articles for paragraph in window_texts(article)]
        vectors, tokens = encode([window for texts in paragraphs for text in texts for window in text])
        windows = iter(tokens)
        whole: list[list[NDArray[np.int8]]] = []  # of each paragraph, (tokens, dimensions) of its windows
        for texts in paragraphs:
            of_texts = [[next(windows) for _ in text] for text in texts]
            whole.append(of_texts[0])
        counts = iter([[len(window) for window in one] for one in whole])
        return vectors, TokenVectors(
            np.concatenate([window for one in whole for window in one]),
            [[next(counts) for _ in article.paragraphs] for article in articles],
        )

    def score(
        self,
        articles: Sequence[Article],
        vectors: NDArray[np.float32],
        question: str,
        question_vector: NDArray[np.float32],
        interaction: InteractionScores | None = None,
    ) -> Relevance:
        """Score the articles and their paragraphs.

        `vectors`, (vectors, dimensions), are as `embed` returns them, `question_vector`, (dimensions,), is the encoded
        question. The embedded edition and other versions of that law are scored with the trained classes. In another
        law, an article counts by its best text, the mean direction of its texts, `interaction`, and BM25.
        """
        scale = float(self._tensors["scale"][0])
        scores = scale * vectors @ question_vector  # (vectors,)
        counts = self.count_vectors(articles)
        by_article = [sum(map(sum, paragraphs)) for paragraphs in counts]
        of_articles = _split(scores.astype(np.float64), by_article)
        paragraphs = _score_paragraphs(scores, counts)
        if self.has_trained_classes(articles):
            log_probabilities, out_of_scope = self._combine_trained(articles, of_articles, question_vector)
        else:
            means = [
                article_vectors.sum(0) / max(float(np.linalg.norm(article_vectors.sum(0))), 1e-9)
                for article_vectors in _split(vectors, by_article)
            ]
            best = np.array([max(text_scores, default=0.0) for text_scores in of_articles]) / scale
            words = index_articles(tuple(articles)).score(question)
            out_of_scope, in_scope = self._scope_log_probabilities(question_vector, best.max())
            logits = (
                BEST_TEXT_WEIGHT * best
                + MEAN_DIRECTION_WEIGHT * np.array(means) @ question_vector
                + WORDS_WEIGHT * words
            )
            if interaction is not None:
                best_paragraphs = [max(scores, default=0.0) for scores in interaction.paragraphs]
                logits += ARTICLE_INTERACTION_WEIGHT * interaction.articles
                logits += PARAGRAPH_INTERACTION_WEIGHT * np.array(best_paragraphs)
            log_probabilities = in_scope + _log_softmax(logits)
        numbers = [article.number for article in articles]
        return Relevance(
            articles=dict(zip(numbers, log_probabilities.tolist(), strict=True)),
            out_of_scope=out_of_scope,
            paragraphs=dict(zip(numbers, paragraphs, strict=True)),
            similarity=float(scores.max(initial=0.0)) / scale,
        )

    def score_partly(
        self,
        numbers: Sequence[str],
        vectors: Mapping[str, NDArray[np.float32]],
        words: Mapping[str, float],
        question_vector: NDArray[np.float32],
    ) -> Relevance:
        """Score the articles with these numbers, of another law, where not all have `vectors`, (vectors, dimensions).

        `words` are the articles' scores by BM25, 0 where they are missing. An article without vectors counts as if it
        were the least similar of those with vectors. The paragraphs are left out.
        """
        scale = float(self._tensors["scale"][0])
        known = [number for number in numbers if len(vectors.get(number, ()))]
        similarity, best = np.full(len(numbers), 0.0), 0.0
        if known:
            counts = [len(vectors[number]) for number in known]
            starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
            stacked = np.concatenate([vectors[number] for number in known])
            best_texts = np.maximum.reduceat(stacked @ question_vector, starts)
            means = np.add.reduceat(stacked, starts)
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
            scores = scale * (best_texts + MEAN_WEIGHT * means @ question_vector)
            by_number = dict(zip(known, scores.tolist(), strict=True))
            similarity = np.array([by_number.get(number, scores.min()) for number in numbers])
            best = float(best_texts.max())
        by_words = BM25_WEIGHT * np.array([words.get(number, 0.0) for number in numbers])
        out_of_scope, in_scope = self._scope_log_probabilities(question_vector, best)
        log_probabilities = in_scope + _log_softmax(similarity + by_words)
        return Relevance(dict(zip(numbers, log_probabilities.tolist(), strict=True)), out_of_scope, {}, best)

    def score_paragraphs(
        self,
        articles: Sequence[Article],
        vectors: Mapping[str, NDArray[np.float32]],
        question_vector: NDArray[np.float32],
    ) -> dict[str, Sequence[ParagraphRelevance]]:
        """The scores of the paragraphs of these articles, by number; `vectors` as in `score_partly`."""
        scale = float(self._tensors["scale"][0])
        with_text = [article for article in articles if article.number in vectors]
        scored = {
            article.number: _score_paragraphs(scale * vectors[article.number] @ question_vector, [counts])[0]
            for article, counts in zip(with_text, self.count_vectors(with_text), strict=True)
        }
        return {article.number: scored.get(article.number, []) for article in articles}

    def _class_indices(self, articles: Sequence[Article]) -> list[int | None]:
        """The index of each article's trained class, if there is one.

        It is that of the embedded edition's article with the same text, or with the same number and a similar title.
        """
        indices = [self._index.get(article_digest(article)) for article in articles]
        if None in indices:
            for i, article in enumerate(articles):
                index, title = self._embedded_titles.get(article.number, (None, frozenset()))
                own = frozenset(terms(article.title))
                if indices[i] is None and own and len(own & title) >= SIMILAR_TITLE * len(own | title):
                    indices[i] = index
        return indices

    @cached_property
    def _embedded_titles(self) -> Mapping[str, tuple[int, frozenset[str]]]:
        """By number, the index and the title's terms of each article of the embedded edition (0.1 s)."""
        code = parse_code(read_document(DEFAULT_EDITION).text)
        return {
            article.number: (self._index[article_digest(article)], frozenset(terms(article.title)))
            for article in code.articles
        }

    def _combine_trained(
        self,
        articles: Sequence[Article],
        scores: Sequence[NDArray[np.float64]],
        question_vector: NDArray[np.float32],
    ) -> tuple[NDArray[np.float64], float]:
        """The log-probabilities of the articles and of "out of scope", with trained classes.

        `scores` are those of each article's texts. The probability of an article is the product of two softmax
        probabilities: one over the articles, by the log-sum-exp of its texts' scores, the other over the classes of the
        articles and "out of scope". For an article without a class, the first stands in for the second.
        """
        scale, classes, biases = (self._tensors[name] for name in ("scale", "articles", "bias"))
        # 0 is the score of an article without texts.
        by_texts = _log_softmax([float(np.logaddexp.reduce(one, initial=0.0)) for one in scores])
        indices = self._class_indices(articles)
        # In float32, as version 0.1 did: the embedded edition keeps its scores to the last digit.
        class_scores: list[Any] = [
            None
            if index is None
            else float(scale[0]) * (classes[index] @ question_vector) + float(biases[index])
            for index in indices
        ]
        total = np.logaddexp.reduce([one for one in class_scores if one is not None])
        class_scores = [
            total + log_probability if one is None else one
            for one, log_probability in zip(class_scores, by_texts, strict=True)
        ]
        outside = float(scale[0]) * (classes[-1] @ question_vector) + float(biases[-1])
        by_class = _log_softmax([*class_scores, outside])
        return by_texts + by_class[:-1], float(by_class[-1])

    def _scope_log_probabilities(
        self, question_vector: NDArray[np.float32], similarity: float
    ) -> tuple[float, float]:
        """The log-probabilities that another law does not answer the question, and that it does.

        `similarity` is that of the law's most similar text.
        """
        logit = (
            float(self._scope["question"] @ question_vector)
            + float(self._scope["similarity"][0]) * similarity
            + float(self._scope["bias"][0])
        )
        return -float(np.logaddexp(0, logit)), -float(np.logaddexp(0, -logit))


def _read_metadata(safetensors: bytes) -> dict[str, str]:
    """What a safetensors file says of itself."""
    size = int.from_bytes(safetensors[:8], "little")
    metadata: dict[str, str] = json.loads(safetensors[8 : 8 + size])["__metadata__"]
    return metadata


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
