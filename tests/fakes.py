"""An engine and an encoder without torch, which count common words: `Assistant` runs with them in fast tests."""

import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray

from labourqa.engine.base import ArticleScore, ModelInfo, PrefixCacheHandle, ScoringResult
from labourqa.engine.startup import Models
from labourqa.law.structure import Article
from labourqa.methods import BatchingStrategy, LogitScoring, ScoringMode
from labourqa.models.relevance import TrainedRelevance

if TYPE_CHECKING:
    from labourqa.models.encoder import SentenceEncoder

DIMENSIONS = 384  # of the trained vectors
SMALL = 135_000_000  # parameters
LARGE = 3_200_000_000


@dataclass(eq=False)
class FakePrefixCache:
    """Knows its articles and whether it is open."""

    articles: tuple[Article, ...]
    scoring: ScoringMode
    bits: int
    is_open: bool = True
    size_bytes: int = 1_000

    def close(self) -> None:
        assert self.is_open, "closed twice"
        self.is_open = False


@dataclass(eq=False)
class FakeArticlePrefixes:
    """Prefixes of single articles that are only counted; computing one takes `seconds`."""

    scoring: ScoringMode
    bits: int
    computed: list[Article]  # shared by all questions
    opened: list[FakePrefixCache]
    seconds: float = 0.0

    def stored(self, articles: Sequence[Article]) -> list[Article]:
        return [article for article in articles if article in self.computed]

    def compute(self, articles: Sequence[Article], *, until: float, at_least: int = 0) -> None:
        for i, article in enumerate(articles):
            if article not in self.computed and (i < at_least or time.monotonic() < until):
                time.sleep(self.seconds)
                self.computed.append(article)

    def open(self, articles: Sequence[Article]) -> FakePrefixCache:
        self.opened.append(FakePrefixCache(tuple(self.stored(articles)), self.scoring, self.bits))
        return self.opened[-1]


@dataclass(frozen=True)
class ScoreCall:
    """The arguments of one call of `FakeEngine.score_articles`."""

    articles: tuple[str, ...]  # numbers
    question: str
    scoring: ScoringMode
    batching: BatchingStrategy
    prefix_cache: PrefixCacheHandle | None


class FakeEngine:
    """An article is relevant when it has more than a quarter of the question's words.

    Like a real model, it says yes to long articles more often than to short ones, which calibration corrects.
    """

    context_tokens = 8_192
    tokenizer_name = "words"

    def __init__(
        self,
        *,
        parameters: int = LARGE,
        supports_prefix_cache: bool = True,
        server_url: str = "",
        reply: str = "Night work is paid at one and a half times the pay [Art. 2].",
        error: Exception | None = None,
    ) -> None:
        """`reply` is what it writes; `error` is raised when half of the articles are scored."""
        device = "server" if server_url else "cpu"
        self.info = ModelInfo("fake", "sha256:" + "f" * 64, "float32", device, parameters, server_url)
        self.scoring_mode: LogitScoring = "query_likelihood" if self.info.is_small else "yes_no"
        self.supports_prefix_cache = supports_prefix_cache
        self.reply = reply
        self.error = error
        self.score_calls: list[ScoreCall] = []
        self.prefix_caches: list[FakePrefixCache] = []  # all that were opened
        self.computed_prefixes: list[Article] = []  # of single articles
        self.prefix_seconds = 0.0  # that computing one takes
        self.texts_counted = 0
        self.prompts: list[str] = []  # that it wrote an answer for

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.texts_counted += len(texts)
        return [len(text.split()) for text in texts]

    def score_articles(
        self,
        articles: Sequence[Article],
        question: str,
        *,
        scoring: ScoringMode,
        batching: BatchingStrategy,
        batch_tokens: int,
        batch_articles: int,
        prefix_cache: PrefixCacheHandle | None = None,
        show_read: Callable[[int], None],
    ) -> ScoringResult:
        if batching == "prefix-cache":
            assert isinstance(prefix_cache, FakePrefixCache)
            assert prefix_cache.is_open
            assert prefix_cache.scoring == scoring
            assert set(articles) <= set(prefix_cache.articles)
        numbers = tuple(article.number for article in articles)
        self.score_calls.append(ScoreCall(numbers, question, scoring, batching, prefix_cache))
        scores = []
        for i, article in enumerate(articles):
            if self.error and i >= len(articles) // 2:
                raise self.error
            scores.append(ArticleScore(article.number, self._score(article, question, scoring), 10))
            show_read(1)
        return ScoringResult(tuple(scores), tokenize_seconds=0.0)

    def read_ahead(
        self,
        articles: Sequence[Article],
        questions: Sequence[str],
        *,
        scoring: ScoringMode,
        show_read: Callable[[int], None],
    ) -> None:
        pass

    def open_prefix_cache(
        self,
        articles: Sequence[Article],
        *,
        scoring: ScoringMode,
        folder: Path,
        bits: Literal[16, 8],
        limit_bytes: int | None = None,
        show_share: Callable[[float], None],
    ) -> FakePrefixCache:
        show_share(1.0)
        self.prefix_caches.append(FakePrefixCache(tuple(articles), scoring, bits))
        return self.prefix_caches[-1]

    def article_prefixes(
        self, *, scoring: ScoringMode, folder: Path, bits: Literal[16, 8], limit_bytes: int | None
    ) -> FakeArticlePrefixes:
        return FakeArticlePrefixes(
            scoring, bits, self.computed_prefixes, self.prefix_caches, self.prefix_seconds
        )

    def prefix_bytes(self, tokens: int, bits: Literal[16, 8]) -> int:
        return tokens

    def count_prompt_tokens(self, prompt: str) -> int:
        return len(prompt.split())

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        self.prompts.append(prompt)
        for piece in re.findall(r"\s*\S+", self.reply)[:max_tokens]:
            yield piece, 1

    def _score(self, article: Article, question: str, scoring: ScoringMode) -> float:
        share = word_share(question, article)
        match scoring:
            case "generated":
                return float(share > 0.25)
            case "query_likelihood" | "probe":
                return 2 * share - 3
            case "yes_no":
                length_bias = len(article.text) / 100
                return length_bias + (4 * share - 1 if words_of(question) else 0)


class FakeEncoder:
    """Each word is one of 384 directions: texts with common words are similar."""

    name = "fake-encoder"

    def __init__(self) -> None:
        self.texts: list[str] = []  # all that were encoded

    def encode(
        self,
        texts: Sequence[str],
        *,
        delta_share: float = 1.0,
        show_share: Callable[[float], None] | None = None,
    ) -> NDArray[np.float32]:
        self.texts += texts
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in words_of(text):
                vector[zlib.crc32(word.encode()) % DIMENSIONS] += 1
        if show_share is not None:
            show_share(1.0)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return vectors

    def encode_tokens(
        self,
        texts: Sequence[str],
        project: Callable[[NDArray[np.float32]], NDArray[np.generic]],
        *,
        delta_share: float = 1.0,
        show_share: Callable[[float], None] | None = None,
    ) -> tuple[NDArray[np.float32], list[NDArray[np.generic]]]:
        """Each word of a text is a token."""
        vectors = self.encode(texts, delta_share=delta_share, show_share=show_share)
        tokens = []
        for text in texts:
            states = np.zeros(
                (len(text.split()) + 2, DIMENSIONS), dtype=np.float32
            )  # two mark beginning and end
            for row, word in zip(states[1:-1], text.split(), strict=True):
                row[zlib.crc32(word[:5].lower().encode()) % DIMENSIONS] = 1
            tokens.append(project(states))
        return vectors, tokens


@dataclass
class RecordingProgress:
    """Remembers everything that is shown."""

    done: list[tuple[str, float, int | None]] = field(default_factory=list)
    text: str = ""

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        self.done.append((what, done, total))

    def show_text(self, piece: str) -> None:
        self.text += piece

    @property
    def names(self) -> list[str]:
        """What was shown, each once, in order."""
        return list(dict.fromkeys(what for what, _, _ in self.done))


def words_of(text: str) -> set[str]:
    """The first five letters of each word of four letters or more."""
    return {word[:5] for word in re.findall(r"[a-z]{4,}", text.lower())}


def word_share(question: str, article: Article) -> float:
    """The share of the question's words that the article has."""
    asked = words_of(question)
    return len(asked & words_of(article.format())) / len(asked) if asked else 0.0


def fake_models(engine: FakeEngine | None = None, encoder: FakeEncoder | None = None) -> Models:
    """Models without torch; the relevance is the trained one."""
    return Models(
        engine=engine or FakeEngine(),
        encoder=cast("SentenceEncoder", encoder or FakeEncoder()),
        relevance=_trained_relevance(),
        reason="for tests",
        load_seconds=0.0,
    )


@cache
def _trained_relevance() -> TrainedRelevance:
    """Shared by all tests: it never changes, and takes 0.2 s to load and to learn the embedded edition's titles."""
    return TrainedRelevance()
