"""The comparison on the real model, and its order, refusals and reference on an engine that counts words."""

import json
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from labourqa.benchmark.agreement import MarginDifference
from labourqa.benchmark.compare import compare_methods, read_margins, repeat_articles
from labourqa.benchmark.results import BenchmarkResult, MethodResult, RefusedMethod
from labourqa.benchmark.table import table_rows
from labourqa.engine.base import Engine, ScoringResult
from labourqa.errors import EngineError, EvaluationError
from labourqa.law.structure import Article, Code
from labourqa.methods import BENCHMARK_METHODS, BatchingStrategy
from labourqa.progress import Progress, SilentProgress
from tests.benchmark.conftest import QUESTION
from tests.conftest import small_code
from tests.fakes import FakeEngine, FakePrefixCache, RecordingProgress


def measured_methods(result: BenchmarkResult) -> dict[str, MethodResult]:
    return {method.method: method for method in result.methods if isinstance(method, MethodResult)}


def test_a_repeated_code_has_the_same_texts_under_other_numbers() -> None:
    articles = small_code().articles
    repeated = repeat_articles(articles, 7)
    assert [article.number for article in repeated] == ["1", "2", "2^1", "1·2", "2·2", "2^1·2", "1·3"]
    assert [article.text for article in repeated[3:6]] == [article.text for article in articles]
    assert repeat_articles(articles, 2) == list(articles[:2])


@pytest.mark.model
def test_every_method_is_measured_on_the_same_articles(result: BenchmarkResult, engine: Engine) -> None:
    document = result.to_json()
    assert [method["method"] for method in document["methods"]] == list(BENCHMARK_METHODS)
    assert json.loads(json.dumps(document)) == document
    assert (document["articles"], document["repetitions"], document["question"]) == (6, 1, QUESTION)
    assert document["model"]["name"] == engine.info.name
    assert document["reference"] == {"method": "one-by-one", "dtype": engine.info.dtype}
    assert document["machine"]["threads"] > 0
    assert document["machine"]["processor"]
    for method in document["methods"]:
        assert "refused" not in method
        assert method["seconds"] == method["seconds_all"][0] > 0
        assert method["tokens_per_second"] == pytest.approx(method["tokens"] / method["seconds"], rel=0.01)
        assert method["peak_memory_bytes"] > 100e6
        assert 0 <= method["selected"] <= 6
        assert 0 <= method["decisions_that_differ"] <= 6
        assert ("margin_difference" in method) == (method["method"] in (
            "one-by-one", "token-batches-logits", "packed", "article-cache"
        ))  # fmt: skip
    assert measured_methods(result)["token-batches"].ratio_to_published == 1
    header, *rows = table_rows(result)
    assert [row[0] for row in rows] == list(BENCHMARK_METHODS)
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.model
def test_the_methods_that_read_logits_agree_with_reading_one_by_one(result: BenchmarkResult) -> None:
    methods = measured_methods(result)
    reference = methods["one-by-one"].agreement
    assert reference is not None
    assert reference.margin_difference == MarginDifference(max=0.0, mean=0.0)
    assert methods["one-by-one"].decisions_that_differ == 0
    for name in ("token-batches-logits", "packed", "article-cache"):
        agreement = methods[name].agreement
        assert agreement is not None
        assert agreement.margin_difference.max < 1e-2
        assert agreement.top_flips == 0


@pytest.mark.model
def test_with_the_prefix_cache_only_the_question_is_read(
    result: BenchmarkResult, engine: Engine, short_articles: list[Article]
) -> None:
    methods = measured_methods(result)
    suffix = result.suffix_tokens
    assert suffix is not None
    assert result.question_tokens < suffix < result.question_tokens + 20
    assert methods["article-cache"].tokens == 6 * suffix
    texts = engine.count_tokens([article.text for article in short_articles])
    assert methods["packed"].tokens > sum(texts) + 6 * suffix
    assert result.cache is not None
    assert result.cache.bits == 16
    assert result.cache.size_bytes > 0
    assert result.cache.build_seconds is not None
    assert result.cache.build_seconds > 0


@pytest.mark.model
def test_a_code_that_does_not_fit_the_context_is_refused_with_the_reason(
    engine: Engine, code: Code, tmp_path: Path
) -> None:
    longest = max(code.articles, key=lambda article: len(article.text))
    articles = repeat_articles([longest], 12)
    result = compare_methods(
        articles, QUESTION, engine,
        methods=["whole-code"], repetitions=1, batch_tokens=10_000, batch_articles=4,
        cache_folder=tmp_path, cache_bits=16,
        reference_margins={article.number: 0.0 for article in articles}, progress=SilentProgress(),
    )  # fmt: skip
    (method,) = result.methods
    assert isinstance(method, RefusedMethod)
    assert f"reads at most {engine.context_tokens:,}" in method.reason
    document = method.to_json()
    assert document["seconds"] is None
    assert document["refused"] == method.reason
    assert table_rows(result)[1][:2] == ["whole-code", "refused"]


@pytest.mark.model
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_margins_of_another_precision_can_be_the_reference(
    precision: str, short_articles: list[Article], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(f"{precision}_engine")
    articles = short_articles[2:4]
    margins = read_margins(articles, QUESTION, engine, progress=SilentProgress())
    shifted = {number: margin + 1 for number, margin in margins.items()}
    result = compare_methods(
        articles, QUESTION, engine,
        methods=["one-by-one"], repetitions=2, batch_tokens=10_000, batch_articles=4,
        cache_folder=tmp_path, cache_bits=16,
        reference_margins=shifted | {"999": 5.0}, progress=SilentProgress(),
    )  # fmt: skip
    method = measured_methods(result)["one-by-one"]
    assert method.agreement is not None
    assert method.agreement.margin_difference.max == pytest.approx(0 if precision == "float32" else 1)
    assert result.reference_dtype == "float32"
    assert len(method.seconds) == 2


@pytest.mark.model
def test_an_interrupted_run_leaves_no_thread_behind(
    engine: Engine, short_articles: list[Article], tmp_path: Path
) -> None:
    class Interrupt(SilentProgress):
        def show_done(self, what: str, done: float, total: int | None = None) -> None:
            if done > 4:  # after the warm-up
                raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        compare_methods(
            short_articles, QUESTION, engine,
            methods=["one-by-one"], repetitions=1, batch_tokens=10_000, batch_articles=4,
            cache_folder=tmp_path, cache_bits=16, progress=Interrupt(),
        )  # fmt: skip
    assert threading.active_count() == threads


def compare_small_code(
    engine: FakeEngine,
    *methods: str,
    repetitions: int = 1,
    reference_margins: dict[str, float] | None = None,
    progress: Progress | None = None,
) -> BenchmarkResult:
    return compare_methods(
        small_code().articles, QUESTION, engine,
        methods=methods, repetitions=repetitions, batch_tokens=10_000, batch_articles=4,
        cache_folder=Path("nowhere"), cache_bits=16,
        reference_margins=reference_margins, progress=progress or SilentProgress(),
    )  # fmt: skip


@pytest.mark.model  # the machine's description imports torch
def test_repetitions_go_in_rounds_the_reference_first_and_the_prefix_cache_last() -> None:
    engine = FakeEngine()
    result = compare_small_code(engine, "article-cache", "packed", "one-by-one", repetitions=3)
    calls = [(call.batching, len(call.articles)) for call in engine.score_calls]
    # Each method is warmed up, on all of the three articles here, and measured.
    assert calls[:6] == [
        ("one-by-one", 3), ("one-by-one", 3), ("packed", 3), ("packed", 3), ("prefix-cache", 3), ("prefix-cache", 3)
    ]  # fmt: skip
    # The other rounds, where each method reads one article before it is timed.
    further_round = [
        ("one-by-one", 1), ("one-by-one", 3), ("packed", 1), ("packed", 3), ("prefix-cache", 1), ("prefix-cache", 3)
    ]  # fmt: skip
    assert calls[6:] == [*further_round, *further_round]
    assert {len(method.seconds) for method in measured_methods(result).values()} == {3}
    assert [method.method for method in result.methods] == ["one-by-one", "packed", "article-cache"]


@pytest.mark.model  # as above
def test_progress_counts_the_articles_of_all_rounds() -> None:
    progress = RecordingProgress()
    compare_small_code(FakeEngine(), "packed", "article-cache", repetitions=2, progress=progress)
    assert progress.names == [
        "articles read by packed", "reading the code once", "articles read by article-cache",
        "articles read for reference",
    ]  # fmt: skip
    final = {what: (done, total) for what, done, total in progress.done}
    assert final["articles read by packed"] == (
        10,
        10,
    )  # the warm-up, two rounds of three articles, one in between
    assert final["articles read by article-cache"] == (10, 10)
    assert final["articles read for reference"] == (3, 3)


class FailingEngine(FakeEngine):
    """Raises an error when it reads with the prefix cache."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.prefix_cache_error = error

    def score_articles(
        self, articles: Sequence[Article], question: str, *, batching: BatchingStrategy, **options: Any
    ) -> ScoringResult:
        if batching == "prefix-cache":
            raise self.prefix_cache_error
        return super().score_articles(articles, question, batching=batching, **options)


@pytest.mark.model  # as above
def test_a_method_that_cannot_read_the_code_does_not_stop_the_others() -> None:
    result = compare_small_code(FailingEngine(EngineError("Too little memory.")), "packed", "article-cache")
    packed, article_cache = result.methods
    assert isinstance(packed, MethodResult)
    assert article_cache == RefusedMethod("article-cache", "Too little memory.")
    assert result.suffix_tokens is None


@pytest.mark.model  # as above
def test_the_prefix_cache_is_closed_even_after_an_error() -> None:
    engine = FakeEngine()
    compare_small_code(engine, "article-cache", repetitions=2)
    assert [cache.is_open for cache in engine.prefix_caches] == [False]
    for error in (EngineError("Too little memory."), KeyboardInterrupt()):
        engine = FailingEngine(error)
        with suppress(KeyboardInterrupt):
            compare_small_code(engine, "article-cache")
        assert [cache.is_open for cache in engine.prefix_caches] == [False]


@pytest.mark.model  # as above
def test_a_prefix_cache_that_exists_already_has_no_build_time() -> None:
    class WithExistingCache(FakeEngine):
        def open_prefix_cache(
            self, articles: Sequence[Article], *, show_share: Callable[[float], None], **options: Any
        ) -> FakePrefixCache:
            return super().open_prefix_cache(articles, show_share=lambda _: None, **options)

    for engine, built in ((FakeEngine(), True), (WithExistingCache(), False)):
        cache = compare_small_code(engine, "article-cache").cache
        assert cache is not None
        assert (cache.size_bytes, cache.bits, cache.build_seconds is not None) == (1_000, 16, built)


@pytest.mark.model  # as above
def test_decisions_are_compared_with_the_given_reference() -> None:
    margins = read_margins(small_code().articles, QUESTION, FakeEngine(), progress=SilentProgress())
    reference = margins | {"2": -margins["2"]}  # the other decision about Article 2
    result = compare_small_code(FakeEngine(), "token-batches", "packed", reference_margins=reference)
    methods = measured_methods(result)
    packed, published = methods["packed"], methods["token-batches"]
    assert packed.decisions_that_differ == 1
    assert packed.agreement is not None
    assert packed.agreement.margin_difference.max == pytest.approx(2 * abs(margins["2"]))
    assert published.agreement is None  # it replies in words
    assert packed.ratio_to_published == pytest.approx(published.seconds[0] / packed.seconds[0])


def test_reference_margins_of_other_articles_are_an_error() -> None:
    with pytest.raises(EvaluationError, match=re.escape("lack Article 2^1; measure them again")):
        compare_small_code(FakeEngine(), "packed", reference_margins={"1": 0.0, "2": 0.0})
