"""The one interface to a language model: count the tokens of articles, judge articles, generate text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from .articles import Article

# How a model's opinion of an article is read:
#   yes-no      logit of "Yes" minus logit of "No" after "Does this article help?"
#   likelihood  mean log-probability of the question's tokens after the article, in nats a token (the query
#               likelihood of Sachan et al., arXiv 2204.07496), for models too small to answer yes or no
#   word        the published way: generate a few tokens and read "yes" or "no"
Evidence = Literal["yes-no", "likelihood", "word"]

# How the prompts go to the model:
#   one-by-one     each article in a pass of its own
#   fixed-batches  a number of articles at a time, in the code's order, padded to the longest
#   token-batches  sorted by length, as many as stay within a budget of padded tokens
#   packed         one after the other in one row, without padding, each seeing itself alone
#   article-cache  the question alone, after the kept keys and values of every article
Reading = Literal["one-by-one", "fixed-batches", "token-batches", "packed", "article-cache"]

# How the articles reach the model, and whether it answers in words, as published, or by its logits.
READINGS: dict[str, tuple[Reading, bool]] = {
    "article-cache": ("article-cache", False),
    "shortlist": ("packed", False),
    "packed": ("packed", False),
    "one-by-one": ("one-by-one", False),
    "token-batches-logits": ("token-batches", False),
    "token-batches": ("token-batches", True),
    "fixed-batches": ("fixed-batches", True),
}


ShowDone = Callable[[str, float, int | None], None]  # as pipeline.Progress.show_done


@dataclass(frozen=True)
class ModelInfo:
    """What a report says of the model."""

    name: str
    revision: str  # SHA-256 of the published weights, or a hub's commit
    dtype: str
    device: str
    parameters: int | None  # None: a server does not say
    context_tokens: int  # longest prompt and answer together


@dataclass(frozen=True)
class Decision:
    """What the model said of one article."""

    article: str  # number
    score: float  # higher = more relevant, on the scale of the evidence; of a word as of read_word
    tokens: int  # processed for it and this question, padding not counted


@dataclass(frozen=True)
class Judgement:
    """One decision an article, in the order in which they were asked for."""

    decisions: tuple[Decision, ...]
    tokenize_seconds: float  # the part of the time that went into text -> tokens

    @property
    def scores(self) -> dict[str, float]:
        return {decision.article: decision.score for decision in self.decisions}


class Engine(Protocol):
    @property
    def info(self) -> ModelInfo: ...

    @property
    def tokenizer_name(self) -> str:
        """Under which token counts are stored: the same name means the same counts."""
        ...

    @property
    def evidence(self) -> Literal["yes-no", "likelihood"]:
        """Which evidence the model is good for in one forward pass."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without prompt or template."""
        ...

    def judge(
        self,
        articles: Sequence[Article],
        question: str,
        *,
        evidence: Evidence,
        reading: Reading,
        batch_tokens: int,
        batch_articles: int,
        show_read: Callable[[int], None],
    ) -> Judgement:
        """Read every one of `articles`; `show_read` hears how many more were read.

        With "article-cache" they are those, or some of those, that `keep_articles` was given for this evidence.
        Raises EngineError when an article and the question do not fit the model's context.
        """
        ...

    @property
    def can_keep(self) -> bool:
        """Whether this model's article cache can be kept, and is worth it on this machine."""
        ...

    def keep_articles(
        self,
        articles: Sequence[Article],
        *,
        evidence: Evidence,
        folder: Path,
        bits: Literal[16, 8],
        show_fraction: Callable[[float], None],
    ) -> int:
        """Open the article cache of `articles` in `folder`, or build it there first; its size in bytes.

        Raises EngineError when this engine keeps none, or the disk does not hold it.
        """
        ...

    def count_prompt_tokens(self, prompt: str) -> int:
        """Tokens of `prompt` as `generate` would send it, chat template included."""
        ...

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        """The model's reply, greedy, as pieces of text with the number of tokens generated for each."""
        ...


def count_read(show_done: ShowDone, what: str, total: int) -> Callable[[int], None]:
    """A `show_read` that adds up, for `judge`."""
    read = 0

    def show_read(more: int) -> None:
        nonlocal read
        read += more
        show_done(what, read, total)

    return show_read


def read_word(reply: str) -> float:
    """1 for yes, 0 for no, 0.5 for a reply that is neither: unreadable keeps the article."""
    word = reply.strip().lower()
    if word.startswith("yes"):
        return 1.0
    return 0.0 if word.startswith("no") else 0.5
