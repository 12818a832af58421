"""`labourqa ask`."""

import sys

import click

from labourqa.answering.question import MAX_QUESTION_CHARACTERS, check_question
from labourqa.cli.options import ANSWER_OPTIONS, json_option, with_settings
from labourqa.cli.output import explain_unrecorded, print_model, print_report
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.errors import QuestionError
from labourqa.pipeline import open_assistant


@click.command("ask")
@click.argument("question")
@with_settings(*ANSWER_OPTIONS)
@json_option
def command(settings: Settings, *, question: str, as_json: bool) -> None:
    """Answer a question.

    QUESTION is in plain words; "-" reads it from stdin. The answer goes to stdout, progress and costs to stderr.
    """
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


def _read_stdin() -> str:
    try:
        return sys.stdin.read(10 * MAX_QUESTION_CHARACTERS)
    except UnicodeDecodeError as error:
        raise QuestionError("The question on stdin is not UTF-8 text.") from error
