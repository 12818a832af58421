"""Prints results to stdout and messages to stderr."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from labourqa.answering.export import NOTICE
from labourqa.answering.report import Report
from labourqa.config import Settings
from labourqa.engine.startup import Models
from labourqa.errors import StoreError
from labourqa.law.references import show_number
from labourqa.text import printable


def print_result(text: str, *, end: str = "\n") -> None:
    """Print to stdout. Laws, questions and replies are untrusted, so control characters are left out."""
    click.echo(printable(text) + end, nl=False)


def print_message(text: str, *, end: str = "\n") -> None:
    """Print to stderr, without control characters."""
    click.echo(printable(text) + end, nl=False, err=True)


def print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def warn_of_code_setting(settings: Settings) -> None:
    """Say that a setting decides which code is used, whatever was ingested or chosen last."""
    if settings.code:
        print_message(f"The setting code = {settings.code!r} decides which code is used.")


@contextmanager
def explain_unrecorded() -> Iterator[None]:
    """Where an answer that was printed cannot be stored, say so; the answer stands."""
    try:
        yield
    except StoreError as error:
        print_message(f"The question and the answer were not recorded. {error}")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """The first column is aligned left, the others right; nothing is cut off, however narrow the terminal is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print_result("  ".join([first.ljust(widths[0]), *cells]).rstrip())


def print_model(models: Models) -> None:
    """Say which model is loaded, and why this one."""
    info = models.engine.info
    print_message(f"{info.name} in {info.dtype} on {info.server_url or info.device} ({models.reason})")


def print_report(report: Report, *, as_json: bool) -> None:
    """The answer or the JSON document to stdout, and what it cost to stderr."""
    if as_json:
        print_json(report.to_json())
    else:
        _print_answer(report)
    _print_costs(report)


def _print_answer(report: Report) -> None:
    answer, titles, selected = report.answer, report.titles, report.selection.selected
    if report.resolved_question != report.question:
        print_result(f"Understood as: {report.resolved_question}\n")
    for reference in report.unknown:
        print_result(f"The {report.run.edition.code} has no {reference}.")
    for reference in report.repealed:
        print_result(f"{reference} is repealed.")
    for notice in report.notices:
        print_result(f"{notice}\n")
    if answer.short:
        print_result("In short (chosen by a program: the whole paragraphs decide)")
        for citation in answer.short:
            print_result(f"  {citation.quote} [{citation.reference}]")
        print_result("")
    print_result("" if answer.kind == "written" else answer.text)  # a written answer was streamed
    if answer.conditions:
        print_result("\nThis depends on")
        for citation in answer.conditions:
            print_result(f"  {citation.quote} [{citation.reference}]")
    if selected:
        print_result("\nSources")
        for number in selected:
            print_result(f"  Art. {show_number(number)}  {titles[number]}{_name_pages(report, number)}")
    if report.related:
        print_result("\nReferred to there")
        for citation in report.related:
            print_result(f"  {citation.reference}  {titles[citation.reference.article]}")
    if doubtful := [statement for statement in answer.statements if statement.doubts]:
        print_result("\nNot supported by the law")
        for statement in doubtful:
            print_result(f"  {statement.text}\n    ({'; '.join(statement.doubts)})")
    if not answer.complete:
        limit = report.run.settings.answer_tokens
        print_result(f"  The answer stopped at its limit of {limit} tokens; --answer-tokens raises it.")
    if report.reading_limit:
        print_result(f"\n{report.reading_limit}")
    print_result(f"\n{report.run.edition}. {NOTICE}")


def _name_pages(report: Report, article: str) -> str:
    """The pages of the document on which the article's cited paragraphs begin: ", page 88"."""
    cited = [one for one in report.answer.citations if one.reference.article == article]
    pages = sorted({one.page for one in cited if one.page})
    numbers = ", ".join(map(str, pages))
    return f", page{'s' if len(pages) > 1 else ''} {numbers}" if pages else ""


def _print_costs(report: Report) -> None:
    seconds = report.seconds
    print_message(
        f"{report.selection.read:,} of {len(report.titles):,} articles read by the model "
        f"({report.tokens.filter:,} tokens, {report.run.method}), {len(report.selection.selected)} selected"
    )
    print_message(
        f"seconds: load {seconds.load:.1f}, tokenize {seconds.tokenize:.1f}, filter {seconds.filter:.1f}, "
        f"answer {seconds.answer:.1f}, total {seconds.total:.1f}"
    )
    print_message(f"peak memory: {report.peak_memory_bytes / 1e9:.1f} GB")
