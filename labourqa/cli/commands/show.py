"""`labourqa show`."""

import click

from labourqa.cli.options import CODE, with_settings
from labourqa.cli.output import print_result
from labourqa.config import Settings
from labourqa.law.citations import quote_reference
from labourqa.law.references import parse_reference, show_number
from labourqa.pipeline import open_assistant


@click.command("show")
@click.argument("reference")
@with_settings(CODE)
def command(settings: Settings, *, reference: str) -> None:
    """Print an article, paragraph or point.

    REFERENCE is, for example, 117, "144(4)" or 72^1.
    """
    parsed = parse_reference(reference)
    with open_assistant(settings) as assistant:
        edition, editions = assistant.current_edition(), assistant.store.editions
        article = editions.article(edition, parsed.article)
        if parsed.paragraph or parsed.point:
            text = quote_reference(parsed, [article])
            print_result(f"{parsed}  {article.title}\n\n{text}")
        else:
            for heading in filter(None, (article.part, article.chapter, article.section)):
                print_result(heading)
            print_result(f"\nArticle {show_number(article.number)}. {article.title}\n\n{article.text}")
            if referring := editions.references_to(edition, article.number):
                numbers = ", ".join(f"Art. {show_number(number)}" for number in referring)
                print_result(f"\nReferred to in: {numbers}")
        print_result(f"\n{edition}")
