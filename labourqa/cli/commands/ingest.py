"""`labourqa ingest`."""

from pathlib import Path

import click

from labourqa.cli.options import MODEL_OPTIONS, with_settings
from labourqa.cli.output import print_result
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.law.references import show_number
from labourqa.pipeline import open_assistant


@click.command("ingest")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@with_settings(*MODEL_OPTIONS)
def command(settings: Settings, *, file: Path | None) -> None:
    """Read a labour code into the database.

    FILE is a PDF, Word, HTML, XML or text file and becomes the current edition; without it, the embedded edition does.
    The model then reads the code once, so that questions are answered in seconds.
    """
    with TerminalProgress() as progress, open_assistant(settings, progress) as assistant:
        edition = assistant.ingest(file)
        articles = assistant.store.editions.articles(edition)
        first, last = show_number(articles[0].number), show_number(articles[-1].number)
        print_result(f"{edition}: {len(articles)} articles, Art. {first} to {last}")
        engine = assistant.models.engine
        with assistant.prepare(edition):
            token_counts = assistant.store.editions.token_counts(edition, engine.tokenizer_name)
        print_result(
            f"{sum(token_counts.values()):,} tokens for {engine.info.name}; stored in {settings.database}"
        )
