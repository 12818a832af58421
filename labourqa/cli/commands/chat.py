"""`labourqa chat`."""

import sys

import click

from labourqa.answering.conversation import Turn
from labourqa.cli.options import ANSWER_OPTIONS, json_option, with_settings
from labourqa.cli.output import explain_unrecorded, print_message, print_model, print_report
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.errors import QuestionError
from labourqa.pipeline import open_assistant


@click.command("chat")
@with_settings(*ANSWER_OPTIONS)
@json_option
def command(settings: Settings, *, as_json: bool) -> None:
    """Answer questions and follow-up questions.

    Each line of stdin is a question. An empty line starts a new subject.
    """
    previous: Turn | None = None
    conversation: int | None = None
    with (
        TerminalProgress(stream_text=not as_json) as progress,
        open_assistant(settings, progress) as assistant,
    ):
        edition = assistant.current_edition()
        print_model(assistant.models)
        progress.announce = False
        print_message(
            "Ask a question, then follow-up questions; an empty line starts a new subject, Ctrl-D ends."
        )
        while line := _read_line():
            if not line.strip():
                previous = conversation = None
                continue
            try:
                report = assistant.ask(line, previous=previous, edition=edition)
            except QuestionError as error:
                print_message(str(error))
                continue
            previous = report.turn or previous
            print_report(report, as_json=as_json)
            with explain_unrecorded():
                if settings.log:
                    _, conversation = assistant.store.conversations.log(report, conversation)


def _read_line() -> str:
    """The next line of stdin, "" at its end."""
    if sys.stdin.isatty():
        print_message("> ", end="")
    try:
        return sys.stdin.readline()
    except UnicodeDecodeError as error:
        raise QuestionError("The questions on stdin are not UTF-8 text.") from error
