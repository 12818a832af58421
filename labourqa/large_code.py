"""Codes that are too large to be read whole for each question: the best articles are read, as the time allows.

Full-text search and the sentence encoder rank the articles, and the language model reads them best first. Vectors and
cached prefixes are computed for the articles that a question needs and stored for later ones.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from labourqa.config import Settings
from labourqa.engine.base import ArticlePrefixes
from labourqa.engine.startup import Models
from labourqa.law.edition import Edition
from labourqa.law.structure import Article
from labourqa.methods import Method
from labourqa.models.bm25 import TITLE_WEIGHT, content_words
from labourqa.models.relevance import Relevance
from labourqa.models.texts import TEXTS_VERSION
from labourqa.progress import Progress, count_up
from labourqa.reading import ArticleReader, Reading
from labourqa.store import Store

# Codes with more characters are not read whole. The longest labour codes that were tried have 750,000.
WHOLE_CODE_CHARACTERS = 1_000_000
# The first question on a code, for which nothing is stored yet, takes so many times as long: 2 minutes by default.
FIRST_QUESTION_FACTOR = 20
SEARCH_SHARE = 0.35  # of the time, at most, for computing vectors
COMPUTING_SHARE = 0.7  # of the time until the prefixes of no more articles are computed
CANDIDATES = 300  # found by their words, whose vectors a question needs
ENCODED_TOGETHER = 16  # articles: a second or two
READ_TOGETHER = (8, 128)  # fewest and most articles that are read before the time is looked at
READ_TOGETHER_SECONDS = 0.5
READ_TOGETHER_TOKENS = 24_000  # whose prefixes take 0.6 GB in the embedded model's cache
CHARACTERS_PER_TOKEN = 4


def is_large(articles: Sequence[Article]) -> bool:
    """Whether the articles have more characters than a code that is read whole."""
    return sum(len(article.text) for article in articles) > WHOLE_CODE_CHARACTERS


class LargeCode:
    """An edition that is not read whole, with what is stored about it."""

    def __init__(
        self,
        edition: Edition,
        articles: Sequence[Article],
        *,
        store: Store,
        models: Models,
        settings: Settings,
        method: Method,
        progress: Progress,
        split: Callable[[Article], Sequence[Article]],
    ) -> None:
        """`split` cuts an article into the windows that the model reads, usually one."""
        self.edition, self.articles = edition, articles
        self._computed, self._models, self._settings = store.computed, models, settings
        self._method, self._progress, self._split = method, progress, split
        self._reader = ArticleReader(models, store, settings, method, edition, articles)
        self._delta_share = models.relevance.delta_share(articles)
        self._encoder_name = f"{models.encoder.name} {TEXTS_VERSION} {self._delta_share:g}"
        self._vectors: dict[str, NDArray[np.float32]] = {}  # by article
        self._prefixes: ArticlePrefixes | None = None  # for methods that do without
        self._deadlines = _Deadlines.after(math.inf)

    def embed_all(self) -> None:
        """Compute the vectors that are missing; what is interrupted continues the next time."""
        self._load_vectors()
        self._embed_missing(self.articles, until=math.inf)

    def search(
        self, question: str, question_vector: NDArray[np.float32], first: Collection[str]
    ) -> Relevance:
        """Start the time of a question; the relevance of all articles, without their paragraphs.

        Vectors of the articles `first` and of the best ones by their words are added before, as the time allows; an
        article without vectors is ranked by its words alone.
        """
        self._open_question()
        words = self._computed.word_scores(
            self.edition, list(dict.fromkeys(content_words(question))), TITLE_WEIGHT
        )
        best = sorted(words, key=lambda number: -words[number])[:CANDIDATES]
        rank = {number: i for i, number in enumerate(dict.fromkeys([*first, *best]))}
        wanted = [article for article in self.articles if article.number in rank]
        wanted.sort(key=lambda article: rank[article.number])
        self._load_vectors()
        self._embed_missing(wanted, until=self._deadlines.search)
        numbers = [article.number for article in self.articles]
        return self._models.relevance.score_partly(numbers, self._vectors, words, question_vector)

    def read(self, question: str, relevance: Relevance, first: Collection[str]) -> Reading:
        """Let the model read the articles `first`, then the others, best first, until the question's time is over.

        At least as many are read as a shortlist has.
        """
        ranked = sorted(
            self.articles,
            key=lambda article: (article.number not in first, -relevance.articles[article.number]),
        )
        at_least = max(self._settings.shortlist, len(first))
        if self._method.name == "shortlist":
            ranked = ranked[:at_least]
        show = count_up(self._progress, "articles read", len(ranked))
        reading = self.read_nothing()
        together, computing = at_least, True
        while ranked and (
            not reading.scores or time.monotonic() + READ_TOGETHER_SECONDS < self._deadlines.end
        ):
            started = time.monotonic()
            if computing and reading.scores and started > self._deadlines.computing:
                computing = False  # from here on, only articles whose prefixes are stored
                ranked = self._stored(ranked)
            some, ranked = _next_articles(ranked, together)
            found = self._read_some(question, some, in_any_case=not reading.scores)
            reading = reading.joined_with(found)
            show(len(found.scores))
            seconds = time.monotonic() - started
            fewest, most = READ_TOGETHER
            together = max(fewest, min(most, int(READ_TOGETHER_SECONDS * len(some) / max(seconds, 1e-3))))
        return reading

    def read_nothing(self) -> Reading:
        """For a question that the model cannot read."""
        return self._reader.read("", (), None, _silent)

    def score_paragraphs(
        self, relevance: Relevance, numbers: Collection[str], question_vector: NDArray[np.float32]
    ) -> Relevance:
        """The relevance with the paragraphs of these articles."""
        articles = [article for article in self.articles if article.number in numbers]
        self._embed_missing(articles, until=math.inf)
        paragraphs = self._models.relevance.score_paragraphs(articles, self._vectors, question_vector)
        return replace(relevance, paragraphs=paragraphs)

    def _open_question(self) -> None:
        is_first = False
        if self._method.batching == "prefix-cache":
            self._prefixes = self._models.engine.article_prefixes(
                scoring=self._reader.scoring,
                folder=self._settings.prefix_caches,
                bits=self._settings.cache_bits,
                limit_bytes=self._settings.cache_bytes,
            )
            is_first = not self._stored(self.articles)
        seconds = self._settings.read_seconds if self._settings.method == "auto" else math.inf
        self._deadlines = _Deadlines.after(seconds * (FIRST_QUESTION_FACTOR if is_first else 1))

    def _stored(self, articles: Sequence[Article]) -> list[Article]:
        """Those of the articles whose prefixes are stored; all, where the method does without."""
        if self._prefixes is None:
            return list(articles)
        windows = [window for article in articles for window in self._split(article)]
        missing = {window.number for window in set(windows) - set(self._prefixes.stored(windows))}
        return [article for article in articles if article.number not in missing]

    def _read_some(self, question: str, articles: Sequence[Article], *, in_any_case: bool) -> Reading:
        """Read those of the articles whose prefixes are stored or can be computed in time."""
        windows = [window for article in articles for window in self._split(article)]
        if self._prefixes is None:
            return self._reader.read(question, windows, None, _silent)
        self._prefixes.compute(
            windows, until=self._deadlines.computing, at_least=len(windows) if in_any_case else 0
        )
        opened = self._prefixes.open(windows)
        try:
            incomplete = {window.number for window in set(windows) - set(opened.articles)}
            complete = [window for window in opened.articles if window.number not in incomplete]
            return self._reader.read(question, complete, opened, _silent)
        finally:
            opened.close()

    def _load_vectors(self) -> None:
        dimensions = self._models.relevance.dimensions
        self._vectors = self._computed.article_vectors(self.edition, self._encoder_name, dimensions)

    def _embed_missing(self, articles: Sequence[Article], *, until: float) -> None:
        """Compute and store vectors of the articles without, in order, some in any case."""
        missing = [one for one in articles if one.paragraphs and one.number not in self._vectors]
        if not missing:
            return
        show = count_up(self._progress, "articles prepared for search", len(missing))
        for start in range(0, len(missing), ENCODED_TOGETHER):
            if start and time.monotonic() > until:
                break
            some = missing[start : start + ENCODED_TOGETHER]
            self._vectors.update(self._embed(some))
            show(len(some))

    def _embed(self, articles: Sequence[Article]) -> Mapping[str, NDArray[np.float32]]:
        relevance = self._models.relevance
        counts = relevance.count_vectors(articles)
        encode = partial(self._models.encoder.encode, delta_share=self._delta_share)
        vectors = iter(relevance.embed(articles, encode))
        by_article = {
            article.number: [
                np.array([next(vectors) for _ in range(sum(texts))], np.float32) for texts in paragraphs
            ]
            for article, paragraphs in zip(articles, counts, strict=True)
        }
        self._computed.save_article_vectors(self.edition, self._encoder_name, by_article)
        return {number: np.concatenate(parts) for number, parts in by_article.items() if parts}


@dataclass(frozen=True)
class _Deadlines:
    """Until when the stages of a question may go on, as times of `time.monotonic`."""

    search: float
    computing: float  # of prefixes
    end: float

    @classmethod
    def after(cls, seconds: float) -> "_Deadlines":
        now = time.monotonic()
        return cls(now + SEARCH_SHARE * seconds, now + COMPUTING_SHARE * seconds, now + seconds)


def _next_articles(ranked: Sequence[Article], most: int) -> tuple[list[Article], list[Article]]:
    """The first articles, at most so many and about READ_TOGETHER_TOKENS long, and the rest."""
    room = READ_TOGETHER_TOKENS * CHARACTERS_PER_TOKEN
    for i, article in enumerate(ranked[:most]):
        room -= len(article.text)
        if i and room < 0:
            return list(ranked[:i]), list(ranked[i:])
    return list(ranked[:most]), list(ranked[most:])


def _silent(what: str, total: int) -> Callable[[int], None]:  # noqa: ARG001  # what it would show
    return lambda more: None  # noqa: ARG005
