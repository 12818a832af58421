"""`labourqa bench`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from labourqa.answering.question import check_question
from labourqa.benchmark.chart import draw_chart
from labourqa.benchmark.compare import compare_methods, read_margins, repeat_articles
from labourqa.benchmark.results import BenchmarkResult, RefusedMethod, check_writable, write_results
from labourqa.benchmark.sweep import sweep_batches
from labourqa.benchmark.table import table_rows
from labourqa.cli.options import BATCH_TOKENS, CODE, MODEL_OPTIONS, json_option, with_settings
from labourqa.cli.output import print_json, print_message, print_model, print_result, print_table
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.engine.startup import load_models
from labourqa.errors import SettingsError
from labourqa.law.structure import Article
from labourqa.methods import BENCHMARK_METHODS
from labourqa.pipeline import open_assistant
from labourqa.progress import Progress

# 19 tokens with the embedded model's tokenizer; 25 with the template after it.
QUESTION = "May I be dismissed during sick leave, and how long before must notice be given in writing?"


@click.command("bench")
@with_settings(
    CODE,
    *MODEL_OPTIONS,
    BATCH_TOKENS,
    click.option("--batch-articles", metavar="N", help="Articles of a fixed batch (default: 8)."),
)
@click.option("--question", default=QUESTION, help=f"The question that is asked (default: {QUESTION})")
@click.option(
    "--methods",
    default=",".join(BENCHMARK_METHODS),
    metavar="NAMES",
    help=f"Methods to compare, separated by commas (default: all: {', '.join(BENCHMARK_METHODS)}).",
)
@click.option(
    "--articles",
    type=click.IntRange(min=1),
    metavar="N",
    help="Read the first N articles; where the code ends, it starts again (default: the whole code once).",
)
@click.option(
    "--repetitions",
    type=click.IntRange(min=1),
    metavar="N",
    default=3,
    help="Timed runs of each method (default: 3).",
)
@click.option("--sweep", is_flag=True, help="Also measure other batch sizes.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="JSON file for the results; the chart is written beside it (default: in the data folder).",
)
@json_option
def command(
    settings: Settings,
    *,
    question: str,
    methods: str,
    articles: int | None,
    repetitions: int,
    sweep: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compare the methods of reading the whole code on this machine.

    Prints a table, and writes the results as JSON and as a chart.
    """
    question = check_question(question)
    names = [name.strip() for name in methods.split(",")]
    if unknown := [name for name in names if name not in BENCHMARK_METHODS]:
        raise SettingsError(f"methods are {', '.join(BENCHMARK_METHODS)}, not {unknown[0]!r}.")
    out = out or settings.home / "benchmarks" / f"{datetime.now():%Y-%m-%d-%H%M%S}.json"
    if out.suffix != ".json":
        raise SettingsError(f"--out names a .json file, not {out.name!r}; the chart is written beside it.")
    check_writable(out)  # before measuring takes many minutes
    with TerminalProgress(announce=False) as progress, open_assistant(settings, progress) as assistant:
        code = assistant.store.editions.articles(assistant.current_edition())
        read = repeat_articles(code, articles or len(code))
        models = assistant.models
        reference_margins = None
        if not models.engine.info.server_url and models.engine.info.dtype != "float32":
            reference_margins = _read_margins_in_float32(read, question, settings, progress)
        print_model(models)
        # First the sweep: the pages of an open prefix cache would count as memory of its batches.
        swept = sweep_batches(read, question, models.engine, progress=progress) if sweep else ()
        result = compare_methods(
            read,
            question,
            models.engine,
            methods=names,
            repetitions=repetitions,
            batch_tokens=settings.batch_tokens,
            batch_articles=settings.batch_articles,
            cache_folder=settings.prefix_caches,
            cache_bits=settings.cache_bits,
            reference_margins=reference_margins,
            progress=progress,
        )
    result = replace(result, sweep=swept)
    chart = out.with_suffix(".png")
    write_results(result, out)
    draw_chart(result, chart)
    if as_json:
        print_json(result.to_json())
    else:
        _print_result(result)
    print_message(f"{out} and {chart.name} written")


def _read_margins_in_float32(
    articles: Sequence[Article], question: str, settings: Settings, progress: Progress
) -> dict[str, float]:
    """The reference margins. The engine that computes them is freed before anything is measured."""
    engine = load_models(replace(settings, precision="float32"), progress).engine
    return read_margins(articles, question, engine, progress=progress)


def _print_result(result: BenchmarkResult) -> None:
    print_table(table_rows(result))
    for method in result.methods:
        if isinstance(method, RefusedMethod):
            print_result(f"{method.method}: {method.reason}")
