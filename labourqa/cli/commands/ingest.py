"""`labourqa ingest`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from labourqa.cli.ingestion_report import print_confidence, print_inspection
from labourqa.cli.options import MODEL_OPTIONS, json_option, with_settings
from labourqa.cli.output import print_json, print_message, print_result, warn_of_code_setting
from labourqa.cli.progress import TerminalProgress
from labourqa.config import DEFAULT_EDITION, Settings
from labourqa.errors import LabourQAError
from labourqa.ingestion import inspect_file
from labourqa.law.edition import Edition
from labourqa.law.references import show_number
from labourqa.pipeline import Assistant, open_assistant


@click.command("ingest")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@with_settings(*MODEL_OPTIONS)
@click.option(
    "--act", metavar="NUMBER|NAME", help="Which act of the file to read (default: the largest one)."
)
@click.option("--name", metavar="NAME", default="", help="Name of the code (default: the law's own).")
@click.option("--dry-run", is_flag=True, help="Print the whole report on the file and store nothing.")
@click.option("--force", is_flag=True, help="Store the code even if it was read with poor confidence.")
@json_option
def command(
    settings: Settings,
    *,
    file: Path | None,
    act: str | None,
    name: str,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Read a labour code into the database.

    FILE is a PDF, Word, HTML, XML or text file; without it, the embedded edition is read. First it is printed how well
    the file was understood. The model then reads the code once, so that questions are answered in seconds, and the code
    becomes the current one.
    """
    inspection = inspect_file(file or DEFAULT_EDITION, act=act, name=name)
    is_poor = inspection.report.confidence == "poor"
    if as_json:
        print_json(inspection.to_json())
    elif dry_run:
        print_inspection(inspection)
    elif force or not is_poor:  # otherwise the error names the reasons
        print_confidence(inspection)
    if dry_run:
        print_message(
            "Nothing was stored; it would need --force." if is_poor and not force else "Nothing was stored."
        )
        return
    with TerminalProgress() as progress, open_assistant(settings, progress) as assistant:
        edition = assistant.store_code(inspection, force=force, ready=file is None)
        show = print_message if as_json else print_result
        report = inspection.report
        first, last = show_number(report.first_number), show_number(report.last_number)
        show(f"{edition}: {report.articles} articles, Art. {first} to {last}")
        warn_of_code_setting(settings)
        with _explain_unready(assistant, edition):
            engine = assistant.models.engine
            assistant.precompute(edition)
            token_counts = assistant.store.editions.token_counts(edition, engine.tokenizer_name)
        show(f"{sum(token_counts.values()):,} tokens for {engine.info.name}; stored in {settings.database}")


@contextmanager
def _explain_unready(assistant: Assistant, edition: Edition) -> Iterator[None]:
    """Where an edition could not be prepared, say which one answers, and how to go on."""
    try:
        yield
    except (LabourQAError, KeyboardInterrupt, MemoryError):
        editions = assistant.store.editions
        if not editions.is_ready(edition):
            name = f"{edition.code}@{edition.date or edition.sha256[:8]}"
            print_message(
                f"{edition} is stored, but does not answer questions yet; {assistant.current_edition()} still does. "
                f'`labourqa codes choose "{name}"` tries again, `labourqa codes remove "{name}"` removes it.'
            )
        raise
