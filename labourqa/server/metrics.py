"""What Prometheus reads at /metrics: requests, questions, seconds by stage, tokens, queue, prefix cache and memory."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from labourqa.answering.report import Report
from labourqa.server.question_queue import QuestionQueue

STAGES = ("tokenize", "filter", "answer", "total")
SECONDS_BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self, queue: QuestionQueue[Any], prefix_caches: Path) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # resident memory, processor time, open files
        self._requests = Counter(
            "labourqa_requests", "HTTP requests.", ["method", "route", "status"], registry=self._registry
        )
        self._answers = Counter(
            "labourqa_answers", "Questions that were answered.", ["kind"], registry=self._registry
        )
        self._seconds = Histogram(
            "labourqa_stage_seconds",
            "Seconds of each stage of a question.",
            ["stage"],
            buckets=SECONDS_BUCKETS,
            registry=self._registry,
        )
        self._tokens = Counter(
            "labourqa_tokens", "Tokens that the model processed.", ["stage"], registry=self._registry
        )
        self._add_gauge("labourqa_questions_waiting", "Questions that wait.", lambda: queue.waiting)
        self._add_gauge(
            "labourqa_questions_running", "Questions that are being answered.", lambda: queue.running
        )
        self._add_gauge(
            "labourqa_prefix_cache_bytes",
            "Size of the prefix cache's files.",
            lambda: sum(file.stat().st_size for file in _files(prefix_caches)),
        )

    def count_request(self, method: str, route: str, status: int) -> None:
        """`route` is the path's pattern, so that articles and files are not counted one by one."""
        self._requests.labels(method, route, str(status)).inc()

    def count_answer(self, report: Report, waited: float) -> None:
        """`waited`: seconds in the queue."""
        self._answers.labels(report.answer.kind).inc()
        self._seconds.labels("wait").observe(waited)
        seconds = asdict(report.seconds)
        for stage in STAGES:
            self._seconds.labels(stage).observe(seconds[stage])
        for stage, tokens in asdict(report.tokens).items():
            self._tokens.labels(stage).inc(tokens)

    def show(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)

    def _add_gauge(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        Gauge(name, documentation, registry=self._registry).set_function(value)


def _files(folder: Path) -> Iterable[Path]:
    return folder.glob("*.safetensors")
