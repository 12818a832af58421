"""What was trained on labelled questions: the encoder's low-rank parts, and a vector for each article.

`data/relevance.safetensors` is made by scripts/train_relevance.py; docs/quality.md says how good it is. The low-rank
parts serve every code. The article vectors are those of the embedded edition, found by the article's text; an
article that has none (another code, an amended article) has the mean of its paragraphs instead.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from .articles import Article
from .config import DATA

TRAINED = DATA / "relevance.safetensors"


def article_digest(article: Article) -> str:
    """By which a trained vector finds its article again."""
    return hashlib.sha256(article.print().encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Relevance:
    """Natural logarithms of probabilities."""

    articles: Mapping[str, float]  # by number: that the article is the one that the question is about
    outside: float  # that the question is about nothing in the code


class TrainedRelevance:
    def __init__(self, path: Path = TRAINED) -> None:
        with safe_open(path, framework="np") as file:
            names = file.keys()
            self._tensors: dict[str, NDArray[np.float32]] = {
                name: file.get_tensor(name).astype(np.float32) for name in names
            }
            digests = json.loads(file.metadata()["articles"])
        self._place = {digest: i for i, digest in enumerate(digests)}
        self.name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    @cached_property
    def changes(self) -> dict[str, NDArray[np.float32]]:
        """What is added to the encoder's matrices, by module name, each (out, in)."""
        return {
            name.removesuffix(".up"): up @ self._tensors[name.removesuffix("up") + "down"]
            for name, up in self._tensors.items()
            if name.endswith(".up")
        }

    def judge(
        self, articles: Sequence[Article], vectors: NDArray[np.float32], question: NDArray[np.float32]
    ) -> Relevance:
        """`vectors` is (texts, dimensions) as of ranking.embedding_texts, `question` is (dimensions,).

        An article's two opinions, that of its texts and that of its trained vector, are multiplied.
        """
        scale = float(self._tensors["scale"][0])
        ends = np.cumsum([sum(1 + len(p.points) for p in article.paragraphs) for article in articles])
        own_texts = np.split(vectors, ends[:-1])
        by_texts = np.array(
            [np.logaddexp.reduce(scale * (texts @ question)) if len(texts) else 0.0 for texts in own_texts]
        )
        classes = [self._class(article, texts) for article, texts in zip(articles, own_texts, strict=True)]
        outside = self._tensors["articles"][-1], self._tensors["bias"][-1]
        by_class = np.array([scale * (vector @ question) + bias for vector, bias in [*classes, outside]])
        by_class -= np.logaddexp.reduce(by_class)
        scores = by_texts - np.logaddexp.reduce(by_texts) + by_class[:-1]
        numbers = [article.number for article in articles]
        return Relevance(dict(zip(numbers, scores.tolist(), strict=True)), float(by_class[-1]))

    def _class(self, article: Article, texts: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """The article's vector and bias."""
        place = self._place.get(article_digest(article))
        if place is not None:
            return self._tensors["articles"][place], float(self._tensors["bias"][place])
        mean = texts.sum(0)
        return mean / max(float(np.linalg.norm(mean)), 1e-9), 0.0
