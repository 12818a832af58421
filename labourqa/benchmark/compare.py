"""All methods of reading a labour code for one question, compared side by side in one run on this machine.

Every method decides yes or no, because the published one does, even with a model that answers questions by query
likelihood.
"""

import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from labourqa import __version__
from labourqa.benchmark.agreement import compare_margins
from labourqa.benchmark.machine import describe_machine
from labourqa.benchmark.results import (
    REFERENCE_METHOD,
    BenchmarkResult,
    CacheResult,
    MethodResult,
    RefusedMethod,
)
from labourqa.benchmark.runs import Measurement, Output, measure, run_method, time_run
from labourqa.benchmark.whole_code import make_prompt
from labourqa.config import prompts_sha256
from labourqa.engine.base import Engine, PrefixCacheHandle
from labourqa.errors import EngineError, EvaluationError
from labourqa.law.structure import Article
from labourqa.methods import BENCHMARK_METHODS, PUBLISHED_METHOD
from labourqa.progress import Progress, count_up, show_share

CACHE_METHOD = "article-cache"
WARM_UP_ARTICLES = 4
WARM_UP = f"each method on the first {WARM_UP_ARTICLES} articles; article-cache on all of them, its cache opened before"


def compare_methods(
    articles: Sequence[Article],
    question: str,
    engine: Engine,
    *,
    methods: Collection[str] = BENCHMARK_METHODS,
    repetitions: int = 3,
    batch_tokens: int,
    batch_articles: int,
    cache_folder: Path,
    cache_bits: Literal[16, 8],
    reference_margins: Mapping[str, float] | None = None,
    progress: Progress,
) -> BenchmarkResult:
    """Time each of `methods` on the same question, and compare its decisions with the reference's.

    The reference is reading one by one in float32: in this run if the engine computes in float32, otherwise the
    `reference_margins` of an engine that does (see `read_margins`). Without those, it is this engine's own.
    A method that cannot read this code on this machine is refused with the reason; the others are still measured.
    """
    if reference_margins is not None:
        reference_margins = _margins_of(articles, reference_margins)
    measured = _measure_methods(
        articles,
        question,
        engine,
        methods=methods,
        repetitions=repetitions,
        batch_tokens=batch_tokens,
        batch_articles=batch_articles,
        cache_folder=cache_folder,
        cache_bits=cache_bits,
        progress=progress,
    )
    reference, reference_dtype = _choose_reference(measured, reference_margins, engine)
    if reference is None:
        reference = read_margins(articles, question, engine, progress=progress)
    cache_method = measured.first_runs.get(CACHE_METHOD)
    return BenchmarkResult(
        machine=describe_machine(),
        model=engine.info,
        version=__version__,
        prompts_sha256=prompts_sha256(),
        question=question,
        question_tokens=engine.count_tokens([question])[0],
        suffix_tokens=cache_method.output.first_article_tokens if cache_method else None,
        articles=len(articles),
        code_tokens=sum(engine.count_tokens([article.format() for article in articles])),
        batch_tokens=batch_tokens,
        batch_articles=batch_articles,
        repetitions=repetitions,
        warm_up=WARM_UP,
        cache=measured.cache,
        reference_dtype=reference_dtype,
        methods=tuple(
            RefusedMethod(method, measured.refused[method])
            if method in measured.refused
            else _method_result(method, measured, reference)
            for method in BENCHMARK_METHODS
            if method in methods
        ),
    )


def read_margins(
    articles: Sequence[Article], question: str, engine: Engine, *, progress: Progress
) -> dict[str, float]:
    """The margin of every article, read one by one: the reference of `compare_methods`."""
    output = run_method(
        REFERENCE_METHOD, articles, question, engine,
        batch_tokens=1, batch_articles=1,
        show_read=count_up(progress, "articles read for reference", len(articles)),
    )  # fmt: skip
    assert output.margins is not None
    return output.margins


def repeat_articles(articles: Sequence[Article], count: int) -> list[Article]:
    """The first `count` articles, to show how the cost grows with their number.

    Where the code ends it starts again, with the numbers 1·2, 2·2 and so on.
    """
    repeated = []
    for i in range(count):
        earlier_rounds, index = divmod(i, len(articles))
        article = articles[index]
        if earlier_rounds:
            article = replace(article, number=f"{article.number}·{earlier_rounds + 1}")
        repeated.append(article)
    return repeated


@dataclass
class _MeasuredMethods:
    """Every method is in `first_runs` and `seconds`, or in `refused`."""

    first_runs: dict[str, Measurement] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)  # of every round
    refused: dict[str, str] = field(default_factory=dict)  # the reasons
    cache: CacheResult | None = None


def _measure_methods(
    articles: Sequence[Article],
    question: str,
    engine: Engine,
    *,
    methods: Collection[str],
    repetitions: int,
    batch_tokens: int,
    batch_articles: int,
    cache_folder: Path,
    cache_bits: Literal[16, 8],
    progress: Progress,
) -> _MeasuredMethods:
    # The reference first. The prefix cache last, so that its pages do not count as memory of the others.
    ordered = sorted(
        methods, key=lambda method: (method != REFERENCE_METHOD, BENCHMARK_METHODS.index(method))
    )
    measured = _MeasuredMethods()
    runs: dict[str, Callable[[Sequence[Article]], Output]] = {}
    with ExitStack() as open_caches:
        for method in ordered:
            warm_up = articles if method == CACHE_METHOD else articles[:WARM_UP_ARTICLES]
            total = len(warm_up) + len(articles) + (repetitions - 1) * (1 + len(articles))
            prefix_cache = None
            try:
                if method == "whole-code":
                    make_prompt(articles, question, engine)  # raises before the warm-up if it is too long
                if method == CACHE_METHOD:
                    prefix_cache, measured.cache = _open_cache(
                        articles, engine, cache_folder, cache_bits, progress
                    )
                    open_caches.callback(prefix_cache.close)
                run = partial(
                    run_method, method, question=question, engine=engine,
                    batch_tokens=batch_tokens, batch_articles=batch_articles, prefix_cache=prefix_cache,
                    show_read=count_up(progress, f"articles read by {method}", total),
                )  # fmt: skip
                run(warm_up)
                first_run = measure(partial(run, articles))
            except EngineError as error:
                measured.refused[method] = str(error)
                continue
            runs[method] = run
            measured.first_runs[method] = first_run
            measured.seconds[method] = [first_run.seconds]
        # In rounds: where the machine is slower for some minutes, it is slower for all methods.
        for _ in range(repetitions - 1):
            for method, read in runs.items():
                # The engine may have to load weights again that it freed for another method.
                read(articles[:1])
                measured.seconds[method].append(time_run(partial(read, articles))[0])
    return measured


def _margins_of(articles: Sequence[Article], margins: Mapping[str, float]) -> dict[str, float]:
    """The margins of `articles`, in their order. Raises EvaluationError when one is missing."""
    try:
        return {article.number: margins[article.number] for article in articles}
    except KeyError as error:
        raise EvaluationError(
            f"The reference margins lack Article {error.args[0]}; measure them again."
        ) from error


def _open_cache(
    articles: Sequence[Article],
    engine: Engine,
    folder: Path,
    bits: Literal[16, 8],
    progress: Progress,
) -> tuple[PrefixCacheHandle, CacheResult]:
    built = False
    show_built = show_share(progress, "reading the code once")

    def show(share: float) -> None:  # not called when the cache is only opened
        nonlocal built
        built = True
        show_built(share)

    started = time.perf_counter()
    handle = engine.open_prefix_cache(articles, scoring="yes_no", folder=folder, bits=bits, show_share=show)
    seconds = time.perf_counter() - started
    return handle, CacheResult(handle.size_bytes, bits, seconds if built else None)


def _choose_reference(
    measured: _MeasuredMethods, given: Mapping[str, float] | None, engine: Engine
) -> tuple[Mapping[str, float] | None, str]:
    """The reference margins and their dtype; None where this engine has not read one by one yet."""
    own = measured.first_runs.get(REFERENCE_METHOD)
    if given is not None and (own is None or engine.info.dtype != "float32"):
        return given, "float32"
    return (own.output.margins if own else None), engine.info.dtype


def _method_result(method: str, measured: _MeasuredMethods, reference: Mapping[str, float]) -> MethodResult:
    first_run, seconds = measured.first_runs[method], measured.seconds[method]
    output = first_run.output
    reference_selected = {number for number, margin in reference.items() if margin >= 0}
    published = measured.seconds.get(PUBLISHED_METHOD)
    return MethodResult(
        method=method,
        seconds=tuple(seconds),
        tokens=output.tokens,
        peak_memory=first_run.peak_memory,
        selected=len(output.selected),
        decisions_that_differ=len(reference_selected ^ output.selected),
        ratio_to_published=_median_ratio(published, seconds) if published else None,
        agreement=None if output.margins is None else compare_margins(reference, output.margins),
    )


def _median_ratio(others: Sequence[float], seconds: Sequence[float]) -> float:
    """How many times as long the others took: the median of the ratios in each round."""
    return statistics.median(theirs / ours for theirs, ours in zip(others, seconds, strict=True))
