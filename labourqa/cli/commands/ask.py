"""`labourqa ask`."""

import sys
from pathlib import Path

import click

from labourqa.answering.question import MAX_QUESTION_CHARACTERS, check_question
from labourqa.cli.options import ANSWER_OPTIONS, json_option, with_settings
from labourqa.cli.output import explain_unrecorded, print_message, print_model, print_report
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.errors import EvaluationError, QuestionError
from labourqa.evaluation.question_lists import check_suffix, read_list, write_list
from labourqa.files import write_atomically
from labourqa.pipeline import open_assistant


@click.command("ask")
@click.argument("question", required=False)
@with_settings(*ANSWER_OPTIONS)
@click.option(
    "--file",
    "questions",
    type=click.Path(path_type=Path),
    help="Ask all questions of this CSV file or spreadsheet (.xlsx), in its column `question`.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="With --file: write the list with its answers to this .csv or .xlsx file; an interrupted run resumes.",
)
@json_option
def command(
    settings: Settings, *, question: str | None, questions: Path | None, out: Path | None, as_json: bool
) -> None:
    """Answer a question, or all questions of a file.

    QUESTION is in plain words; "-" reads it from stdin. The answer goes to stdout, progress and costs to stderr.
    """
    if questions is not None:
        if question is not None or as_json or out is None:
            raise click.UsageError("--file takes --out, and neither a question nor --json.")
        _ask_list(settings, questions, out)
        return
    if question is None or out is not None:
        raise click.UsageError("Give a question, or --file with --out.")
    if question == "-":
        question = _read_stdin()
    question = check_question(question)  # before loading takes minutes
    with (
        TerminalProgress(stream_text=not as_json) as progress,
        open_assistant(settings, progress) as assistant,
    ):
        edition = assistant.current_edition()
        print_model(assistant.models)
        report = assistant.ask(question, edition=edition, load_seconds=assistant.models.load_seconds)
        print_report(report, as_json=as_json)
        with explain_unrecorded():
            if settings.log:
                assistant.store.conversations.log(report)


def _ask_list(settings: Settings, path: Path, out: Path) -> None:
    """Ask the questions of a list. The reports stand beside `out` until the list is complete."""
    suffix = check_suffix(out)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
    question_list = read_list(data, path.name)
    cases = question_list.cases
    reports_path = out.with_name(f"{out.name}.reports.jsonl")
    with TerminalProgress(announce=False) as progress, open_assistant(settings, progress) as assistant:
        edition = assistant.current_edition()
        print_model(assistant.models)
        reports = assistant.evaluate(cases, edition=edition, out=reports_path)
    by_id = {case.id: report for case, report in zip(cases, reports, strict=True)}
    try:
        write_atomically(out, write_list(question_list, by_id, suffix))
    except OSError as error:
        raise EvaluationError(f"{out} cannot be written: {error.strerror}.") from error
    reports_path.unlink()
    answered = sum(report.answer.outcome == "answered" for report in reports)
    print_message(f"{len(cases)} questions asked, {answered} answered; written to {out}.")


def _read_stdin() -> str:
    try:
        return sys.stdin.read(10 * MAX_QUESTION_CHARACTERS)
    except UnicodeDecodeError as error:
        raise QuestionError("The question on stdin is not UTF-8 text.") from error
