"""`labourqa history`."""

import click

from labourqa.cli.options import with_settings
from labourqa.cli.output import print_result
from labourqa.config import Settings
from labourqa.pipeline import erase_old_conversations
from labourqa.store import Store
from labourqa.store.owners import LOCAL, describe_owner


@click.command("history")
@click.option("--all", "all_owners", is_flag=True, help="Those of all visitors of the page as well.")
@click.option("--erase", is_flag=True, help="Erase these questions and their answers.")
@with_settings()
def command(settings: Settings, *, all_owners: bool, erase: bool) -> None:
    """List the questions that you asked on this machine.

    The newest question comes first. Visitors of the page have their own conversations, which --all adds.
    """
    erase_old_conversations(settings)
    with Store(settings.database, owner=None if all_owners else LOCAL) as store:
        if erase:
            print_result(f"{store.conversations.erase_all()} answers erased.")
            return
        for asked_at, question, owner in store.conversations.questions_with_owners():
            who = f"{describe_owner(owner)}  " if all_owners else ""
            print_result(f"{asked_at[:16].replace('T', ' ')}  {who}{question}")
