"""BM25 over the articles of a law: scores by the words that a question shares with each article."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from snowballstemmer import stemmer  # type: ignore[import-untyped]

from labourqa.law.structure import Article

TITLE_WEIGHT = 3  # of a word in the title, beside one in the text
TERM_SATURATION = 1.2  # k1: how soon more occurrences of a word stop counting
LENGTH_NORMALIZATION = 0.75  # b: 0 ignores an article's length, 1 divides by it

_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a after all an and any are as at be because before but by can do does for from has have he her him his how i "
        "if in is it me must my no not of on or she so than that the their them then there they this to was we what "
        "when which who will with you your",
    )
)
_stem = lru_cache(100_000)(stemmer("english").stemWord)


class BM25Index:
    """Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) of one law."""

    def __init__(self, articles: Sequence[Article]) -> None:
        documents = [
            Counter([*terms(article.text), *TITLE_WEIGHT * [*terms(article.title)]]) for article in articles
        ]
        lengths = np.array([document.total() for document in documents])
        mean_length = max(1.0, lengths.sum() / max(1, len(documents)))
        norms = 1 - LENGTH_NORMALIZATION + LENGTH_NORMALIZATION * lengths / mean_length
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)  # term -> (article's index, frequency)
        for index, document in enumerate(documents):
            for term, frequency in document.items():
                postings[term].append((index, frequency))
        self._articles = len(articles)
        self._weights: dict[str, list[tuple[int, float]]] = {}  # term -> (article's index, the term's score)
        for term, posting in postings.items():
            rarity = math.log(1 + (len(articles) - len(posting) + 0.5) / (len(posting) + 0.5))
            self._weights[term] = [
                (
                    index,
                    rarity * frequency * (TERM_SATURATION + 1) / (frequency + TERM_SATURATION * norms[index]),
                )
                for index, frequency in posting
            ]

    def score(self, question: str) -> NDArray[np.float64]:
        """(articles,): 0 for an article without any word of the question."""
        scores = np.zeros(self._articles)
        for term in sorted(set(terms(question))):
            for index, weight in self._weights.get(term, ()):
                scores[index] += weight
        return scores


@lru_cache(maxsize=4)
def index_articles(articles: tuple[Article, ...]) -> BM25Index:
    """The index of a law; those of the last laws stay in memory (50 ms to build)."""
    return BM25Index(articles)


def terms(text: str) -> Iterator[str]:
    """The stems of a text's words, without function words."""
    return map(_stem, content_words(text))


def content_words(text: str) -> Iterator[str]:
    """A text's words in lower case, without function words."""
    return (word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in _STOP_WORDS)
