"""Ingests editions again that were lost when the database was damaged."""

import logging
from pathlib import Path

from labourqa.config import DEFAULT_EDITION, Settings
from labourqa.errors import DocumentError, LabourQAError, NoArticlesError
from labourqa.ingestion import Inspection, inspect_file
from labourqa.law.edition import Edition
from labourqa.models.local_files import file_sha256
from labourqa.store import Store

_log = logging.getLogger(__name__)


def restore_lost_editions(store: Store, settings: Settings) -> None:
    """Ingest the editions again that were lost when the database was damaged; the log says which cannot be."""
    for lost in store.editions.lost():
        edition = lost.edition
        original = _find_original(edition, settings)
        try:
            if original is None or not lost.owners:
                raise DocumentError("its file was not kept")  # one place says what is lost
            inspection = _inspect_act(original, edition.code)
        except LabourQAError as error:
            _log.warning(
                "%s was lost when the database was damaged, and %s; run `labourqa ingest` with its file again.",
                edition, str(error).rstrip("."),
            )  # fmt: skip
        else:
            store.editions.restore(lost, inspection.code, inspection.places)
            _log.warning("%s was restored from its file.", edition)
        store.editions.forget_lost(lost)


def _find_original(edition: Edition, settings: Settings) -> Path | None:
    """The file from which an edition was ingested, if it is on this machine."""
    kept = (settings.home / "originals" / edition.sha256).glob("original.*")
    return next((path for path in (DEFAULT_EDITION, *kept) if file_sha256(path) == edition.sha256), None)


def _inspect_act(path: Path, code: str) -> Inspection:
    """The act of that name in a file; its only or largest one if the code was renamed."""
    try:
        return inspect_file(path, act=code, name=code)
    except NoArticlesError:
        return inspect_file(path, name=code)
