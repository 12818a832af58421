"""Editions of labour codes and their articles."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import sqlite_utils

from labourqa.errors import NoEditionError, UnknownArticleError
from labourqa.law.edition import Edition
from labourqa.law.structure import Article, Code
from labourqa.store.articles import insert_article, insert_references, load_articles, reference_values
from labourqa.store.checksums import article_checksum, checksum, is_intact
from labourqa.store.database import Database, now
from labourqa.store.originals import Original, OriginalFiles, Places
from labourqa.store.owners import EVERYONE, LOCAL

MIN_CHECKSUM_DIGITS = 4  # that name an edition
TITLE_WEIGHT = 4  # of a word in the title, beside one in the text
_NOT_READY = ""  # in `chosen_at`: no question to this edition could be answered yet


@dataclass(frozen=True)
class SearchHit:
    """An article that a full-text search found."""

    number: str
    title: str
    excerpt: str


@dataclass(frozen=True)
class StoredEdition:
    """An edition as a list of all codes shows it."""

    edition: Edition
    articles: int
    ingested_at: str  # ISO time, UTC
    owners: tuple[str, ...]  # EVERYONE, or those whose own it is
    is_ready: bool  # for questions; only then it can be the current edition


@dataclass(frozen=True)
class LostEdition:
    """An edition that could not be read back from a damaged database."""

    id: int
    edition: Edition
    owners: Mapping[str, str]  # the name of the file by owner
    chosen_at: str


class Editions:
    """The editions in a database that an owner may use, or with None those of all owners.

    The editions of everyone are among them; the local owner and None write those. Article numbers are strings as
    printed ("72^1").
    """

    def __init__(
        self, database: Database, owner: str | None = LOCAL, files: OriginalFiles | None = None
    ) -> None:
        self._database = database
        self._owner = owner
        self._files = files or OriginalFiles(None)
        self._saves_for = EVERYONE if owner in (LOCAL, None) else owner

    def save(
        self,
        code: Code,
        *,
        source: str,
        sha256: str,
        ready: bool = True,
        for_everyone: bool = False,
        original: Original | None = None,
        places: Places | None = None,
    ) -> Edition:
        """Store `code` in one transaction; the same act ingested before is replaced.

        It becomes the current edition if it is `ready` for questions, or was before; otherwise `mark_ready` makes it
        current. It belongs to the owner alone, unless that is the local one, or it is stored `for_everyone`. A
        visitor's file that is stored already is not stored again. The `original` file is kept until no edition from it
        is left; `places` are those of the paragraphs in it.
        """
        edition = Edition(code.name, code.date, source, sha256)
        owner = EVERYONE if for_everyone else self._saves_for
        with self._database.transaction() as db:
            if original:
                self._files.keep(sha256, original)
            ready = ready or self.is_ready(edition)
            rows = self._database.rows(
                "SELECT id FROM editions WHERE sha256 = ? AND code = ?", [sha256, code.name]
            )
            owners = {owner: source}
            chosen_by: list[str] = []
            if rows:
                edition_id = rows[0]["id"]
                owners = self._sources(edition_id) | owners
                if owner != EVERYONE:
                    _insert_owners(db, edition_id, owners)
                    return edition
                chosen_by = self._chosen_by(edition_id)
                db.execute("DELETE FROM editions WHERE id = ?", [edition_id])
            time = now()
            record = {**asdict(edition), "annex": code.annex, "ingested_at": time}
            record["chosen_at"] = time if ready else _NOT_READY
            record["checksum"] = checksum([edition.code, edition.date, edition.sha256])
            record["articles_checksum"] = checksum(map(article_checksum, code.articles))
            edition_id = db.table("editions").insert(record).last_pk
            assert isinstance(edition_id, int)
            _insert_owners(db, edition_id, owners)
            db.table("chosen_editions").insert_all({"owner": one, "edition": edition_id} for one in chosen_by)
            for preliminary, articles in ((1, code.preliminary), (0, code.articles)):
                for article in articles:
                    found = {} if preliminary else places or {}
                    insert_article(db, article, edition=edition_id, preliminary=preliminary, places=found)
            references = checksum(reference_values(self._database, edition_id))
            db.table("editions").update(edition_id, {"references_checksum": references})
            self._database.save_index_checksum()
        return edition

    def all(self) -> list[Edition]:
        """All editions, the current one (ingested or chosen last) first."""
        rows = self._database.rows(
            # The file's name is that of the owner's file, else that of everyone's.
            """
            SELECT code, date, edition_owners.source, sha256, editions.checksum, max(owner) AS owner
            FROM editions JOIN edition_owners ON edition_owners.edition = editions.id
            WHERE :owner IS NULL OR owner IN (:owner, '')
            GROUP BY editions.id
            ORDER BY chosen_at DESC, editions.id DESC
            """,
            {"owner": self._owner},
        )
        for row in rows:
            if not is_intact(row["checksum"], [row["code"], row["date"], row["sha256"]]):
                raise self._database.report_damage(f"the edition {row['code']!r}")
        if len(rows) != len(self.own_ids()):
            raise self._database.report_damage("the list of editions")
        return [Edition(row["code"], row["date"], row["source"], row["sha256"]) for row in rows]

    def own_ids(self) -> set[int]:
        """The ids of the editions that this owner may use, read without an index."""
        rows = self._database.rows("SELECT edition, owner, source, checksum FROM edition_owners")
        for row in rows:
            if not is_intact(row["checksum"], [row["edition"], row["owner"], row["source"]]):
                raise self._database.report_damage(f"the owners of {row['source']!r}")
        return {
            row["edition"] for row in rows if self._owner is None or row["owner"] in (self._owner, EVERYONE)
        }

    def codes(self) -> dict[str, list[Edition]]:
        """The editions of each code by its name, newest version first; the current code comes first."""
        codes: dict[str, list[Edition]] = {}
        for edition in self.all():
            codes.setdefault(edition.code, []).append(edition)
        return {
            name: sorted(editions, key=lambda one: one.date, reverse=True) for name, editions in codes.items()
        }

    def describe(self) -> list[StoredEdition]:
        """All editions, in the order of `codes`."""
        rows = self._database.rows(
            """
            SELECT sha256, code, ingested_at, chosen_at,
                (SELECT count(*) FROM articles WHERE edition = editions.id AND preliminary = 0) AS articles,
                (SELECT json_group_array(owner) FROM edition_owners WHERE edition = editions.id) AS owners
            FROM editions
            """
        )
        by_key = {(row["sha256"], row["code"]): row for row in rows}
        described = []
        for edition in chain.from_iterable(self.codes().values()):
            row = by_key[edition.sha256, edition.code]
            owners = tuple(sorted(json.loads(row["owners"])))
            owners = (EVERYONE,) if EVERYONE in owners else owners
            is_ready = row["chosen_at"] != _NOT_READY
            described.append(StoredEdition(edition, row["articles"], row["ingested_at"], owners, is_ready))
        return described

    def find(self, wanted: str) -> Edition:
        """The newest edition of the code that `wanted` names, or with "NAME@DATE" the one of that date.

        NAME is a code's name or a part of it that no other code has, in upper or lower case. In place of the date, the
        first digits of the file's SHA-256 name an edition whose date is unknown or not unique. Raises NoEditionError.
        """
        name, _, version = (part.strip() for part in wanted.partition("@"))
        codes = self.codes()
        exact = [code for code in codes if code.casefold() == name.casefold()]
        names = [name] if name in codes else exact
        names = names or [code for code in codes if name.casefold() in code.casefold()]
        if len(names) != 1:
            found = "several codes have" if names else "no code has"
            raise NoEditionError(f"{found.capitalize()} {name!r} in the name; run `labourqa codes`.")
        editions = codes[names[0]]
        found_editions = [edition for edition in editions if not version or edition.date == version] or [
            edition
            for edition in editions
            if len(version) >= MIN_CHECKSUM_DIGITS and edition.sha256.startswith(version.lower())
        ]
        if not found_editions:
            dates = ", ".join(edition.date or "no date" for edition in editions)
            raise NoEditionError(f"There is no edition of {version}; the {names[0]} has {dates}.")
        return found_editions[0]

    def has_ready(self) -> bool:
        """Whether any edition is ready for questions."""
        return any(map(self.is_ready, self.all()))

    def is_ready(self, edition: Edition) -> bool:
        """Whether it was shown that questions to it can be answered; False if it is not stored."""
        rows = self._database.rows(
            # "+": without the index, which finds nothing when it is damaged.
            "SELECT chosen_at FROM editions WHERE +sha256 = ? AND +code = ?",
            [edition.sha256, edition.code],
        )
        return any(row["chosen_at"] != _NOT_READY for row in rows)

    def mark_ready(self, edition: Edition) -> None:
        """Make an edition that was not ready the current one of those who may use it; others keep their place."""
        if self.is_ready(edition):  # without waiting for a process that writes
            return
        with self._database.transaction() as db:
            db.execute(
                "UPDATE editions SET chosen_at = ? WHERE sha256 = ? AND code = ?",
                [now(), edition.sha256, edition.code],
            )

    def choose(self, edition: Edition) -> None:
        """Make it the current edition of everyone; only the owner of the machine may."""
        with self._database.transaction() as db:
            for edition_id in self._ids(edition):
                db.execute("UPDATE editions SET chosen_at = ? WHERE id = ?", [now(), edition_id])
                _insert_owners(db, edition_id, {EVERYONE: edition.source} | self._sources(edition_id))

    def choose_for_owner(self, edition: Edition) -> None:
        """Make it the edition that this owner asks."""
        with self._database.transaction() as db:
            db.table("chosen_editions").insert_all(
                ({"owner": self._owner, "edition": edition_id} for edition_id in self._ids(edition)),
                replace=True,
            )

    def chosen_by_owner(self) -> Edition | None:
        """The edition that this owner chose; None if none was chosen, or if it may no longer be used."""
        rows = self._database.rows(
            "SELECT sha256, code FROM chosen_editions JOIN editions ON editions.id = edition WHERE owner = ?",
            [self._owner],
        )
        keys = [(row["sha256"], row["code"]) for row in rows]
        return next((one for one in self.all() if (one.sha256, one.code) in keys), None)

    def lost(self) -> list[LostEdition]:
        """The editions of all owners that are to be restored from their files."""
        rows = self._database.rows("SELECT * FROM lost_editions ORDER BY id")
        return [
            LostEdition(
                row["id"],
                Edition(row["code"], row["date"], row["source"], row["sha256"]),
                json.loads(row["owners"]),
                row["chosen_at"],
            )
            for row in rows
        ]

    def restore(self, lost: LostEdition, code: Code, places: Places) -> None:
        """Store a lost edition again, for its owners and in its place among the others."""
        sha256 = lost.edition.sha256
        for owner, source in lost.owners.items():
            editions = Editions(self._database, owner or LOCAL, self._files)
            saved = editions.save(code, source=source, sha256=sha256, ready=False, places=places)
            with self._database.transaction() as db:
                sql = "UPDATE editions SET chosen_at = ? WHERE sha256 = ? AND code = ?"
                db.execute(sql, [lost.chosen_at, sha256, saved.code])

    def forget_lost(self, lost: LostEdition) -> None:
        with self._database.transaction() as db:
            db.execute("DELETE FROM lost_editions WHERE id = ?", [lost.id])

    def restore_references(self, edition_id: int) -> None:
        """Find the references in an edition's articles again where the stored ones are damaged."""
        with self._database.transaction() as db:
            [row] = self._database.rows("SELECT references_checksum FROM editions WHERE id = ?", [edition_id])
            if is_intact(row["references_checksum"], reference_values(self._database, edition_id)):
                return
            articles = self._database.rows(
                "SELECT id, number, text FROM articles WHERE edition = ?", [edition_id]
            )
            for article in articles:
                db.execute("DELETE FROM cross_references WHERE article = ?", [article["id"]])
                insert_references(db, article["id"], article["number"], article["text"])
            references = checksum(reference_values(self._database, edition_id))
            db.table("editions").update(edition_id, {"references_checksum": references})

    def rename_code(self, name: str, new_name: str) -> None:
        """Rename all editions of a code; those that are equal to an edition under the new name are replaced by it.

        Only the owner of the machine may.
        """
        with self._database.transaction() as db:
            db.execute("UPDATE OR REPLACE editions SET code = ? WHERE code = ?", [new_name, name])
            for row in self._database.rows(
                "SELECT id, date, sha256 FROM editions WHERE code = ?", [new_name]
            ):
                value = checksum([new_name, row["date"], row["sha256"]])
                db.table("editions").update(row["id"], {"checksum": value})
            self._database.save_index_checksum()  # articles of a replaced edition were removed

    def remove(self, edition: Edition) -> None:
        """Remove an edition; what was computed about it goes with its last owner. Conversations stay.

        A visitor removes only what is the visitor's own; the owner of the machine what is everyone's, and with the
        store of all owners everything.
        """
        with self._database.transaction() as db:
            for edition_id in self._ids(edition):
                db.execute(
                    "DELETE FROM edition_owners WHERE edition = ? AND (? IS NULL OR owner = ?)",
                    [edition_id, self._owner, self._saves_for],
                )
                if not self._sources(edition_id):
                    db.execute("DELETE FROM editions WHERE id = ?", [edition_id])
            self._database.save_index_checksum()
            if not self._database.rows("SELECT 1 FROM editions WHERE sha256 = ?", [edition.sha256]):
                self._files.remove(edition.sha256)

    def is_own(self, edition: Edition) -> bool:
        """Whether this owner may remove it."""
        sources = [self._sources(edition_id) for edition_id in self._ids(edition)]
        return any(self._owner is None or self._saves_for in one for one in sources)

    def _ids(self, edition: Edition) -> list[int]:
        rows = self._database.rows(
            "SELECT id FROM editions WHERE +sha256 = ? AND +code = ?", [edition.sha256, edition.code]
        )
        return [row["id"] for row in rows]

    def _sources(self, edition_id: int) -> dict[str, str]:
        """The name of the file that each owner of an edition added."""
        rows = self._database.rows("SELECT owner, source FROM edition_owners WHERE edition = ?", [edition_id])
        return {row["owner"]: row["source"] for row in rows}

    def _chosen_by(self, edition_id: int) -> list[str]:
        rows = self._database.rows("SELECT owner FROM chosen_editions WHERE edition = ?", [edition_id])
        return [row["owner"] for row in rows]

    def current(self) -> Edition:
        """Raises NoEditionError when no edition is ready for questions."""
        editions = self.all()
        if not editions or not self.is_ready(editions[0]):
            raise NoEditionError("No labour code has been ingested yet; run `labourqa ingest`.")
        return editions[0]

    def articles(self, edition: Edition) -> tuple[Article, ...]:
        """The articles of the code itself, in order. Raises DamagedDatabaseError."""
        loaded = load_articles(self._database, edition, self._owner)
        self._check_whole(edition, [value for _, value in loaded])
        return tuple(article for article, _ in loaded)

    def numbers(self, edition: Edition) -> list[str]:
        """The numbers of the articles of the code itself, in order."""
        rows = self._database.rows(
            """
            SELECT number FROM articles JOIN editions ON editions.id = articles.edition
            WHERE sha256 = ? AND code = ? AND preliminary = 0
                AND editions.id IN (SELECT edition FROM edition_owners WHERE ? IS NULL OR owner IN (?, ''))
            ORDER BY articles.id
            """,
            [edition.sha256, edition.code, self._owner, self._owner],
        )
        return [str(row["number"]) for row in rows]

    def article(self, edition: Edition, number: str) -> Article:
        """Raises UnknownArticleError."""
        found = load_articles(self._database, edition, self._owner, number)
        if not found:
            self.articles(edition)  # raises an error if it is missing because of damage
            raise UnknownArticleError(f"The {edition.code} has no Article {number}.")
        return found[0][0]

    def search(
        self, edition: Edition, words: str, *, limit: int = 10, marks: tuple[str, str] = ("", "")
    ) -> list[SearchHit]:
        """The articles that contain all of `words`, best first (BM25); `marks` surround each word in the excerpt."""
        expression = self._database.search_expression(words)
        if not expression:
            return []
        self._database.check_index()
        rows = self._database.rows(
            """
            SELECT number, articles.title, snippet(articles_fts, 1, ?, ?, ' … ', 24) AS excerpt
            FROM articles_fts
            JOIN articles ON articles.id = articles_fts.rowid
            JOIN editions ON editions.id = articles.edition
            WHERE articles_fts MATCH ? AND sha256 = ? AND code = ? AND preliminary = 0
                AND editions.id IN (SELECT edition FROM edition_owners WHERE ? IS NULL OR owner IN (?, ''))
            ORDER BY bm25(articles_fts, ?, 1)
            LIMIT ?
            """,
            [*marks, expression, edition.sha256, edition.code, self._owner, self._owner, TITLE_WEIGHT, limit],
        )
        return [SearchHit(**row) for row in rows]

    def references_to(self, edition: Edition, number: str) -> list[str]:
        """Numbers of the articles that refer to Article `number`, in order."""
        rows = self._database.rows(
            """
            SELECT id, references_checksum FROM editions
            WHERE sha256 = ? AND code = ?
                AND id IN (SELECT edition FROM edition_owners WHERE ? IS NULL OR owner IN (?, ''))
            """,
            [edition.sha256, edition.code, self._owner, self._owner],
        )
        found = []
        for row in rows:
            values = list(reference_values(self._database, row["id"]))
            if not is_intact(row["references_checksum"], values):
                raise self._database.report_damage(f"the references of {edition}")
            referring, referred = values[::4], values[1::4]
            found += [one for one, to in zip(referring, referred, strict=True) if to == number]
        return list(dict.fromkeys(found))

    def _check_whole(self, edition: Edition, checksums: Sequence[int]) -> None:
        """Raises DamagedDatabaseError where an article is missing; `checksums` are those of the articles found."""
        stored = self._database.rows(
            """
            SELECT articles_checksum AS value FROM editions
            WHERE sha256 = ? AND code = ?
                AND id IN (SELECT edition FROM edition_owners WHERE ? IS NULL OR owner IN (?, ''))
            """,
            [edition.sha256, edition.code, self._owner, self._owner],
        )
        # A damaged index finds nothing.
        is_missing = not stored and any(
            (one.code, one.sha256) == (edition.code, edition.sha256) for one in self.all()
        )
        if is_missing or any(not is_intact(row["value"], checksums) for row in stored):
            raise self._database.report_damage(f"the articles of {edition}")


def _insert_owners(db: sqlite_utils.Database, edition_id: Any, sources: Mapping[str, str]) -> None:
    """`sources`: the name of the file by owner."""
    db.table("edition_owners").insert_all(
        (
            {
                "edition": edition_id,
                "owner": owner,
                "source": source,
                "checksum": checksum([edition_id, owner, source]),
            }
            for owner, source in sources.items()
        ),
        replace=True,
    )
