"""`labourqa show`."""

import click

from labourqa.cli.options import CODE, with_settings
from labourqa.cli.output import print_result
from labourqa.config import Settings
from labourqa.law.citations import quote_reference
from labourqa.law.references import parse_reference, show_number
from labourqa.law.structure import Article
from labourqa.pipeline import open_assistant
from labourqa.store.versions import find_earlier_version


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
            print_result(f"{parsed}  {_mark_title(article)}\n\n{text}")
        else:
            for heading in filter(None, (article.part, article.chapter, article.section)):
                print_result(heading)
            print_result(f"\nArticle {show_number(article.number)}. {_mark_title(article)}\n")
            if article.repealed:
                print_result("Repealed.")
            print_result(article.text)
            if referring := editions.references_to(edition, article.number):
                numbers = ", ".join(f"Art. {show_number(number)}" for number in referring)
                print_result(f"\nReferred to in: {numbers}")
        pages = assistant.store.originals.pages(edition, [article.number])
        page = pages.get((article.number, parsed.paragraph))
        print_result(f"\n{edition}{f', page {page}' if page else ''}")
        if earlier := find_earlier_version(editions, edition, article):
            print_result(str(earlier))


def _mark_title(article: Article) -> str:
    """The title, with a note where it is not the article's own."""
    if article.title_is_own or not article.title:
        return article.title
    unit = "section" if article.section else "chapter" if article.chapter else "part"
    return f"{article.title} (title of its {unit})"
