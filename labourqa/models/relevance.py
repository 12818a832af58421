"""What was trained on labelled questions: the encoder's low-rank parts, and vectors for the embedded edition.

`data/relevance.safetensors` is made by scripts/train_relevance.py; docs/quality.md says how good it is. The low-rank
parts serve every code. An article of the embedded edition, found by its text, has a trained vector for itself and for
each of its texts. Those of other articles (another code, an amended article) are what the encoder makes of them.
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
    """By which a trained vector finds its article again."""
    return hashlib.sha256(article.format().encode()).hexdigest()[:16]


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


def count_texts(article: Article) -> int:
    """How many `embedding_texts` it has."""
    return sum(1 + len(paragraph.points) for paragraph in article.paragraphs)


@dataclass(frozen=True)
class ParagraphRelevance:
    """Scores, comparable within a question: of the paragraph as a whole, and of each of its points."""

    whole: float
    points: tuple[float, ...] = ()

    @property
    def best(self) -> float:
        return max((self.whole, *self.points))


@dataclass(frozen=True)
class Relevance:
    """How far the places of the code are what a question is about, in natural logarithms of probabilities."""

    articles: Mapping[str, float]  # by number
    out_of_scope: float  # that the question is about nothing in the code
    paragraphs: Mapping[str, Sequence[ParagraphRelevance]]  # in order, by the article's number


class TrainedRelevance:
    def __init__(self, path: Path = TRAINED) -> None:
        with safe_open(path, framework="np") as file:
            names = file.keys()
            self._tensors: dict[str, NDArray[np.float32]] = {
                name: file.get_tensor(name).astype(np.float32) for name in names
            }
            metadata = file.metadata()
        digests, counts = json.loads(metadata["articles"]), json.loads(metadata["texts"])
        self._place = {digest: i for i, digest in enumerate(digests)}
        self._texts = _split(self._tensors["texts"], counts)  # of each article
        self.name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    @property
    def lora_deltas(self) -> dict[str, NDArray[np.float32]]:
        """What is added to the encoder's matrices, by module name, each (out, in)."""
        return {
            name.removesuffix(".up"): up @ self._tensors[name.removesuffix("up") + "down"]
            for name, up in self._tensors.items()
            if name.endswith(".up")
        }

    def embed(
        self, articles: Sequence[Article], encode: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """(texts, dimensions) for `embedding_texts`, each of length 1: trained, or what `encode` makes of the text."""
        places = {article.number: self._place.get(article_digest(article)) for article in articles}
        vectors = {number: self._texts[place] for number, place in places.items() if place is not None}
        if missing := [article for article in articles if article.number not in vectors]:
            encoded = _split(encode(embedding_texts(missing)), map(count_texts, missing))
            vectors |= {article.number: own for article, own in zip(missing, encoded, strict=True)}
        return np.concatenate([vectors[article.number] for article in articles])

    def judge(
        self, articles: Sequence[Article], vectors: NDArray[np.float32], question: NDArray[np.float32]
    ) -> Relevance:
        """`vectors` is (texts, dimensions), those of `embedding_texts`, and `question` is (dimensions,).

        An article's two opinions, that of its texts and that of its trained vector, are multiplied.
        """
        scale = float(self._tensors["scale"][0])
        scores = scale * vectors @ question
        each = iter(scores.tolist())
        paragraphs = {
            article.number: [
                ParagraphRelevance(next(each), tuple(next(each) for _ in paragraph.points))
                for paragraph in article.paragraphs
            ]
            for article in articles
        }
        counts = [count_texts(article) for article in articles]
        by_texts = _log_softmax(
            [np.logaddexp.reduce(own, initial=0.0) for own in _split(scores.astype(np.float64), counts)]
        )
        classes = [
            self._class(article, own) for article, own in zip(articles, _split(vectors, counts), strict=True)
        ]
        outside = self._tensors["articles"][-1], float(self._tensors["bias"][-1])
        by_class = _log_softmax([scale * (vector @ question) + bias for vector, bias in [*classes, outside]])
        both = (by_texts + by_class[:-1]).tolist()
        return Relevance(dict(zip(paragraphs, both, strict=True)), float(by_class[-1]), paragraphs)

    def _class(self, article: Article, texts: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """The article's vector and bias."""
        place = self._place.get(article_digest(article))
        if place is not None:
            return self._tensors["articles"][place], float(self._tensors["bias"][place])
        mean = texts.sum(0)
        return mean / max(float(np.linalg.norm(mean)), 1e-9), 0.0


def _split(rows: NDArray[Any], counts: Iterable[int]) -> list[NDArray[Any]]:
    """So many rows each, one after the other."""
    return np.split(rows, np.cumsum(list(counts))[:-1])


def _log_softmax(scores: Sequence[float]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.array(scores) - np.logaddexp.reduce(scores)
    return logs
