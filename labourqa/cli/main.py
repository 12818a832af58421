"""The command line: results go to stdout, progress and messages to stderr. `labourqa --help` lists the commands."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
from click.shell_completion import shell_complete

from labourqa import __version__
from labourqa.errors import LabourQAError
from labourqa.text import is_unicode, printable

# Each is a module of labourqa.cli.commands; here is the first sentence of its help.
COMMANDS = {
    "ask": "Answer a question, or all questions of a file.",
    "chat": "Answer questions and follow-up questions.",
    "ingest": "Read a labour code into the database.",
    "codes": "List, choose, rename or remove codes.",
    "diff": "Compare two editions of a code.",
    "show": "Print an article, paragraph or point.",
    "search": "Find articles by their words.",
    "eval": "Measure the answers to a file of questions.",
    "bench": "Compare the methods of reading the whole code on this machine.",
    "models": "List, fetch or verify model files.",
    "history": "List the questions that you asked on this machine.",
    "feedback": "List the answers that readers found helpful or not.",
    "ui": "Open the page in a browser.",
    "serve": "Serve the page and the HTTP interfaces.",
    "mcp": "Serve a desktop client over the Model Context Protocol.",
    "doctor": "Show what is installed, and where.",
}

_COMPLETION_VARIABLE = "_LABOURQA_COMPLETE"  # with which a shell asks how a line may continue


class _CommandGroup(click.Group):
    """Imports a command only to run it: importing all would add half a second to `labourqa --help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click passes the context
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"labourqa.cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def labourqa() -> None:
    """Ask a labour code a question; a language model reads it, and the answer cites it."""


def run() -> None:
    """The entry point. Exit status: 0 success, 1 an error, 2 wrong usage, 130 interrupted."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `labourqa show 117 | head -1` ends quietly
    if instruction := os.environ.get(_COMPLETION_VARIABLE):
        sys.exit(shell_complete(labourqa, {}, "labourqa", _COMPLETION_VARIABLE, instruction))
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    try:
        _check_encoding(argv)
        with labourqa.make_context("labourqa", list(argv)) as context:
            labourqa.invoke(context)
    except click.exceptions.Exit as error:  # --help and --version
        return error.exit_code
    except click.ClickException as error:  # wrong usage
        error.show()
        return error.exit_code
    except LabourQAError as error:
        _print_error(str(error))
        return 1
    except MemoryError:
        _print_error("There is not enough memory; choose a smaller model or a smaller --batch-tokens.")
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)  # ends the line of "^C"
        _print_error("interrupted.")
        return 130
    return 0


def _check_encoding(argv: Sequence[str]) -> None:
    """Raises UsageError for an argument that is no text. The name of a file may consist of any bytes."""
    for argument in argv:
        if not is_unicode(argument) and not Path(argument).exists():
            raise click.UsageError(f"{printable(argument)!r} is not UTF-8 text; type it anew.")


def _print_error(sentence: str) -> None:
    click.echo(f"labourqa: {printable(sentence)}", err=True)
