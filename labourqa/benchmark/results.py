"""The results of a benchmark. Their JSON is a contract with outside tools; docs/performance.md describes its fields."""

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labourqa.benchmark.agreement import TOP_ARTICLES, Agreement
from labourqa.benchmark.machine import Machine
from labourqa.benchmark.memory import PeakMemory
from labourqa.engine.base import ModelInfo
from labourqa.errors import EvaluationError
from labourqa.files import write_atomically
from labourqa.methods import BatchingStrategy

REFERENCE_METHOD = "one-by-one"


@dataclass(frozen=True)
class CacheResult:
    """The prefix cache on disk."""

    size_bytes: int
    bits: int  # of each number
    build_seconds: float | None  # None: it existed already


@dataclass(frozen=True)
class MethodResult:
    """The measurements of one method."""

    method: str
    seconds: tuple[float, ...]  # of each round
    tokens: int  # processed in one round, padding not counted
    peak_memory: PeakMemory
    selected: int  # articles
    decisions_that_differ: int  # from the reference's
    ratio_to_published: float | None  # None: the published method was not measured
    agreement: Agreement | None  # None: the method replies in words and has no margins

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.seconds)

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.median_seconds

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "method": self.method,
            "seconds": round(self.median_seconds, 4),
            "seconds_all": [round(seconds, 4) for seconds in self.seconds],
            "tokens": self.tokens,
            "tokens_per_second": round(self.tokens_per_second, 1),
            **self.peak_memory.to_json(),
            "selected": self.selected,
            "decisions_that_differ": self.decisions_that_differ,
            "ratio_to_published": _round(self.ratio_to_published, 4),
        }
        if self.agreement is not None:
            document["margin_difference"] = asdict(self.agreement.margin_difference)
            document["rank_correlation"] = self.agreement.rank_correlation
            document[f"top_{TOP_ARTICLES}_flips"] = self.agreement.top_flips
        return document


@dataclass(frozen=True)
class RefusedMethod:
    """A method that cannot read this code on this machine."""

    method: str
    reason: str  # one sentence

    def to_json(self) -> dict[str, Any]:
        return {"method": self.method, "seconds": None, "refused": self.reason}


@dataclass(frozen=True)
class SweepStep:
    """The published way of reading with one batch size."""

    batching: BatchingStrategy
    size: int  # of a batch: articles for "fixed-batches", tokens for "token-batches"
    seconds: float
    tokens: int  # processed, padding not counted
    padding: float  # share of all tokens, 0 to 1
    peak_memory: PeakMemory

    def to_json(self) -> dict[str, Any]:
        return {
            "reading": self.batching,
            "size": self.size,
            "seconds": round(self.seconds, 4),
            "tokens_per_second": round(self.tokens / self.seconds, 1),
            "padding": round(self.padding, 4),
            **self.peak_memory.to_json(),
        }


@dataclass(frozen=True)
class BenchmarkResult:
    """All methods on the same question, and what the measurements depend on."""

    machine: Machine
    model: ModelInfo
    version: str
    prompts_sha256: str
    question: str
    question_tokens: int
    suffix_tokens: int | None  # after each cached article; None: no method with a prefix cache was measured
    articles: int
    code_tokens: int
    batch_tokens: int
    batch_articles: int
    repetitions: int
    warm_up: str
    cache: CacheResult | None
    reference_dtype: str
    methods: tuple[MethodResult | RefusedMethod, ...]
    sweep: tuple[SweepStep, ...] = ()

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "machine": asdict(self.machine),
            "model": {
                "name": self.model.name,
                "revision": self.model.revision,
                "dtype": self.model.dtype,
                "device": self.model.server_url or self.model.device,
                "parameters": self.model.parameters,
            },
            "version": self.version,
            "prompts_sha256": self.prompts_sha256,
            "question": self.question,
            "question_tokens": self.question_tokens,
            "suffix_tokens": self.suffix_tokens,
            "articles": self.articles,
            "code_tokens": self.code_tokens,
            "batch_tokens": self.batch_tokens,
            "batch_articles": self.batch_articles,
            "repetitions": self.repetitions,
            "warm_up": self.warm_up,
            "cache": self.cache
            and {
                "bytes": self.cache.size_bytes,
                "bits": self.cache.bits,
                "build_seconds": _round(self.cache.build_seconds, 4),
            },
            "reference": {"method": REFERENCE_METHOD, "dtype": self.reference_dtype},
            "methods": [method.to_json() for method in self.methods],
        }
        if self.sweep:
            document["sweep"] = [step.to_json() for step in self.sweep]
        return document


def check_writable(path: Path) -> None:
    """Create the file for the results, before minutes are spent on measuring. Raises EvaluationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error


def write_results(result: BenchmarkResult, path: Path) -> None:
    """Write the JSON document atomically. Raises EvaluationError."""
    try:
        write_atomically(path, json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
