import json
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from labourqa.articles import Article, Code
from labourqa.benchmark import (
    BENCH_METHODS,
    compare_methods,
    margin_difference,
    padding_share,
    rank_correlation,
    read_margins,
    read_numbers,
    repeat_articles,
    spread_articles,
    sweep_batches,
    table_rows,
    top_flips,
    write_results,
)
from labourqa.chart import draw_chart
from labourqa.engine import Engine
from labourqa.errors import EvaluationError

from .conftest import small_code

QUESTION = "How much is paid for night work?"
NUMBERS = ["1", "2", "5", "57", "72", "72^1", "200", "57·2"]


def silent(what: str, done: float, total: int | None) -> None:
    pass


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("57, 72^1", {"57", "72^1"}),
        ("Articles 57 and 72¹.", {"57", "72^1"}),
        ("Art.57(2), Art. 72 (1)", {"57", "72"}),
        ("paragraph 2 of Article 57", {"57"}),
        ("1. Article 57\n2. Article 72", {"57", "72"}),
        ("57·2", {"57·2"}),
        ("576, 1572, 57.1", {"57"}),
        ("Article 999", set()),
        ("none", set()),
        ("", set()),
    ],
)
def test_a_reply_names_whole_article_numbers(reply: str, read: set[str]) -> None:
    assert read_numbers(reply, NUMBERS) == read


def test_equal_margins_have_no_difference_and_the_same_order() -> None:
    margins = {"1": 0.5, "2": -1.0, "3": 2.0}
    assert margin_difference(margins, margins) == {"max": 0.0, "mean": 0.0}
    assert rank_correlation(margins, margins) == pytest.approx(1.0)
    assert top_flips(margins, margins, 2) == 0


def test_differences_are_of_the_same_article_whatever_the_order() -> None:
    difference = margin_difference({"1": 0.0, "2": 1.0}, {"2": 1.5, "1": -1.0})
    assert difference == {"max": 1.0, "mean": 0.75}


@pytest.mark.parametrize(
    ("values", "correlation"),
    [
        ([10.0, 20.0, 30.0, 40.0], 1.0),
        ([4.0, 3.0, 2.0, 1.0], -1.0),
        ([1.0, 2.0, 4.0, 3.0], 0.8),
        ([1.0, 1.0, 2.0, 2.0], 0.8944),  # ties share their mean rank
        ([7.0, 7.0, 7.0, 7.0], None),
    ],
)
def test_the_rank_correlation_is_spearmans(values: list[float], correlation: float | None) -> None:
    found = rank_correlation(
        dict(zip("abcd", [1.0, 2.0, 3.0, 4.0], strict=True)), dict(zip("abcd", values, strict=True))
    )
    assert found == pytest.approx(correlation, abs=1e-4)


def test_a_flip_is_an_article_that_leaves_the_first_ones() -> None:
    reference = {"1": 3.0, "2": 2.0, "3": 1.0, "4": 0.0}
    assert top_flips(reference, {"1": 2.0, "2": 3.0, "3": 1.0, "4": 0.0}, 2) == 0
    assert top_flips(reference, {"1": 3.0, "2": 0.0, "3": 2.0, "4": 1.0}, 2) == 1


def test_padding_is_what_a_batch_holds_beyond_its_prompts() -> None:
    assert padding_share([10, 5, 5], [[0], [1, 2]]) == 0
    assert padding_share([10, 5, 5], [[0, 1, 2]]) == pytest.approx(1 / 3)


def test_a_repeated_code_has_the_same_texts_under_numbers_of_their_own() -> None:
    articles = small_code().articles
    repeated = repeat_articles(articles, 7)
    assert [article.number for article in repeated] == ["1", "2", "2^1", "1·2", "2·2", "2^1·2", "1·3"]
    assert [article.text for article in repeated[3:6]] == [article.text for article in articles]
    assert repeat_articles(articles, 2) == list(articles[:2])


def test_articles_are_spread_evenly_over_the_code(code: Code) -> None:
    spread = spread_articles(code.articles, 64)
    places = [code.articles.index(article) for article in spread]
    assert (len(places), places[0]) == (64, 0)
    assert places[-1] >= len(code.articles) - 5
    assert {second - first for first, second in pairwise(places)} <= {4, 5}
    assert spread_articles(small_code().articles, 64) == list(small_code().articles)


def test_results_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    write_results({"question": "Ar leidžiama?"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"question": "Ar leidžiama?"}
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(EvaluationError, match="folder cannot be written"):
        write_results({}, tmp_path / "folder")


def short_articles(code: Code) -> list[Article]:
    """Six of different lengths, in an order that is not that of their lengths; long ones only take longer."""
    by_length = sorted(code.articles, key=lambda article: len(article.text))
    return [by_length[i] for i in (5, 60, 0, 30, 90, 15)]


@pytest.fixture(scope="module")
def engine(float32_engine: Engine) -> Engine:
    return float32_engine


@pytest.fixture(scope="module")
def results(engine: Engine, code: Code, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_kept", [])  # whatever other tests keep: this cache is to be built
        return compare_methods(
            short_articles(code), QUESTION, engine,
            repetitions=1, batch_tokens=10_000, batch_articles=4,
            cache_folder=tmp_path_factory.mktemp("cache"), cache_bits=16,
            show_done=silent,
        )  # fmt: skip


def by_method(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {method["method"]: method for method in results["methods"]}


@pytest.mark.model
def test_every_method_is_measured_on_the_same_articles(results: dict[str, Any], engine: Engine) -> None:
    assert list(by_method(results)) == list(BENCH_METHODS)
    assert json.loads(json.dumps(results)) == results
    assert (results["articles"], results["repetitions"], results["question"]) == (6, 1, QUESTION)
    assert results["model"]["name"] == engine.info.name
    assert results["reference"] == {"method": "one-by-one", "dtype": engine.info.dtype}
    assert results["machine"]["threads"] > 0
    assert results["machine"]["processor"]
    for method in results["methods"]:
        assert "refused" not in method
        assert method["seconds"] == method["seconds_all"][0] > 0
        assert method["tokens_per_second"] == pytest.approx(method["tokens"] / method["seconds"], rel=0.01)
        assert method["peak_memory_bytes"] > 100e6
        assert 0 <= method["selected"] <= 6
        assert 0 <= method["decisions_that_differ"] <= 6
        assert ("margin_difference" in method) == (method["method"] in (
            "one-by-one", "token-batches-logits", "packed", "article-cache"
        ))  # fmt: skip
    assert by_method(results)["token-batches"]["ratio_to_published"] == 1


@pytest.mark.model
def test_the_methods_that_read_logits_agree_with_reading_one_by_one(results: dict[str, Any]) -> None:
    methods = by_method(results)
    assert methods["one-by-one"]["margin_difference"] == {"max": 0.0, "mean": 0.0}
    assert methods["one-by-one"]["decisions_that_differ"] == 0
    for name in ("token-batches-logits", "packed", "article-cache"):
        assert methods[name]["margin_difference"]["max"] < 1e-2
        assert methods[name]["top_20_flips"] == 0


@pytest.mark.model
def test_the_article_cache_reads_the_question_alone(
    results: dict[str, Any], engine: Engine, code: Code
) -> None:
    methods = by_method(results)
    suffix = results["suffix_tokens"]
    assert results["question_tokens"] < suffix < results["question_tokens"] + 20
    assert methods["article-cache"]["tokens"] == 6 * suffix
    texts = engine.count_tokens([article.text for article in short_articles(code)])
    assert methods["packed"]["tokens"] > sum(texts) + 6 * suffix
    assert results["cache"]["bits"] == 16
    assert results["cache"]["bytes"] > 0
    assert results["cache"]["build_seconds"] > 0


@pytest.mark.model
def test_a_code_that_does_not_fit_the_context_is_refused_with_the_reason(
    engine: Engine, code: Code, tmp_path: Path
) -> None:
    long = max(code.articles, key=lambda article: len(article.text))
    articles = repeat_articles([long], 12)
    results = compare_methods(
        articles, QUESTION, engine,
        methods=["whole-code"], repetitions=1, batch_tokens=10_000, batch_articles=4,
        cache_folder=tmp_path, cache_bits=16,
        reference_margins={article.number: 0.0 for article in articles}, show_done=silent,
    )  # fmt: skip
    (method,) = results["methods"]
    assert method["seconds"] is None
    assert f"reads at most {engine.info.context_tokens:,}" in method["refused"]
    assert table_rows(results)[1][:2] == ["whole-code", "refused"]


@pytest.mark.model
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_margins_of_another_precision_can_be_the_reference(
    precision: str, code: Code, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(f"{precision}_engine")
    articles = short_articles(code)[2:4]
    margins = read_margins(articles, QUESTION, engine, show_done=silent)
    shifted = {number: margin + 1 for number, margin in margins.items()}
    results = compare_methods(
        articles, QUESTION, engine,
        methods=["one-by-one"], repetitions=2, batch_tokens=10_000, batch_articles=4,
        cache_folder=tmp_path, cache_bits=16,
        reference_margins=shifted | {"999": 5.0}, show_done=silent,
    )  # fmt: skip
    (method,) = results["methods"]
    own = precision == "float32"
    assert method["margin_difference"]["max"] == pytest.approx(0 if own else 1)
    assert results["reference"]["dtype"] == "float32"
    assert len(method["seconds_all"]) == 2


@pytest.mark.model
def test_an_interrupted_run_leaves_no_thread_behind(engine: Engine, code: Code, tmp_path: Path) -> None:
    threads = threading.active_count()

    def interrupt(what: str, done: float, total: int | None) -> None:
        if done > 4:  # after the warm-up
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_methods(
            short_articles(code), QUESTION, engine,
            methods=["one-by-one"], repetitions=1, batch_tokens=10_000, batch_articles=4,
            cache_folder=tmp_path, cache_bits=16, show_done=interrupt,
        )  # fmt: skip
    assert threading.active_count() == threads


@pytest.mark.model
def test_a_sweep_measures_every_batch_size_and_all_is_drawn(
    results: dict[str, Any], engine: Engine, code: Code, tmp_path: Path
) -> None:
    sweep = sweep_batches(
        short_articles(code), QUESTION, engine,
        article_sizes=(1, 4), token_sizes=(500, 1_000), show_done=silent,
    )  # fmt: skip
    assert [(step["reading"], step["size"]) for step in sweep] == [
        ("fixed-batches", 1), ("fixed-batches", 4), ("token-batches", 500), ("token-batches", 1_000)
    ]  # fmt: skip
    assert sweep[0]["padding"] == 0 < sweep[1]["padding"] < 1
    assert all(step["seconds"] > 0 and step["peak_memory_bytes"] > 0 for step in sweep)
    chart = tmp_path / "chart.png"
    draw_chart({**results, "sweep": sweep}, chart)
    assert chart.read_bytes().startswith(b"\x89PNG\r\n")
    assert list(tmp_path.iterdir()) == [chart]
    header, *rows = table_rows(results)
    assert [row[0] for row in rows] == list(BENCH_METHODS)
    assert {len(row) for row in rows} == {len(header)}
