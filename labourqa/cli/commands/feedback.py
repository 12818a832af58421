"""`labourqa feedback`."""

from pathlib import Path

import click

from labourqa.cli.options import with_settings
from labourqa.cli.output import print_message, print_result
from labourqa.config import Settings
from labourqa.errors import EvaluationError
from labourqa.evaluation.feedback import label_questions, write_questions
from labourqa.files import write_atomically
from labourqa.store import Store
from labourqa.store.owners import LOCAL


@click.command("feedback")
@click.option("--all", "all_owners", is_flag=True, help="Those of all visitors of the page as well.")
@click.option(
    "--export", type=click.Path(path_type=Path), help="Write labelled questions to this file (JSON lines)."
)
@with_settings()
def command(settings: Settings, *, all_owners: bool, export: Path | None) -> None:
    """List the answers that readers found helpful or not.

    An answer that did not help, and whose right article its reader named, is a labelled question: --export writes these
    in the format that `labourqa eval` reads.
    """
    with Store(settings.database, owner=None if all_owners else LOCAL) as store:
        answers = store.conversations.answers_with_feedback()
    if export is None:
        for answer in answers:
            right = f" (right: {answer.right_articles})" if answer.right_articles else ""
            reason = f": {answer.reason}" if answer.reason else ""
            print_result(f"{'+' if answer.helpful else '-'} {answer.report.question}{right}{reason}")
        return
    try:
        write_atomically(export, write_questions(answers))
    except OSError as error:
        raise EvaluationError(f"{export} cannot be written: {error.strerror}.") from error
    count = len(label_questions(answers))
    print_message(f"{count} labelled question{'' if count == 1 else 's'} written to {export}.")
