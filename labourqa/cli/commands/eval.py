"""`labourqa eval`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from labourqa.answering.report import Report
from labourqa.cli.options import ANSWER_OPTIONS, json_option, with_settings
from labourqa.cli.output import print_json, print_model, print_result
from labourqa.cli.progress import TerminalProgress
from labourqa.config import REFERENCE_CASES, Settings
from labourqa.evaluation.cases import Case, published_figures, read_cases
from labourqa.evaluation.summary import Means, Summary, summarize
from labourqa.methods import PUBLISHED_METHOD
from labourqa.pipeline import open_assistant


@click.command("eval")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@with_settings(*ANSWER_OPTIONS)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write one report per line to this file; an interrupted run resumes from it.",
)
@json_option
def command(settings: Settings, *, file: Path | None, out: Path | None, as_json: bool) -> None:
    """Measure the answers to a file of questions.

    FILE has one JSON object per line (data/README.md); without it, the four reference cases are asked and compared
    with the published figures.
    """
    cases = read_cases(file or REFERENCE_CASES)
    with TerminalProgress(announce=False) as progress, open_assistant(settings, progress) as assistant:
        edition = assistant.current_edition()
        print_model(assistant.models)
        reports = assistant.evaluate(cases, edition=edition, out=out)
    summary = summarize(cases, reports)
    if as_json:
        print_json(
            {
                "summary": summary.to_json(),
                "published": asdict(published_figures()),
                "reports": [
                    {"id": case.id, **report.to_json()} for case, report in zip(cases, reports, strict=True)
                ],
            }
        )
        return
    if file is None:
        _print_reference_cases(cases, reports)
    _print_summary(summary)


def _print_reference_cases(cases: Sequence[Case], reports: Sequence[Report]) -> None:
    """Each case beside what was published for it."""
    figures = published_figures()
    filter_seconds = figures.filter_seconds[PUBLISHED_METHOD]
    answer_seconds = "{} to {}".format(*figures.answer_seconds)
    print_result(f"In brackets: the published figures ({figures.model}, {figures.device}).")
    for case, report in zip(cases, reports, strict=True):
        assert case.published is not None
        published, selected = case.published, report.selection.selected
        seconds, tokens = report.seconds, report.tokens
        found = [number for number in published.answer_articles if number in selected]
        print_result(
            f"\n{case.id}: {case.question}\n"
            f"  selected  {len(selected)} [{published.selected}]: {' '.join(selected) or 'none'}\n"
            f"  of those named in the published answer: {' '.join(found) or 'none'} "
            f"[{' '.join(published.answer_articles)}]\n"
            f"  seconds   load {seconds.load:.1f}, filter {seconds.filter:.1f} [{filter_seconds}], "
            f"answer {seconds.answer:.1f} [{answer_seconds}], total {seconds.total:.1f}\n"
            f"  tokens    filter {tokens.filter:,}, answer {tokens.with_cache:,} "
            f"({tokens.without_cache:,} without a KV cache)\n"
        )
        print_result(report.answer.text)
    print_result("")


def _print_summary(summary: Summary) -> None:
    means = summary.means
    measures: dict[str, float | None] = {
        **means.selection,
        "questions": summary.questions,
        "answerable": summary.answerable,
        "facts": means.facts,
        "facts_stated": means.facts_stated,
        "citations": means.citations,
        "citations_resolve": means.citations_resolve,
        "refused_rightly": means.refused_rightly,
        "refused_wrongly": means.refused_wrongly,
    }
    for name, value in measures.items():
        low_and_high = summary.intervals.get(name)
        interval = " ({:.3f} to {:.3f})".format(*low_and_high) if low_and_high else ""
        print_result(f"{name}: {_format(value)}{interval}")
    for style, (questions, style_means) in summary.by_style.items():
        print_result(f"{style}: {questions} questions, {_format_style(style_means)}")
    for name, stages in (("median_seconds", summary.median_seconds), ("tokens", summary.tokens)):
        print_result(f"{name}: " + ", ".join(f"{stage} {_format(value)}" for stage, value in stages.items()))
    print_result(f"peak_memory_bytes: {_format(summary.peak_memory_bytes)}")


def _format_style(means: Means) -> str:
    measures = {**means.selection, "facts_stated": means.facts_stated}
    names = ("mrr", "recall_at_10", "recall", "facts_stated")
    return ", ".join(f"{name} {_format(measures.get(name))}" for name in names)


def _format(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
