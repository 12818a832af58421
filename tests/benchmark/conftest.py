"""Results that were measured earlier, and results on the real model."""

import json
from pathlib import Path
from typing import Any

import pytest

from labourqa.benchmark.agreement import Agreement, MarginDifference
from labourqa.benchmark.compare import compare_methods
from labourqa.benchmark.machine import Machine
from labourqa.benchmark.memory import PeakMemory
from labourqa.benchmark.results import (
    BenchmarkResult,
    CacheResult,
    MethodResult,
    RefusedMethod,
    SweepStep,
)
from labourqa.engine.base import Engine, ModelInfo
from labourqa.law.structure import Article, Code
from labourqa.progress import SilentProgress
from tests.conftest import ROOT

BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.json"))
QUESTION = "How much is paid for night work?"


def result_from_json(path: Path) -> BenchmarkResult:
    """A result of the benchmarks folder. The program itself never reads one."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    cache = document["cache"]
    methods = document["methods"]
    return BenchmarkResult(
        machine=Machine(**document["machine"]),
        model=ModelInfo(**document["model"]),
        version=document["version"],
        prompts_sha256=document["prompts_sha256"],
        question=document["question"],
        question_tokens=document["question_tokens"],
        suffix_tokens=document["suffix_tokens"],
        articles=document["articles"],
        code_tokens=document["code_tokens"],
        batch_tokens=document["batch_tokens"],
        batch_articles=document["batch_articles"],
        repetitions=document["repetitions"],
        warm_up=document["warm_up"],
        cache=CacheResult(cache["bytes"], cache["bits"], cache["build_seconds"]),
        reference_dtype=document["reference"]["dtype"],
        methods=tuple(_method_from_json(method) for method in methods),
        sweep=tuple(
            SweepStep(
                batching=step["reading"],
                size=step["size"],
                seconds=step["seconds"],
                tokens=methods[0]["tokens"],  # of the published method on the same articles
                padding=step["padding"],
                peak_memory=PeakMemory(step["peak_memory_bytes"], None),
            )
            for step in document.get("sweep", ())
        ),
    )


def _method_from_json(method: dict[str, Any]) -> MethodResult | RefusedMethod:
    if method["seconds"] is None:
        return RefusedMethod(method["method"], method["refused"])
    agreement = None
    if "margin_difference" in method:
        difference = MarginDifference(**method["margin_difference"])
        agreement = Agreement(difference, method["rank_correlation"], method["top_20_flips"])
    return MethodResult(
        method=method["method"],
        seconds=tuple(method["seconds_all"]),
        tokens=method["tokens"],
        peak_memory=PeakMemory(method["peak_memory_bytes"], None),
        selected=method["selected"],
        decisions_that_differ=method["decisions_that_differ"],
        ratio_to_published=method["ratio_to_published"],
        agreement=agreement,
    )


@pytest.fixture(scope="session")
def engine(float32_engine: Engine) -> Engine:
    return float32_engine


@pytest.fixture(scope="session")
def short_articles(code: Code) -> list[Article]:
    """Six short articles of different lengths, in an order that is not that of their lengths."""
    by_length = sorted(code.articles, key=lambda article: len(article.text))
    return [by_length[i] for i in (5, 60, 0, 30, 90, 15)]


@pytest.fixture(scope="session")
def result(
    engine: Engine, short_articles: list[Article], tmp_path_factory: pytest.TempPathFactory
) -> BenchmarkResult:
    """All methods on the real model."""
    return compare_methods(
        short_articles, QUESTION, engine,
        repetitions=1, batch_tokens=10_000, batch_articles=4,
        cache_folder=tmp_path_factory.mktemp("cache"), cache_bits=16,
        progress=SilentProgress(),
    )  # fmt: skip
