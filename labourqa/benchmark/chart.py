"""A chart of a benchmark's results."""

import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labourqa.benchmark.results import BenchmarkResult, MethodResult, RefusedMethod, SweepStep
from labourqa.errors import EvaluationError
from labourqa.files import write_atomically
from labourqa.methods import PUBLISHED_METHOD, BatchingStrategy

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

BAR, PUBLISHED_BAR, BEST_BAR, GREY = "#9fb8cf", "#c8763a", "#1f5f99", "#6b6b6b"
LABEL_SPACE = 0.4  # of the longest bar, for the label after it
SWEEP_HEIGHT = 3.6  # inches


def draw_chart(result: BenchmarkResult, path: Path) -> None:
    """Draw seconds by method, and by batch size where the results have a sweep, to a PNG. Raises EvaluationError."""
    from matplotlib.figure import Figure

    bars_height = 0.5 * len(result.methods) + 1.3
    height = bars_height + (SWEEP_HEIGHT if result.sweep else 0)
    figure = Figure(figsize=(10, height), dpi=150, layout="constrained")
    if result.sweep:
        grid = figure.add_gridspec(2, 1, height_ratios=[bars_height, SWEEP_HEIGHT], hspace=0.06)
        _draw_methods(figure.add_subfigure(grid[0]), result)
        _draw_sweep(figure.add_subfigure(grid[1]), result.sweep)
    else:
        _draw_methods(figure, result)
    png = BytesIO()
    figure.savefig(png, format="png")
    try:
        write_atomically(path, png.getvalue())
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error


def _draw_methods(figure: "FigureBase", result: BenchmarkResult) -> None:
    from matplotlib.ticker import NullLocator, StrMethodFormatter

    seconds = [method.median_seconds for method in result.methods if isinstance(method, MethodResult)]
    shortest, longest = min(seconds, default=1.0), max(seconds, default=1.0)
    left = shortest / 3
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(left, longest * (longest / left) ** LABEL_SPACE)
    axes.set_ylim(len(result.methods) - 0.5, -0.5)  # the first at the top
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    for row, method in enumerate(result.methods):
        if isinstance(method, RefusedMethod):
            axes.text(
                left * 1.05, row, textwrap.shorten(method.reason, 110),
                va="center", fontsize=8.5, color=GREY, style="italic", bbox={"color": "white", "pad": 2},
            )  # fmt: skip
            continue
        median = method.median_seconds
        best = BEST_BAR if median == shortest else BAR
        color = PUBLISHED_BAR if method.method == PUBLISHED_METHOD else best
        axes.barh(row, median - left, left=left, height=0.62, color=color)
        axes.text(median * 1.06, row, _label(method), va="center", fontsize=9.5)
    axes.set_yticks(range(len(result.methods)), [method.method for method in result.methods])
    axes.set_xlabel("seconds for the question, median (log scale)", color=GREY)
    _style(axes, grid="x")
    axes.set_title(
        f"{result.articles} articles, {result.code_tokens:,} tokens, read for one question of "
        f"{result.question_tokens} tokens",
        loc="left", fontsize=12, fontweight="bold", pad=24,
    )  # fmt: skip
    machine = result.machine
    device = machine.gpu or f"{machine.processor}, {machine.threads} threads"
    axes.text(
        0, 1.02, f"{result.model.name} in {result.model.dtype} on {device}",
        transform=axes.transAxes, va="bottom", fontsize=9.5, color=GREY,
    )  # fmt: skip


def _label(method: MethodResult) -> str:
    seconds = f"{method.median_seconds:.3g} s"
    if method.method == PUBLISHED_METHOD:
        return f"{seconds}   the published method"
    if method.ratio_to_published is None:
        return seconds
    return f"{seconds}   {method.ratio_to_published:.3g}× as fast"


def _draw_sweep(figure: "FigureBase", sweep: Sequence[SweepStep]) -> None:
    figure.suptitle(
        "The published methods by batch size, and in grey their share of padding",
        x=0.01, ha="left", fontsize=12, fontweight="bold",
    )  # fmt: skip
    articles, tokens = figure.subplots(1, 2, sharey=True)
    _draw_steps(articles, sweep, "fixed-batches", label="articles in a batch", color=BAR)
    _draw_steps(tokens, sweep, "token-batches", label="tokens in a batch", color=PUBLISHED_BAR)
    articles.set_ylim(0, 1.3 * max(step.seconds for step in sweep))
    articles.set_ylabel("seconds", color=GREY)


def _draw_steps(
    axes: "Axes", sweep: Sequence[SweepStep], batching: BatchingStrategy, *, label: str, color: str
) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    steps = [step for step in sweep if step.batching == batching]
    sizes = [step.size for step in steps]
    axes.plot(sizes, [step.seconds for step in steps], "o-", color=color, linewidth=2)
    for step in steps:
        for text, offset, text_color in (
            (f"{step.seconds:.3g} s", 8, "black"),
            (f"{step.padding:.0%}", -16, GREY),
        ):
            axes.annotate(
                text, (step.size, step.seconds), xytext=(0, offset), textcoords="offset points",
                ha="center", fontsize=8.5, color=text_color,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    axes.set_xlabel(label, color=GREY)
    axes.set_title(batching, loc="left", fontsize=10)
    axes.margins(x=0.12)
    _style(axes, grid="y")


def _style(axes: "Axes", *, grid: Literal["x", "y"]) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#cccccc")
    axes.grid(axis=grid, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=GREY, labelsize=9)
    axes.tick_params(axis="y", length=0, labelcolor="black", labelsize=10)
