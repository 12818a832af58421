"""`labourqa history`."""

import click

from labourqa.cli.options import with_settings
from labourqa.cli.output import print_result
from labourqa.config import Settings
from labourqa.store import Store


@click.command("history")
@click.option("--erase", is_flag=True, help="Erase all questions and their answers.")
@with_settings()
def command(settings: Settings, *, erase: bool) -> None:
    """List the questions asked on this machine.

    The newest question comes first.
    """
    with Store(settings.database) as store:
        if erase:
            print_result(f"{store.conversations.erase_all()} answers erased.")
            return
        for asked_at, question in store.conversations.questions():
            print_result(f"{asked_at[:16].replace('T', ' ')}  {question}")
