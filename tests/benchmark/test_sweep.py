from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from labourqa.benchmark.chart import draw_chart
from labourqa.benchmark.results import BenchmarkResult
from labourqa.benchmark.sweep import padding_share, spread_articles, sweep_batches
from labourqa.engine.base import Engine
from labourqa.law.structure import Article, Code
from tests.benchmark.conftest import QUESTION
from tests.conftest import small_code
from tests.fakes import RecordingProgress


def test_padding_is_what_a_batch_holds_beyond_its_prompts() -> None:
    assert padding_share([10, 5, 5], [[0], [1, 2]]) == 0
    assert padding_share([10, 5, 5], [[0, 1, 2]]) == pytest.approx(1 / 3)


def test_articles_are_spread_evenly_over_the_code(code: Code) -> None:
    spread = spread_articles(code.articles, 64)
    indices = [code.articles.index(article) for article in spread]
    assert (len(indices), indices[0]) == (64, 0)
    assert indices[-1] >= len(code.articles) - 5
    assert {second - first for first, second in pairwise(indices)} <= {4, 5}
    assert spread_articles(small_code().articles, 64) == list(small_code().articles)


@pytest.mark.model
def test_a_sweep_measures_every_batch_size_and_is_drawn(
    result: BenchmarkResult, engine: Engine, short_articles: list[Article], tmp_path: Path
) -> None:
    progress = RecordingProgress()
    sweep = sweep_batches(
        short_articles, QUESTION, engine,
        subset=3, article_sizes=(1, 4), token_sizes=(500, 1_000), progress=progress,
    )  # fmt: skip
    assert [(step.batching, step.size) for step in sweep] == [
        ("fixed-batches", 1), ("fixed-batches", 4), ("token-batches", 500), ("token-batches", 1_000)
    ]  # fmt: skip
    assert sweep[0].padding == 0 < sweep[1].padding < 1
    assert all(step.seconds > 0 and step.peak_memory.process_bytes > 0 for step in sweep)
    assert progress.done == [("batch sizes tried", done, 4) for done in range(5)]
    document = replace(result, sweep=sweep).to_json()
    assert [(step["reading"], step["size"]) for step in document["sweep"]] == [
        (step.batching, step.size) for step in sweep
    ]
    chart = tmp_path / "chart.png"
    draw_chart(replace(result, sweep=sweep), chart)
    assert chart.read_bytes().startswith(b"\x89PNG\r\n")
    assert list(tmp_path.iterdir()) == [chart]
