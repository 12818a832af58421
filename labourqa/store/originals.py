"""The original files of editions, in a folder beside the database, and where their paragraphs stand in them."""

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlite_utils

from labourqa.errors import StoreError
from labourqa.files import write_atomically
from labourqa.law.edition import Edition
from labourqa.law.places import Box, Mark, Place
from labourqa.store.checksums import checksum, is_intact
from labourqa.store.database import Database

_TEXT = "text.txt"
Places = Mapping[tuple[str, str], Place]  # by the numbers of article and paragraph


@dataclass(frozen=True)
class Original:
    """A file as it was ingested, and its text line by line, as `Place.lines` counts the lines."""

    data: bytes
    suffix: str  # of its format: "pdf"
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


class OriginalFiles:
    """One folder for each file, named by its SHA-256. Without a folder, as for a database in memory, none is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def keep(self, sha256: str, original: Original) -> None:
        """Raises OSError."""
        if self._folder is None:
            return
        folder = self._folder / sha256
        write_atomically(folder / _TEXT, original.text)
        write_atomically(folder / f"original.{original.suffix}", original.data)

    def remove(self, sha256: str) -> None:
        """Raises OSError."""
        if self._folder is not None and (self._folder / sha256).is_dir():
            shutil.rmtree(self._folder / sha256)

    def read(self, sha256: str) -> Original | None:
        """None if it was not kept. Raises StoreError if it was damaged since."""
        path = self._find(sha256)
        if path is None:
            return None
        try:
            data, text = path.read_bytes(), path.with_name(_TEXT).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"The original file {path} cannot be read; ingest it again.") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"The original file {path} is damaged; ingest it again.")
        return Original(data, path.suffix.removeprefix("."), text)

    def _find(self, sha256: str) -> Path | None:
        if self._folder is None:
            return None
        # What an interrupted write left behind ends in ".part".
        found = (self._folder / sha256).glob("original.*")
        return next((path for path in found if path.suffix != ".part"), None)


class Originals:
    """The originals of the editions that an owner may use, or with None those of all owners.

    Editions that were ingested before version 0.3 have none until they are ingested again.
    """

    def __init__(self, database: Database, owner: str | None, files: OriginalFiles) -> None:
        self._database = database
        self._owner = owner
        self._files = files

    def read(self, edition: Edition) -> Original | None:
        """None if the edition has no original. Raises StoreError if it was damaged since."""
        may_use = self._database.rows(
            "SELECT 1 FROM editions JOIN edition_owners ON edition_owners.edition = editions.id "
            "WHERE sha256 = ? AND code = ? AND (? IS NULL OR owner IN (?, ''))",
            [edition.sha256, edition.code, self._owner, self._owner],
        )
        return self._files.read(edition.sha256) if may_use else None

    def places(self, edition: Edition, article: str) -> dict[str, Place]:
        """The places of an article's paragraphs by their numbers; only of those whose place is known."""
        rows = self._rows(edition, [article])
        return {
            row["number"]: Place(
                tuple(json.loads(row["lines"])),
                row["page"],
                tuple(Mark(mark["page"], Box(**mark["box"])) for mark in json.loads(row["marks"])),
            )
            for row in rows
        }

    def pages(self, edition: Edition, articles: Collection[str]) -> dict[tuple[str, str], int]:
        """The pages on which paragraphs begin, by the numbers of article and paragraph.

        With the number "", it is the page on which the article's text begins.
        """
        rows = self._rows(edition, articles)
        pages: dict[tuple[str, str], int] = {}
        for row in rows:
            if row["page"]:
                pages.setdefault((row["article"], ""), row["page"])
                pages[row["article"], row["number"]] = row["page"]
        return pages

    def _rows(self, edition: Edition, articles: Collection[str]) -> list[dict[str, Any]]:
        rows = self._database.rows(
            """
            SELECT articles.number AS article, paragraphs.number, lines, page, marks, places.checksum
            FROM places
            JOIN paragraphs ON paragraphs.id = places.paragraph
            JOIN articles ON articles.id = paragraphs.article
            JOIN editions ON editions.id = articles.edition
            WHERE sha256 = :sha256 AND code = :code AND preliminary = 0
                AND articles.number IN (SELECT value FROM json_each(:articles))
                AND editions.id IN (SELECT edition FROM edition_owners WHERE :owner IS NULL OR owner IN (:owner, ''))
            ORDER BY paragraphs.id
            """,
            {
                "sha256": edition.sha256,
                "code": edition.code,
                "articles": json.dumps(list(articles)),
                "owner": self._owner,
            },
        )
        # A damaged place is as one that is not known.
        return [row for row in rows if is_intact(row["checksum"], [row["lines"], row["page"], row["marks"]])]


def insert_place(db: sqlite_utils.Database, paragraph: Any, place: Place) -> None:
    """`paragraph` is the row's id."""
    lines, marks = json.dumps(place.lines), json.dumps([asdict(mark) for mark in place.marks])
    db.table("places").insert(
        {
            "paragraph": paragraph,
            "lines": lines,
            "page": place.page,
            "marks": marks,
            "checksum": checksum([lines, place.page, marks]),
        }
    )
