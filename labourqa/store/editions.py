"""Editions of labour codes and their articles."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain, groupby
from typing import Any

import sqlite_utils

from labourqa.errors import NoEditionError, UnknownArticleError
from labourqa.law.edition import Edition
from labourqa.law.references import find_references
from labourqa.law.structure import Article, Code, Paragraph, Point
from labourqa.store.database import Database, now
from labourqa.store.originals import Original, OriginalFiles, Places, insert_place
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
            edition_id = db.table("editions").insert(record).last_pk
            _insert_owners(db, edition_id, owners)
            db.table("chosen_editions").insert_all({"owner": one, "edition": edition_id} for one in chosen_by)
            for preliminary, articles in ((1, code.preliminary), (0, code.articles)):
                for article in articles:
                    found = {} if preliminary else places or {}
                    _insert_article(db, article, edition=edition_id, preliminary=preliminary, places=found)
        return edition

    def all(self) -> list[Edition]:
        """All editions, the current one (ingested or chosen last) first."""
        rows = self._database.rows(
            # The file's name is that of the owner's file, else that of everyone's.
            """
            SELECT code, date, edition_owners.source, sha256, max(owner) AS owner
            FROM editions JOIN edition_owners ON edition_owners.edition = editions.id
            WHERE :owner IS NULL OR owner IN (:owner, '')
            GROUP BY editions.id
            ORDER BY chosen_at DESC, editions.id DESC
            """,
            {"owner": self._owner},
        )
        return [Edition(row["code"], row["date"], row["source"], row["sha256"]) for row in rows]

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
            "SELECT chosen_at FROM editions WHERE sha256 = ? AND code = ?", [edition.sha256, edition.code]
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

    def rename_code(self, name: str, new_name: str) -> None:
        """Rename all editions of a code; those that are equal to an edition under the new name are replaced by it.

        Only the owner of the machine may.
        """
        with self._database.transaction() as db:
            db.execute("UPDATE OR REPLACE editions SET code = ? WHERE code = ?", [new_name, name])

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
            if not self._database.rows("SELECT 1 FROM editions WHERE sha256 = ?", [edition.sha256]):
                self._files.remove(edition.sha256)

    def is_own(self, edition: Edition) -> bool:
        """Whether this owner may remove it."""
        sources = [self._sources(edition_id) for edition_id in self._ids(edition)]
        return any(self._owner is None or self._saves_for in one for one in sources)

    def _ids(self, edition: Edition) -> list[int]:
        rows = self._database.rows(
            "SELECT id FROM editions WHERE sha256 = ? AND code = ?", [edition.sha256, edition.code]
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
        """The articles of the code itself, in order."""
        return self._load_articles(edition)

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
        found = self._load_articles(edition, number)
        if not found:
            raise UnknownArticleError(f"The {edition.code} has no Article {number}.")
        return found[0]

    def search(
        self, edition: Edition, words: str, *, limit: int = 10, marks: tuple[str, str] = ("", "")
    ) -> list[SearchHit]:
        """The articles that contain all of `words`, best first (BM25); `marks` surround each word in the excerpt."""
        expression = self._database.search_expression(words)
        if not expression:
            return []
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
            SELECT DISTINCT articles.id, number
            FROM cross_references
            JOIN articles ON articles.id = cross_references.article
            JOIN editions ON editions.id = articles.edition
            WHERE sha256 = ? AND code = ? AND preliminary = 0 AND to_article = ?
                AND editions.id IN (SELECT edition FROM edition_owners WHERE ? IS NULL OR owner IN (?, ''))
            ORDER BY articles.id
            """,
            [edition.sha256, edition.code, number, self._owner, self._owner],
        )
        return [row["number"] for row in rows]

    def _load_articles(self, edition: Edition, number: str | None = None) -> tuple[Article, ...]:
        """All articles of the code itself, or only the one with this number."""
        wanted = """
            FROM articles
            JOIN editions ON editions.id = articles.edition
            {joins}
            WHERE sha256 = :sha256 AND code = :code AND preliminary = 0
                AND (:number IS NULL OR articles.number = :number)
                AND editions.id IN (SELECT edition FROM edition_owners WHERE :owner IS NULL OR owner IN (:owner, ''))
            ORDER BY articles.id{order}
        """
        paragraph_join = "JOIN paragraphs ON paragraphs.article = articles.id"
        point_join = f"{paragraph_join} JOIN points ON points.paragraph = paragraphs.id"

        def load(columns: str, joins: str, order: str) -> list[dict[str, Any]]:
            sql = f"SELECT {columns} {wanted.format(joins=joins, order=order)}"
            parameters = {"sha256": edition.sha256, "code": edition.code, "number": number}
            return self._database.rows(sql, parameters | {"owner": self._owner})

        articles = load("articles.*", "", "")
        paragraphs = load("paragraphs.*", paragraph_join, ", paragraphs.id")
        points = load("points.*", point_join, ", paragraphs.id, points.id")
        points_of = {
            paragraph: tuple(Point(row["number"], row["text"]) for row in rows)
            for paragraph, rows in groupby(points, key=lambda row: row["paragraph"])
        }
        paragraphs_of = {
            article: tuple(
                Paragraph(row["number"], row["text"], points_of.get(row["id"], ())) for row in rows
            )
            for article, rows in groupby(paragraphs, key=lambda row: row["article"])
        }
        return tuple(
            Article(
                number=row["number"],
                title=row["title"],
                paragraphs=paragraphs_of.get(row["id"], ()),
                part=row["part"],
                chapter=row["chapter"],
                section=row["section"],
                repealed=bool(row["repealed"]),
                title_is_own=bool(row["title_is_own"]),
            )
            for row in articles
        )


def _insert_owners(db: sqlite_utils.Database, edition_id: Any, sources: Mapping[str, str]) -> None:
    """`sources`: the name of the file by owner."""
    db.table("edition_owners").insert_all(
        ({"edition": edition_id, "owner": owner, "source": source} for owner, source in sources.items()),
        replace=True,
    )


def _insert_article(
    db: sqlite_utils.Database, article: Article, *, edition: Any, preliminary: int, places: Places
) -> None:
    record = {
        "edition": edition,
        "preliminary": preliminary,
        "number": article.number,
        "title": article.title,
        "part": article.part,
        "chapter": article.chapter,
        "section": article.section,
        "text": article.text,
        "repealed": article.repealed,
        "title_is_own": article.title_is_own,
    }
    article_id = db.table("articles").insert(record).last_pk
    for paragraph in article.paragraphs:
        record = {"article": article_id, "number": paragraph.number, "text": paragraph.text}
        paragraph_id = db.table("paragraphs").insert(record).last_pk
        db.table("points").insert_all(
            {"paragraph": paragraph_id, "number": point.number, "text": point.text}
            for point in paragraph.points
        )
        if place := places.get((article.number, paragraph.number)):
            insert_place(db, paragraph_id, place)
    db.table("cross_references").insert_all(
        {
            "article": article_id,
            "to_article": reference.article,
            "to_paragraph": reference.paragraph,
            "to_point": reference.point,
        }
        for reference in find_references(article.text)
        if reference.article != article.number
    )
