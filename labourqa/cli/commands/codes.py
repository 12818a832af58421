"""`labourqa codes`."""

import sys
from collections import Counter
from datetime import datetime

import click

from labourqa.cli.options import with_settings
from labourqa.cli.output import print_message, print_result, warn_of_code_setting
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.errors import NoEditionError
from labourqa.law.edition import Edition, check_code_name
from labourqa.pipeline import Assistant, open_assistant
from labourqa.store import Store
from labourqa.store.editions import StoredEdition
from labourqa.store.owners import describe_owner

_CHECKSUM_DIGITS = 8  # shown where a date does not name an edition


@click.group("codes", invoke_without_command=True)
@click.option("--all", "all_owners", is_flag=True, help="Those that visitors of the page added as well.")
@with_settings()
def command(settings: Settings, *, all_owners: bool) -> None:
    """List, choose, rename or remove codes.

    Without a command, all editions of all codes are listed; "*" marks the current one. NAME is a code's name or a part
    of it; @DATE is the date of an edition, or the first digits of its SHA-256.
    """
    if click.get_current_context().invoked_subcommand is None:
        _list_codes(settings, all_owners=all_owners)


@command.command("choose")
@click.argument("edition", metavar="NAME[@DATE]")
@with_settings()
def choose(settings: Settings, *, edition: str) -> None:
    """Make a code the current one.

    Without @DATE, it is the newest edition of the code. If its ingestion was interrupted, it is completed first. A code
    that a visitor of the page added becomes everyone's.
    """
    with TerminalProgress() as progress, _open_store_with(settings, edition) as store:
        assistant = Assistant(settings, store, progress=progress)
        chosen = store.editions.find(edition)
        if not store.editions.is_ready(chosen):
            with assistant.prepare(chosen):
                pass
        store.editions.choose(chosen)
    print_result(f"Current code: {chosen}")
    warn_of_code_setting(settings)


@command.command("rename")
@click.argument("name")
@click.argument("new_name", metavar="NEW")
@with_settings()
def rename(settings: Settings, *, name: str, new_name: str) -> None:
    """Rename a code with all its editions.

    Two codes of one name are the editions of one code.
    """
    new_name = check_code_name(new_name)
    with Store(settings.database) as store:
        old_name = store.editions.find(name).code
        store.editions.rename_code(old_name, new_name)
    print_result(f"{old_name} is now {new_name}.")


@command.command("remove")
@click.argument("edition", metavar="NAME[@DATE]")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
@with_settings()
def remove(settings: Settings, *, edition: str, yes: bool) -> None:
    """Remove an edition from the database.

    Conversations about it stay. @DATE is needed where the code has several editions.
    """
    with _open_store_with(settings, edition) as store:
        editions = store.editions
        found = editions.find(edition)
        if "@" not in edition and len(editions.codes()[found.code]) > 1:
            names = ", ".join(f"@{_version(one, editions.all())}" for one in editions.codes()[found.code])
            raise NoEditionError(f"{found.code} has several editions; add one of {names}.")
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("Add --yes to remove an edition where no one can be asked.")
            if not click.confirm(f"Remove {found}?", err=True):
                print_message("Nothing was removed.")
                return
        editions.remove(found)
        current = editions.current() if editions.has_ready() else None
    print_result(f"Removed: {found}")
    if current:
        print_result(f"Current code: {current}")
    else:
        print_result("No code is left; the next command reads the embedded edition again.")
    print_message(
        f"Its prefix cache, if there is one, stays in {settings.prefix_caches}; files there may be deleted "
        "at any time."
    )


def _open_store_with(settings: Settings, edition: str) -> Store:
    """The store of the local user, or if it has no such edition, that of all owners."""
    store = Store(settings.database)
    try:
        store.editions.find(edition)
    except NoEditionError:
        store.close()
        store = Store(settings.database, owner=None)
    return store


def _list_codes(settings: Settings, *, all_owners: bool) -> None:
    with open_assistant(settings) as assistant:
        try:
            current = assistant.current_edition()
        except (
            NoEditionError
        ) as error:  # the setting names an unknown code, and the user looks for its name here
            print_message(str(error))
            current = assistant.store.editions.current()
        stored = assistant.store.editions.describe()
    if all_owners:
        with Store(settings.database, owner=None) as store:
            stored = store.editions.describe()
    all_editions = [one.edition for one in stored]
    rows = [["", "code", "edition", "articles", "ingested", "source"]]
    rows += [_row(one, current, all_editions) for one in stored]
    if all_owners:
        owners = [", ".join(map(describe_owner, one.owners)) for one in stored]
        rows = [[*row, owner] for row, owner in zip(rows, ["owner", *owners], strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print_result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for one in stored:
        if not one.is_ready:
            name = f"{one.edition.code}@{_version(one.edition, all_editions)}"
            print_message(
                f'{name} does not answer questions yet; `labourqa codes choose "{name}"` completes it.'
            )
    warn_of_code_setting(settings)


def _row(stored: StoredEdition, current: Edition, all_editions: list[Edition]) -> list[str]:
    edition = stored.edition
    return [
        "*" if edition == current else "",
        edition.code,
        _version(edition, all_editions),
        str(stored.articles),
        f"{datetime.fromisoformat(stored.ingested_at).astimezone():%Y-%m-%d %H:%M}",
        edition.source,
    ]


def _version(edition: Edition, all_editions: list[Edition]) -> str:
    """What names the edition after "@": its date, or its checksum where the date does not."""
    same = Counter((one.code, one.date) for one in all_editions)[edition.code, edition.date]
    return edition.date if edition.date and same == 1 else edition.sha256[:_CHECKSUM_DIGITS]
