"""The interface to a language model: count tokens, score articles for a question, generate text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from labourqa.law.structure import Article
from labourqa.methods import BatchingStrategy, LogitScoring, ScoringMode

SMALL_MODEL_PARAMETERS = 1_000_000_000
"""Below this size a model's yes or no follows the article's length, and its prose contradicts its sources."""


@dataclass(frozen=True)
class ModelInfo:
    """What a report says about the model."""

    name: str
    revision: str  # SHA-256 of the published weights, or a hub's commit; "" for a server
    dtype: str
    device: str  # "cpu", a GPU's name, or "server"
    parameters: int | None  # None: a server does not say
    server_url: str = ""  # "" for a model on this machine

    @property
    def is_small(self) -> bool:
        return self.parameters is not None and self.parameters < SMALL_MODEL_PARAMETERS


@dataclass(frozen=True)
class ArticleScore:
    """The model's score of one article."""

    article: str  # number
    score: float  # higher is more relevant; the scale is that of the scoring mode (for "generated" see parse_yes_no)
    tokens: int  # processed for this article and question, padding not counted


@dataclass(frozen=True)
class ScoringResult:
    """One score for each article or window of one, in the order in which they were given."""

    articles: tuple[ArticleScore, ...]
    tokenize_seconds: float  # part of the time that went into tokenization

    @property
    def scores(self) -> dict[str, float]:
        """By number; an article that was read in several windows has the score of its best one."""
        scores: dict[str, float] = {}
        for article in self.articles:
            scores[article.article] = max(article.score, scores.get(article.article, article.score))
        return scores

    @property
    def tokens(self) -> int:
        return sum(article.tokens for article in self.articles)


class PrefixCacheHandle(Protocol):
    """An open prefix cache. It stays usable until it is closed, whatever other questions open meanwhile."""

    @property
    def size_bytes(self) -> int: ...

    def close(self) -> None: ...


class OpenArticlePrefixes(PrefixCacheHandle, Protocol):
    """The cached prefixes of some articles, open for scoring."""

    @property
    def articles(self) -> Sequence[Article]: ...


class ArticlePrefixes(Protocol):
    """The cached prefixes of single articles, of which only those exist that questions needed."""

    def stored(self, articles: Sequence[Article]) -> list[Article]:
        """Those of the articles whose prefix is stored."""
        ...

    def compute(self, articles: Sequence[Article], *, until: float, at_least: int = 0) -> None:
        """Compute and store the prefixes that are missing, in order, until the time is over.

        `until` is a time of `time.monotonic`; the first `at_least` articles get theirs in any case.
        """
        ...

    def open(self, articles: Sequence[Article]) -> OpenArticlePrefixes:
        """Those of the prefixes that are stored; close them after use."""
        ...


class Engine(Protocol):
    """A language model, on this machine or on a server. Methods may be called from several threads."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def context_tokens(self) -> int:
        """Longest prompt and answer together."""
        ...

    @property
    def tokenizer_name(self) -> str:
        """The key under which token counts are stored: the same name means the same counts."""
        ...

    @property
    def scoring_mode(self) -> LogitScoring:
        """The scoring mode that the model is good for in one forward pass."""
        ...

    @property
    def supports_prefix_cache(self) -> bool:
        """Whether a prefix cache is possible with this model, and worth it on this machine."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without prompt or template."""
        ...

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
        """Read every one of `articles` and score it; `show_read` receives how many more were read.

        With the batching strategy "prefix-cache", `prefix_cache` is an open cache of this engine that holds all of
        `articles` for this scoring mode.
        Raises EngineError when an article and the question do not fit the model's context.
        """
        ...

    def read_ahead(
        self,
        articles: Sequence[Article],
        questions: Sequence[str],
        *,
        scoring: ScoringMode,
        show_read: Callable[[int], None],
    ) -> None:
        """Make the scores of these questions ready, where it is cheaper to ask all questions of an article at once.

        That is so on a server, whose prefix cache may hold few articles. `score_articles` then gives these scores.
        """
        ...

    def open_prefix_cache(
        self,
        articles: Sequence[Article],
        *,
        scoring: ScoringMode,
        folder: Path,
        bits: Literal[16, 8],
        limit_bytes: int | None = None,
        show_share: Callable[[float], None],
    ) -> PrefixCacheHandle:
        """Open the prefix cache of `articles` in `folder`; build it first if it is not there.

        To build it, other caches are removed until all together take at most `limit_bytes` (see `CacheSpace`).
        `show_share` receives the share that is built, 0 to 1; it is not called when nothing has to be built.
        Raises EngineError when this engine has no prefix cache, or the disk cannot hold it.
        """
        ...

    def article_prefixes(
        self, *, scoring: ScoringMode, folder: Path, bits: Literal[16, 8], limit_bytes: int | None
    ) -> ArticlePrefixes:
        """The cached prefixes of single articles in `folder`.

        Raises EngineError when this engine has no prefix cache.
        """
        ...

    def prefix_bytes(self, tokens: int, bits: Literal[16, 8]) -> int:
        """What the prefixes of articles with so many tokens take in a cache; 0 for an engine without one."""
        ...

    def count_prompt_tokens(self, prompt: str) -> int:
        """Tokens of `prompt` as `generate` would send it, chat template included."""
        ...

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        """The model's reply, decoded greedily: pieces of text with the number of tokens generated for each."""
        ...


def parse_yes_no(reply: str) -> float:
    """1 for yes, 0 for no, 0.5 for a reply that is neither: unreadable keeps the article."""
    word = reply.strip().lower()
    if word.startswith("yes"):
        return 1.0
    return 0.0 if word.startswith("no") else 0.5


def is_server_url(model: str) -> bool:
    """Whether the setting names a server, or several, rather than files."""
    return model.startswith(("http://", "https://"))
