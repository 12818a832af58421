"""`labourqa search`."""

import click

from labourqa.cli.options import CODE, with_settings
from labourqa.cli.output import print_result
from labourqa.config import Settings
from labourqa.errors import QuestionError
from labourqa.law.references import show_number
from labourqa.pipeline import open_assistant


@click.command("search")
@click.argument("words")
@with_settings(CODE)
def command(settings: Settings, *, words: str) -> None:
    """Find articles by their words.

    Prints the articles that contain all WORDS, best first.
    """
    if not any(map(str.isalnum, words)):
        raise QuestionError('There is no word to search for; name one, such as "night work".')
    with open_assistant(settings) as assistant:
        hits = assistant.store.editions.search(assistant.current_edition(), words)
    if not hits:
        raise QuestionError(f"No article contains all of: {words}")
    for hit in hits:
        print_result(f"Art. {show_number(hit.number)}  {hit.title}\n    {' '.join(hit.excerpt.split())}")
