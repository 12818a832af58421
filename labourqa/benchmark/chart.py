"""A chart of a benchmark's results."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labourqa.benchmark.compare import PUBLISHED
from labourqa.errors import EvaluationError

BAR, PUBLISHED_BAR, BEST_BAR, GREY = "#9fb8cf", "#c8763a", "#1f5f99", "#6b6b6b"
LABEL_ROOM = 0.4  # of the longest bar, for what is written behind it


def draw_chart(results: Mapping[str, Any], path: Path) -> None:
    """Seconds by method, and by batch size where the results have a sweep. Raises EvaluationError."""
    from matplotlib.figure import Figure

    methods, sweep = results["methods"], results.get("sweep")
    bars_height = 0.5 * len(methods) + 1.3
    figure = Figure(figsize=(10, bars_height + (3.6 if sweep else 0)), dpi=150, layout="constrained")
    if sweep:
        panels: Any = figure.subfigures(2, 1, height_ratios=[bars_height, 3.6], hspace=0.06)
        _draw_methods(panels[0], results)
        _draw_sweep(panels[1], sweep)
    else:
        _draw_methods(figure, results)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(part, format="png")
        part.replace(path)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error


def _draw_methods(figure: Any, results: Mapping[str, Any]) -> None:
    from matplotlib.ticker import NullLocator, StrMethodFormatter

    methods = results["methods"]
    measured = [method["seconds"] for method in methods if method["seconds"] is not None]
    axes = figure.subplots()
    axes.set_xscale("log")
    left, longest = min(measured, default=1.0) / 3, max(measured, default=1.0)
    axes.set_xlim(left, longest * (longest / left) ** LABEL_ROOM)
    axes.set_ylim(len(methods) - 0.5, -0.5)  # the first at the top
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    for place, method in enumerate(methods):
        seconds = method["seconds"]
        if seconds is None:
            reason = textwrap.shorten(method["refused"], 110)
            axes.text(
                left * 1.05, place, reason, va="center", fontsize=8.5, color=GREY, style="italic",
                bbox={"color": "white", "pad": 2},
            )  # fmt: skip
            continue
        best = seconds == min(measured)
        color = PUBLISHED_BAR if method["method"] == PUBLISHED else BEST_BAR if best else BAR
        axes.barh(place, seconds - left, left=left, height=0.62, color=color)
        axes.text(seconds * 1.06, place, _label(method), va="center", fontsize=9.5)
    axes.set_yticks(range(len(methods)), [method["method"] for method in methods])
    axes.set_xlabel("seconds for the question, median (log scale)", color=GREY)
    _tidy(axes, "x")
    model, machine = results["model"], results["machine"]
    axes.set_title(
        f"{results['articles']} articles, {results['code_tokens']:,} tokens, read for one question of "
        f"{results['question_tokens']} tokens",
        loc="left", fontsize=12, fontweight="bold", pad=24,
    )  # fmt: skip
    where = machine["gpu"] or f"{machine['processor']}, {machine['threads']} threads"
    axes.text(
        0, 1.02, f"{model['name']} in {model['dtype']} on {where}",
        transform=axes.transAxes, va="bottom", fontsize=9.5, color=GREY,
    )  # fmt: skip


def _label(method: Mapping[str, Any]) -> str:
    seconds = f"{method['seconds']:.3g} s"
    if method["method"] == PUBLISHED:
        return f"{seconds}   the published method"
    ratio = method["ratio_to_published"]
    return seconds if ratio is None else f"{seconds}   {ratio:.3g}× as fast"


def _draw_sweep(figure: Any, sweep: Sequence[Mapping[str, Any]]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure.suptitle(
        "The published methods by batch size, and in grey their share of padding",
        x=0.01, ha="left", fontsize=12, fontweight="bold",
    )  # fmt: skip
    panels = figure.subplots(1, 2, sharey=True)
    kinds = (
        ("fixed-batches", "articles in a batch", BAR),
        ("token-batches", "tokens in a batch", PUBLISHED_BAR),
    )
    for axes, (reading, label, color) in zip(panels, kinds, strict=True):
        steps = [step for step in sweep if step["reading"] == reading]
        sizes = [step["size"] for step in steps]
        axes.plot(sizes, [step["seconds"] for step in steps], "o-", color=color, linewidth=2)
        for step in steps:
            place = step["size"], step["seconds"]
            style = {"textcoords": "offset points", "ha": "center", "fontsize": 8.5}
            axes.annotate(f"{step['seconds']:.3g} s", place, xytext=(0, 8), **style)
            axes.annotate(f"{step['padding']:.0%}", place, xytext=(0, -16), color=GREY, **style)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
        axes.set_xlabel(label, color=GREY)
        axes.set_title(reading, loc="left", fontsize=10)
        axes.margins(x=0.12)
        _tidy(axes, "y")
    panels[0].set_ylim(0, 1.3 * max(step["seconds"] for step in sweep))
    panels[0].set_ylabel("seconds", color=GREY)


def _tidy(axes: Any, grid: str) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#cccccc")
    axes.grid(axis=grid, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=GREY, labelsize=9)
    axes.tick_params(axis="y", length=0, labelcolor="black", labelsize=10)
