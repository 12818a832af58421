"""One run of a method over the code: what it gives, how long it takes, and how much memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labourqa.benchmark.memory import MemoryWatch, PeakMemory
from labourqa.benchmark.whole_code import REPLY_TOKENS, make_prompt, parse_numbers
from labourqa.engine.base import Engine, PrefixCacheHandle
from labourqa.law.structure import Article
from labourqa.methods import METHODS


@dataclass(frozen=True)
class Output:
    """What a method found out about the articles."""

    selected: frozenset[str]  # numbers
    margins: dict[str, float] | None  # by number; None: the method replies in words
    tokens: int  # processed, padding not counted
    first_article_tokens: int  # the part of them for the first article


@dataclass(frozen=True)
class Measurement:
    """One timed run."""

    output: Output
    seconds: float
    peak_memory: PeakMemory


def run_method(
    method: str,
    articles: Sequence[Article],
    question: str,
    engine: Engine,
    *,
    batch_tokens: int,
    batch_articles: int,
    prefix_cache: PrefixCacheHandle | None = None,
    show_read: Callable[[int], None],
) -> Output:
    """Read `articles` by one of BENCHMARK_METHODS. Every method decides yes or no.

    `show_read` receives how many more articles were read. Raises EngineError.
    """
    batching, generated = METHODS[method].batching, METHODS[method].scoring == "generated"
    if batching == "whole-code":
        return _run_whole_code(articles, question, engine, show_read)
    result = engine.score_articles(
        articles,
        question,
        scoring="generated" if generated else "yes_no",
        batching=batching,
        batch_tokens=batch_tokens,
        batch_articles=batch_articles,
        prefix_cache=prefix_cache,
        show_read=show_read,
    )
    scores = result.scores
    return Output(
        # A reply that is neither yes nor no has a score of 0.5 and selects the article.
        selected=frozenset(n for n, score in scores.items() if (score > 0 if generated else score >= 0)),
        margins=None if generated else scores,
        tokens=result.tokens,
        first_article_tokens=result.articles[0].tokens,
    )


def measure(run: Callable[[], Output]) -> Measurement:
    """Run once, with the time and the peak memory that it takes."""
    with MemoryWatch() as memory:
        seconds, output = time_run(run)
    return Measurement(output, seconds, memory.peak)


def time_run(run: Callable[[], Output]) -> tuple[float, Output]:
    """Run once: the seconds until the device has finished, and the output."""
    _wait_for_device()
    started = time.perf_counter()
    output = run()
    _wait_for_device()
    return time.perf_counter() - started, output


def _run_whole_code(
    articles: Sequence[Article], question: str, engine: Engine, show_read: Callable[[int], None]
) -> Output:
    prompt = make_prompt(articles, question, engine)
    reply = ""
    generated = 0
    for piece, tokens in engine.generate(prompt.text, max_tokens=REPLY_TOKENS):
        reply += piece
        generated += tokens
    show_read(len(articles))
    return Output(
        selected=frozenset(parse_numbers(reply, [article.number for article in articles])),
        margins=None,
        tokens=prompt.tokens + max(generated - 1, 0),  # the last generated token is not fed back
        first_article_tokens=prompt.tokens,
    )


def _wait_for_device() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
