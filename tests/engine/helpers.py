"""What the engine's tests share: questions, articles, scoring with one set of defaults, and a memory that is full."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from labourqa.engine.base import Engine
from labourqa.engine.local import LocalEngine
from labourqa.engine.prefix_cache import OpenPrefixCache
from labourqa.law.structure import Article, Code
from labourqa.methods import ScoringMode

QUESTION = "How much is paid for night work?"
QUESTIONS = ("How long is annual leave?", QUESTION, "Who pays for the strike fund of a trade union?")


def short_articles(code: Code) -> tuple[Article, ...]:
    """Six of different lengths, in an order that is not that of their lengths; long ones only take longer."""
    by_length = sorted(code.articles, key=lambda article: len(article.text))
    return tuple(by_length[i] for i in (5, 60, 0, 30, 90, 15))


def score(
    engine: Engine, articles: Sequence[Article], question: str = QUESTION, **options: Any
) -> dict[str, float]:
    """Scores by article number."""
    defaults: dict[str, Any] = {
        "scoring": "query_likelihood", "batching": "token-batches", "batch_tokens": 10_000, "batch_articles": 4,
        "show_read": lambda more: None,
    }  # fmt: skip
    return dict(engine.score_articles(articles, question, **(defaults | options)).scores)


def score_cached(
    engine: Engine,
    cache: OpenPrefixCache,
    question: str = QUESTION,
    articles: Sequence[Article] | None = None,
    **options: Any,
) -> dict[str, float]:
    """Scores of the cache's articles, or of some of them."""
    return score(
        engine,
        articles or cache.key.articles,
        question,
        scoring=cache.key.scoring,
        batching="prefix-cache",
        prefix_cache=cache,
        **options,
    )


@contextmanager
def open_cache(
    engine: LocalEngine,
    articles: Sequence[Article],
    folder: Path,
    scoring: ScoringMode = "query_likelihood",
    bits: Literal[16, 8] = 16,
) -> Iterator[OpenPrefixCache]:
    cache = engine.open_prefix_cache(
        articles, scoring=scoring, folder=folder, bits=bits, show_share=lambda _: None
    )
    try:
        yield cache
    finally:
        cache.close()


def record_pass_sizes(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that receives the number of tokens of every pass without padding."""
    sizes: list[int] = []
    run = engine.runner.states

    def record(ids: list[int], *others: Any) -> torch.Tensor:
        sizes.append(len(ids))
        return run(ids, *others)

    monkeypatch.setattr(engine.runner, "states", record)
    return sizes


@contextmanager
def memory_for(tokens: int, engine: LocalEngine) -> Iterator[None]:
    """As if the memory were full in a pass over more `tokens`."""
    run, forward = engine.runner.states, engine.runner.model.base_model.forward

    def pass_in_small_memory(ids: list[int], *others: Any) -> torch.Tensor:
        if len(ids) > tokens:
            raise torch.OutOfMemoryError("no more")
        return run(ids, *others)

    def forward_in_small_memory(ids: torch.Tensor, **options: Any) -> Any:
        if ids.numel() > tokens:
            raise torch.OutOfMemoryError("no more")
        return forward(ids, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.runner, "states", pass_in_small_memory)
        patch.setattr(engine.runner.model.base_model, "forward", forward_in_small_memory)
        yield


def score_at_once(
    engine: LocalEngine, cache: OpenPrefixCache, questions: Sequence[str]
) -> dict[str, dict[str, float]]:
    """The scores of each question; all but the first wait while the first has the model, and are then scored."""
    scores: dict[str, dict[str, float]] = {}

    def ask(question: str) -> None:
        scores[question] = score_cached(engine, cache, question)

    threads = [threading.Thread(target=ask, args=[question]) for question in questions]
    with engine.runner.forward_pass():  # the first question waits for the device, the others for the first
        threads[0].start()
        time.sleep(0.2)
        for thread in threads[1:]:
            thread.start()
        wait_for(lambda: engine.batcher.waiting == len(questions) - 1)
    for thread in threads:
        thread.join(timeout=120)
    return scores


def wait_for(condition: Any, seconds: float = 60) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


DAMAGES = ("a byte", "the end", "the head", "everything")


def damage_file(path: Path, damage: str) -> None:
    """Change or remove what `damage`, one of DAMAGES, names."""
    content = bytearray(path.read_bytes())
    match damage:
        case "a byte":
            content[len(content) // 2] ^= 1
        case "the end":
            del content[-100:]
        case "the head":
            content[:100] = b"x" * 100
        case "everything":
            content.clear()
    path.write_bytes(content)
