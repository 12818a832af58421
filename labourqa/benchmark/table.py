"""The results of a benchmark as a table of text."""

from labourqa.benchmark.agreement import TOP_ARTICLES
from labourqa.benchmark.results import BenchmarkResult, MethodResult, RefusedMethod

HEADER = [
    "method", "seconds", "tokens", "tokens/s", "peak memory", "yes", "differ", "max diff", "rank corr.",
    f"top {TOP_ARTICLES} flips", "× published",
]  # fmt: skip


def table_rows(result: BenchmarkResult) -> list[list[str]]:
    """The header and one row for each method. The reason why a method was refused is not in the table."""
    return [HEADER, *(_row(method) for method in result.methods)]


def _row(method: MethodResult | RefusedMethod) -> list[str]:
    if isinstance(method, RefusedMethod):
        return [method.method, "refused", *[""] * (len(HEADER) - 2)]
    agreement, ratio = method.agreement, method.ratio_to_published
    correlation = agreement.rank_correlation if agreement else None
    return [
        method.method,
        f"{method.median_seconds:.2f}",
        f"{method.tokens:,}",
        f"{method.tokens_per_second:,.0f}",
        f"{method.peak_memory.process_bytes / 1e9:.2f} GB",
        str(method.selected),
        str(method.decisions_that_differ),
        f"{agreement.margin_difference.max:.2g}" if agreement else "",
        "" if correlation is None else f"{correlation:.4f}",
        str(agreement.top_flips) if agreement else "",
        "" if ratio is None else f"{ratio:.3g}",
    ]
