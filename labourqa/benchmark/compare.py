"""The ways of reading a whole labour code for one question, compared side by side in one run on this machine.

The result is one JSON document; docs/performance.md says what each of its fields means. Every method asks for
yes or no, since the published one does, even of a model too small to be asked that in `ask`.
"""

import ctypes
import gc
import importlib.metadata
import json
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil  # type: ignore[import-untyped]  # it carries no annotations
from numpy.typing import NDArray

from labourqa import __version__
from labourqa.answering.report import prompts_sha256
from labourqa.config import read_prompt
from labourqa.engine.base import READINGS, Engine, ShowDone, count_read
from labourqa.errors import EngineError, EvaluationError
from labourqa.law.references import spell_number
from labourqa.law.structure import Article
from labourqa.models.batches import cut_batches, make_batches

# In this order; what each one of READINGS is stands there. "whole-code" is one prompt with all articles.
BENCH_METHODS = (
    "whole-code", "one-by-one", "fixed-batches", "token-batches", "token-batches-logits", "packed", "article-cache",
)  # fmt: skip
PUBLISHED = "token-batches"
REFERENCE = "one-by-one"

WARM_UP_ARTICLES = 4
WARM_UP = f"each method on the first {WARM_UP_ARTICLES} articles; article-cache on all of them, its cache opened before"
WHOLE_CODE_REPLY_TOKENS = 200  # some forty numbers
TOP = 20
MEMORY_SECONDS = 0.01  # between two looks at the memory
SWEEP_ARTICLES = (1, 2, 4, 8, 16, 32)
SWEEP_TOKENS = (1_000, 2_500, 5_000, 10_000, 20_000)


@dataclass(frozen=True)
class _Result:
    """What one reading of the code gave."""

    selected: frozenset[str]
    margins: dict[str, float] | None  # None: the method answers in words
    tokens: int
    suffix_tokens: int  # read for the first article


@dataclass(frozen=True)
class _Run:
    """The timed readings of one method."""

    seconds: list[float]
    result: _Result
    memory: "_Memory"


@dataclass
class _Memory:
    peak_bytes: int
    peak_device_bytes: int | None = None  # None: no GPU


def compare_methods(
    articles: Sequence[Article],
    question: str,
    engine: Engine,
    *,
    methods: Collection[str] = BENCH_METHODS,
    repetitions: int = 3,
    batch_tokens: int,
    batch_articles: int,
    cache_folder: Path,
    cache_bits: Literal[16, 8],
    reference_margins: Mapping[str, float] | None = None,
    show_done: ShowDone,
) -> dict[str, Any]:
    """Time every one of `methods` on the same question, and compare its decisions with the reference's.

    The reference is reading one by one in float32: this run's own, or if the engine computes in another precision
    the `reference_margins` of one that does (as of `read_margins`); without these, this engine's all the same.
    A method that cannot read this code on this machine is `refused` with the reason, and the others go on.
    """
    if reference_margins is not None:
        reference_margins = _choose_margins(reference_margins, articles)
    runs: dict[str, _Run] = {}
    readers: dict[str, Callable[[], _Result]] = {}
    refused: dict[str, str] = {}
    cache: dict[str, Any] | None = None
    # The reference first; the article cache last, so that its pages in memory do not count for the others.
    for method in sorted(methods, key=lambda one: (one != REFERENCE, BENCH_METHODS.index(one))):
        warm_up = articles if method == "article-cache" else articles[:WARM_UP_ARTICLES]
        show_read = count_read(
            show_done, f"articles read by {method}", len(warm_up) + repetitions * len(articles)
        )
        read = partial(
            _read, method, question, engine,
            batch_tokens=batch_tokens, batch_articles=batch_articles, show_read=show_read,
        )  # fmt: skip
        try:
            if method == "whole-code":
                _whole_code_prompt(articles, question, engine)  # too long for the model? before time is spent
            if method == "article-cache":
                cache = _open_cache(articles, engine, cache_folder, cache_bits, show_done)
            show_read(0)
            read(warm_up)
            readers[method] = partial(read, articles)
            runs[method] = _run(readers[method])
        except EngineError as error:
            refused[method] = str(error)
    # In rounds: a machine that is slower for ten minutes is slower for all methods.
    for _ in range(repetitions - 1):
        for method, run in runs.items():
            run.seconds.append(_time(readers[method])[0])

    own = runs[REFERENCE].result.margins if REFERENCE in runs else None
    if reference_margins is not None and (own is None or engine.info.dtype != "float32"):
        reference, dtype = reference_margins, "float32"
    else:
        reference = own or read_margins(articles, question, engine, show_done=show_done)
        dtype = engine.info.dtype
    published = runs[PUBLISHED].seconds if PUBLISHED in runs else None
    return {
        "machine": describe_machine(),
        "model": {
            "name": engine.info.name,
            "revision": engine.info.revision,
            "dtype": engine.info.dtype,
            "device": engine.info.device,
            "parameters": engine.info.parameters,
        },
        "version": __version__,
        "prompts_sha256": prompts_sha256(),
        "question": question,
        "question_tokens": engine.count_tokens([question])[0],
        "suffix_tokens": runs["article-cache"].result.suffix_tokens if "article-cache" in runs else None,
        "articles": len(articles),
        "code_tokens": sum(engine.count_tokens([article.format() for article in articles])),
        "batch_tokens": batch_tokens,
        "batch_articles": batch_articles,
        "repetitions": repetitions,
        "warm_up": WARM_UP,
        "cache": cache,
        "reference": {"method": REFERENCE, "dtype": dtype},
        "methods": [
            _describe(method, runs.get(method), refused.get(method), reference, published)
            for method in BENCH_METHODS
            if method in methods
        ],
    }


def read_margins(
    articles: Sequence[Article], question: str, engine: Engine, *, show_done: ShowDone
) -> dict[str, float]:
    """The margin of yes over no for every article, read one by one: the reference of `compare_methods`."""
    result = _read(
        REFERENCE, question, engine, articles,
        batch_tokens=1, batch_articles=1,
        show_read=count_read(show_done, "articles read for reference", len(articles)),
    )  # fmt: skip
    assert result.margins is not None
    return result.margins


def sweep_batches(
    articles: Sequence[Article],
    question: str,
    engine: Engine,
    *,
    subset: int = 64,
    article_sizes: Sequence[int] = SWEEP_ARTICLES,
    token_sizes: Sequence[int] = SWEEP_TOKENS,
    show_done: ShowDone,
) -> list[dict[str, Any]]:
    """Seconds by batch size, read once, the model generating its word as published, over `subset` of the code."""
    articles = spread_articles(articles, subset)

    judgement = engine.judge(
        articles, question,
        evidence="yes-no", reading="token-batches", batch_tokens=token_sizes[0], batch_articles=1,
        show_read=lambda _: None,
    )  # fmt: skip
    lengths = [decision.tokens for decision in judgement.decisions]
    steps = [("fixed-batches", n, cut_batches(len(lengths), n)) for n in article_sizes]
    steps += [("token-batches", n, make_batches(lengths, n)) for n in token_sizes]
    swept = []
    for i, (method, size, batches) in enumerate(steps):
        show_done("batch sizes tried", i, len(steps))
        read = partial(
            _read, method, question, engine,
            batch_tokens=size, batch_articles=size, show_read=lambda _: None,
        )  # fmt: skip
        read(articles[:WARM_UP_ARTICLES])
        run = _run(partial(read, articles))
        seconds = run.seconds[0]
        swept.append(
            {
                "reading": method,
                "size": size,
                "seconds": round(seconds, 4),
                "tokens_per_second": round(run.result.tokens / seconds, 1),
                "padding": round(padding_share(lengths, batches), 4),
                **_describe_memory(run.memory),
            }
        )
    show_done("batch sizes tried", len(steps), len(steps))
    return swept


def repeat_articles(articles: Sequence[Article], count: int) -> list[Article]:
    """The first `count`; where the code ends it starts again, as Article 1·2 and so on, to show how cost grows."""
    rounds = [divmod(i, len(articles)) for i in range(count)]
    return [
        replace(articles[i], number=f"{articles[i].number}·{turn + 1}") if turn else articles[i]
        for turn, i in rounds
    ]


def spread_articles(articles: Sequence[Article], count: int) -> list[Article]:
    """At most `count` of them, evenly spread over the code, in its order."""
    count = min(count, len(articles))
    return [articles[i * len(articles) // count] for i in range(count)]


_NO_ARTICLE = re.compile(
    r"\([^()]*\)"  # 57(2): a paragraph
    r"|^\s*\d+[.)]\s+(?=Art)"  # 1. Article 57: an entry of a list
    r"|\b(?:paragraph|point)s?\s+\d+",
    re.MULTILINE | re.IGNORECASE,
)
_WHOLE_NUMBER = re.compile(r"(?<![\w^·])(?<!\d\.)\d+(?:\^\d+|[⁰¹²³⁴-⁹]+|[A-Z]{1,2})?(?:·\d+)?(?![\w^·])")


def read_numbers(reply: str, numbers: Collection[str]) -> set[str]:
    """Those of the code's article `numbers` that a reply names: "Art. 57(2), 72¹" is 57 and 72^1, and not 2."""
    found = {spell_number(match) for match in _WHOLE_NUMBER.findall(_NO_ARTICLE.sub(" ", reply))}
    return found & set(numbers)


def margin_difference(reference: Mapping[str, float], margins: Mapping[str, float]) -> dict[str, float]:
    """Largest and mean distance from the reference's margin of the same article."""
    distances = [abs(margins[number] - margin) for number, margin in reference.items()]
    return {"max": max(distances), "mean": statistics.fmean(distances)}


def rank_correlation(reference: Mapping[str, float], margins: Mapping[str, float]) -> float | None:
    """Spearman's: Pearson's of the ranks, ties sharing their mean rank; None where all ranks are the same."""
    ranks = [_ranks([one[number] for number in reference]) for one in (reference, margins)]
    if any(np.ptp(one) == 0 for one in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def top_flips(reference: Mapping[str, float], margins: Mapping[str, float], top: int = TOP) -> int:
    """Articles of the reference's first `top` that are not among the first `top` by `margins`."""
    firsts = [set(sorted(reference, key=lambda number: -one[number])[:top]) for one in (reference, margins)]
    return len(firsts[0] - firsts[1])


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """The part of the tokens that only fills the batches, each as wide as its longest prompt."""
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    return 1 - sum(lengths) / padded


def table_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """The results as a table of text, its header first; why a method was refused stands in the results."""
    header = [
        "method", "seconds", "tokens", "tokens/s", "peak memory", "yes", "differ", "max diff", "rank corr.",
        f"top {TOP} flips", "× published",
    ]  # fmt: skip
    return [header, *(_table_row(method) for method in results["methods"])]


def write_results(results: Mapping[str, Any], path: Path) -> None:
    """Write the JSON document whole or not at all. Raises EvaluationError."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error


def describe_machine() -> dict[str, Any]:
    """What the seconds depend on besides the model."""
    import torch

    return {
        "processor": _name_processor(),
        "cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "memory_bytes": psutil.virtual_memory().total,
        "os": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": importlib.metadata.version("transformers"),
        "threads": torch.get_num_threads(),
    }


def _choose_margins(margins: Mapping[str, float], articles: Sequence[Article]) -> dict[str, float]:
    """Those of the articles that are read, in their order."""
    try:
        return {article.number: margins[article.number] for article in articles}
    except KeyError as error:
        raise EvaluationError(
            f"The reference margins lack Article {error.args[0]}; measure them again."
        ) from error


def _read(
    method: str,
    question: str,
    engine: Engine,
    articles: Sequence[Article],
    *,
    batch_tokens: int,
    batch_articles: int,
    show_read: Callable[[int], None],
) -> _Result:
    if method == "whole-code":
        return _read_whole_code(articles, question, engine, show_read)
    reading, in_words = READINGS[method]
    judgement = engine.judge(
        articles,
        question,
        evidence="word" if in_words else "yes-no",
        reading=reading,
        batch_tokens=batch_tokens,
        batch_articles=batch_articles,
        show_read=show_read,
    )
    scores = judgement.scores
    return _Result(
        # A word that is neither yes nor no keeps the article.
        selected=frozenset(n for n, score in scores.items() if (score > 0 if in_words else score >= 0)),
        margins=None if in_words else scores,
        tokens=sum(decision.tokens for decision in judgement.decisions),
        suffix_tokens=judgement.decisions[0].tokens,
    )


def _read_whole_code(
    articles: Sequence[Article], question: str, engine: Engine, show_read: Callable[[int], None]
) -> _Result:
    prompt, tokens = _whole_code_prompt(articles, question, engine)
    reply = ""
    generated = 0
    for piece, more in engine.generate(prompt, max_tokens=WHOLE_CODE_REPLY_TOKENS):
        reply += piece
        generated += more
    show_read(len(articles))
    selected = read_numbers(reply, [article.number for article in articles])
    # The last token generated is not fed back.
    return _Result(frozenset(selected), None, tokens + max(generated - 1, 0), tokens)


def _whole_code_prompt(articles: Sequence[Article], question: str, engine: Engine) -> tuple[str, int]:
    """The prompt and its tokens. Raises EngineError when it and the reply do not fit the context."""
    law = "\n\n".join(article.format() for article in articles)
    prompt = read_prompt("whole_code", ("articles", "question")).format(articles=law, question=question)
    tokens = engine.count_prompt_tokens(prompt)
    if tokens + WHOLE_CODE_REPLY_TOKENS > engine.info.context_tokens:
        raise EngineError(
            f"The code and the question take {tokens:,} tokens and the reply up to {WHOLE_CODE_REPLY_TOKENS}, "
            f"but {engine.info.name} reads at most {engine.info.context_tokens:,}."
        )
    return prompt, tokens


def _open_cache(
    articles: Sequence[Article],
    engine: Engine,
    folder: Path,
    bits: Literal[16, 8],
    show_done: ShowDone,
) -> dict[str, Any]:
    building = False

    def show_fraction(fraction: float) -> None:
        nonlocal building
        building = True  # nothing is shown when it is only opened
        show_done("reading the code once", fraction, None)

    started = time.perf_counter()
    size = engine.keep_articles(
        articles, evidence="yes-no", folder=folder, bits=bits, show_fraction=show_fraction
    )
    seconds = round(time.perf_counter() - started, 4)
    return {
        "bytes": size,
        "bits": bits,
        "build_seconds": seconds if building else None,
    }


def _run(read: Callable[[], _Result]) -> _Run:
    """The first timed reading, with the memory that it takes."""
    with _watch_memory() as memory:
        seconds, result = _time(read)
    return _Run([seconds], result, memory)


def _time(read: Callable[[], _Result]) -> tuple[float, _Result]:
    _wait_for_device()
    started = time.perf_counter()
    result = read()
    _wait_for_device()
    return time.perf_counter() - started, result


@contextmanager
def _watch_memory() -> Iterator[_Memory]:
    """Look at this process's resident memory, and the GPU's, until the end of the block."""
    import torch

    _free_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    process = psutil.Process()
    memory = _Memory(process.memory_info().rss)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(MEMORY_SECONDS):
            memory.peak_bytes = max(memory.peak_bytes, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()
        memory.peak_bytes = max(memory.peak_bytes, process.memory_info().rss)
        if torch.cuda.is_available():
            memory.peak_device_bytes = torch.cuda.max_memory_allocated()


def _free_memory() -> None:
    """Give back what earlier methods held, or it would count for the next."""
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _wait_for_device() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _describe(
    method: str,
    run: _Run | None,
    refused: str | None,
    reference: Mapping[str, float],
    published: Sequence[float] | None,
) -> dict[str, Any]:
    if run is None:
        return {"method": method, "seconds": None, "refused": refused}
    result, seconds = run.result, statistics.median(run.seconds)
    wanted = {number for number, margin in reference.items() if margin >= 0}
    described: dict[str, Any] = {
        "method": method,
        "seconds": round(seconds, 4),
        "seconds_all": [round(one, 4) for one in run.seconds],
        "tokens": result.tokens,
        "tokens_per_second": round(result.tokens / seconds, 1),
        **_describe_memory(run.memory),
        "selected": len(result.selected),
        "decisions_that_differ": len(wanted ^ result.selected),
        "ratio_to_published": round(_ratio(published, run.seconds), 4) if published else None,
    }
    if result.margins is not None:
        described["margin_difference"] = margin_difference(reference, result.margins)
        described["rank_correlation"] = rank_correlation(reference, result.margins)
        described[f"top_{TOP}_flips"] = top_flips(reference, result.margins)
    return described


def _ratio(others: Sequence[float], seconds: Sequence[float]) -> float:
    """How many times as long the others took: the median of the rounds, each within itself."""
    return statistics.median(other / own for other, own in zip(others, seconds, strict=True))


def _describe_memory(memory: _Memory) -> dict[str, int]:
    if memory.peak_device_bytes is None:
        return {"peak_memory_bytes": memory.peak_bytes}
    return {
        "peak_memory_bytes": memory.peak_bytes,
        "peak_device_memory_bytes": memory.peak_device_bytes,
    }


def _table_row(method: Mapping[str, Any]) -> list[str]:
    if method["seconds"] is None:
        return [method["method"], "refused", *[""] * 9]
    in_words = "margin_difference" not in method
    correlation, ratio = method.get("rank_correlation"), method["ratio_to_published"]
    return [
        method["method"],
        f"{method['seconds']:.2f}",
        f"{method['tokens']:,}",
        f"{method['tokens_per_second']:,.0f}",
        f"{method['peak_memory_bytes'] / 1e9:.2f} GB",
        str(method["selected"]),
        str(method["decisions_that_differ"]),
        "" if in_words else f"{method['margin_difference']['max']:.2g}",
        "" if correlation is None else f"{correlation:.4f}",
        "" if in_words else str(method[f"top_{TOP}_flips"]),
        "" if ratio is None else f"{ratio:.3g}",
    ]


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """1 for the smallest; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    means: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return means[place]


def _name_processor() -> str:
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
