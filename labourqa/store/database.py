"""Editions of labour codes, their token counts and embeddings, and the conversations, in one SQLite file.

An edition is replaced inside one transaction, so a process killed at any moment leaves the old one answering.
Numbers of articles, paragraphs and points are strings as printed ("72^1").
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import sqlite_utils
from numpy.typing import NDArray
from sqlite_utils.migrations import Migrations

from labourqa.errors import NoEditionError, StoreError, UnknownArticleError
from labourqa.law.references import find_references
from labourqa.law.structure import Article, Code, Paragraph, Point

migrations = Migrations("labourqa")


@migrations()
def m001_editions(db: sqlite_utils.Database) -> None:
    db.execute(
        "CREATE TABLE editions (id INTEGER PRIMARY KEY, code TEXT NOT NULL, date TEXT NOT NULL, "
        "source TEXT NOT NULL, sha256 TEXT NOT NULL UNIQUE, annex TEXT NOT NULL, ingested_at TEXT NOT NULL)"
    )
    db.execute(
        "CREATE TABLE articles (id INTEGER PRIMARY KEY, "
        "edition INTEGER NOT NULL REFERENCES editions(id) ON DELETE CASCADE, "
        "preliminary INTEGER NOT NULL, number TEXT NOT NULL, title TEXT NOT NULL, part TEXT NOT NULL, "
        "chapter TEXT NOT NULL, section TEXT NOT NULL, text TEXT NOT NULL, "
        "UNIQUE (edition, preliminary, number))"
    )
    db.execute(
        "CREATE TABLE paragraphs (id INTEGER PRIMARY KEY, "
        "article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "number TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (article, number))"
    )
    db.execute(
        "CREATE TABLE points (id INTEGER PRIMARY KEY, "
        "paragraph INTEGER NOT NULL REFERENCES paragraphs(id) ON DELETE CASCADE, "
        "number TEXT NOT NULL, text TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX points_of_paragraph ON points (paragraph)")
    db.execute(
        "CREATE TABLE cross_references (id INTEGER PRIMARY KEY, "
        "article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "to_article TEXT NOT NULL, to_paragraph TEXT NOT NULL, to_point TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX cross_references_of_article ON cross_references (article)")
    db.execute(
        "CREATE TABLE token_counts (article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "tokenizer TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (article, tokenizer))"
    )
    db.execute(
        "CREATE TABLE embeddings (paragraph INTEGER NOT NULL REFERENCES paragraphs(id) ON DELETE CASCADE, "
        "encoder TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (paragraph, encoder))"
    )
    db.table("articles").enable_fts(["title", "text"], create_triggers=True, tokenize="porter unicode61")


@migrations()
def m002_answers(db: sqlite_utils.Database) -> None:
    db.execute(
        "CREATE TABLE answers (id INTEGER PRIMARY KEY, asked_at TEXT NOT NULL, "
        "question TEXT NOT NULL, report TEXT NOT NULL)"
    )


@migrations()
def m003_null_margins(db: sqlite_utils.Database) -> None:
    db.execute(
        "CREATE TABLE null_margins (article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "model TEXT NOT NULL, margin REAL NOT NULL, PRIMARY KEY (article, model))"
    )


@migrations()
def m004_conversations(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE conversations (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
    db.execute(
        "ALTER TABLE answers ADD COLUMN conversation INTEGER REFERENCES conversations(id) ON DELETE CASCADE"
    )
    db.execute(
        "ALTER TABLE answers ADD COLUMN helpful INTEGER"
    )  # what the reader said of it: 1, 0 or nothing
    db.execute("ALTER TABLE answers ADD COLUMN reason TEXT NOT NULL DEFAULT ''")
    db.execute("INSERT INTO conversations SELECT id, question FROM answers")
    db.execute("UPDATE answers SET conversation = id")
    db.execute("CREATE INDEX answers_of_conversation ON answers (conversation)")


@dataclass(frozen=True)
class Edition:
    """One version of one code, as ingested from one file."""

    id: int
    code: str
    date: str  # ISO date of the version, "" if the text states none
    source: str  # file name
    sha256: str  # of the file

    def __str__(self) -> str:
        version = f", version of {self.date}" if self.date else ""
        return f"{self.code}{version} ({self.source})"


@dataclass(frozen=True)
class Conversation:
    id: int
    title: str
    asked_at: str  # ISO time of its last question


@dataclass(frozen=True)
class LoggedAnswer:
    id: int
    asked_at: str  # ISO time, UTC
    report: Mapping[str, Any]  # as of Report.to_json
    helpful: bool | None  # what the reader said of it
    reason: str


class Store:
    """The database at `path`, or one in memory. A Store belongs to the thread that opened it.

    Every method raises StoreError when the file is damaged, locked or cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        with self._errors():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite_utils.Database(sqlite3.connect(path or ":memory:", timeout=30))
            self._db.execute("PRAGMA foreign_keys = ON")
            if path is not None:
                self._db.enable_wal()  # questions are answered while another process ingests
            if migrations.pending(self._db):
                migrations.apply(self._db)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Editions

    def save_code(self, code: Code, *, source: str, sha256: str) -> Edition:
        """Keep `code` as the current edition; the same file ingested before is replaced."""
        with self._errors(), self._db.atomic():
            self._db.execute("DELETE FROM editions WHERE sha256 = ?", [sha256])
            edition = self._insert(
                "editions",
                code=code.name,
                date=code.date,
                source=source,
                sha256=sha256,
                annex=code.annex,
                ingested_at=_now(),
            )
            for preliminary, articles in ((1, code.preliminary), (0, code.articles)):
                for article in articles:
                    self._save_article(edition, preliminary, article)
        return Edition(edition, code.name, code.date, source, sha256)

    def editions(self) -> list[Edition]:
        """All editions, the current one (ingested last) first."""
        with self._errors():
            return [
                Edition(row["id"], row["code"], row["date"], row["source"], row["sha256"])
                for row in self._rows("SELECT * FROM editions ORDER BY ingested_at DESC, id DESC")
            ]

    def current_edition(self) -> Edition:
        """Raises NoEditionError when nothing has been ingested."""
        editions = self.editions()
        if not editions:
            raise NoEditionError("No labour code has been ingested yet; run `labourqa ingest`.")
        return editions[0]

    def articles(self, edition: Edition) -> tuple[Article, ...]:
        """The articles of the code itself, in order."""
        return self._load_articles(edition)

    def article(self, edition: Edition, number: str) -> Article:
        """Raises UnknownArticleError."""
        found = self._load_articles(edition, number)
        if not found:
            raise UnknownArticleError(f"The {edition.code} has no Article {number}.")
        return found[0]

    def search_articles(
        self, edition: Edition, words: str, *, limit: int = 10, marks: tuple[str, str] = ("", "")
    ) -> list[tuple[str, str, str]]:
        """Number, title and an excerpt of the articles with all of `words`, best first (BM25, title x 4).

        In the excerpt each of the words stands between the `marks`.
        """
        query = self._db.quote_fts(words)
        if not query:
            return []
        with self._errors():
            rows = self._rows(
                "SELECT number, articles.title, snippet(articles_fts, 1, ?, ?, ' … ', 24) AS excerpt "
                "FROM articles_fts JOIN articles ON articles.id = articles_fts.rowid "
                "WHERE articles_fts MATCH ? AND edition = ? AND preliminary = 0 "
                "ORDER BY bm25(articles_fts, 4, 1) LIMIT ?",
                [*marks, query, edition.id, limit],
            )
            return [(row["number"], row["title"], row["excerpt"]) for row in rows]

    def references_to(self, edition: Edition, number: str) -> list[str]:
        """Numbers of the articles that refer to Article `number`, in order."""
        with self._errors():
            rows = self._rows(
                "SELECT DISTINCT articles.id, number FROM cross_references "
                "JOIN articles ON articles.id = cross_references.article "
                "WHERE edition = ? AND preliminary = 0 AND to_article = ? ORDER BY articles.id",
                [edition.id, number],
            )
            return [row["number"] for row in rows]

    # What models computed about an edition

    def token_counts(self, edition: Edition, tokenizer: str) -> dict[str, int]:
        """Tokens of each article by its number; empty if `tokenizer` has not counted them."""
        return self._article_values(
            "SELECT number, tokens AS value FROM token_counts JOIN articles ON articles.id = article "
            "WHERE edition = ? AND preliminary = 0 AND tokenizer = ?",
            [edition.id, tokenizer],
        )

    def save_token_counts(self, edition: Edition, tokenizer: str, counts: Mapping[str, int]) -> None:
        self._save_article_values(
            "INSERT OR REPLACE INTO token_counts SELECT id, ?, ? FROM articles "
            "WHERE edition = ? AND preliminary = 0 AND number = ?",
            edition, tokenizer, counts,
        )  # fmt: skip

    def null_margins(self, edition: Edition, model: str) -> dict[str, float]:
        """What `model` made of each article, by its number, when nothing was asked; those that it has read so."""
        return self._article_values(
            "SELECT number, margin AS value FROM null_margins JOIN articles ON articles.id = article "
            "WHERE edition = ? AND preliminary = 0 AND model = ?",
            [edition.id, model],
        )

    def save_null_margins(self, edition: Edition, model: str, margins: Mapping[str, float]) -> None:
        self._save_article_values(
            "INSERT OR REPLACE INTO null_margins SELECT id, ?, ? FROM articles "
            "WHERE edition = ? AND preliminary = 0 AND number = ?",
            edition, model, margins,
        )  # fmt: skip

    def embeddings(self, edition: Edition, encoder: str) -> NDArray[np.float32] | None:
        """(texts, dimensions), a row for each paragraph and behind it one for each of its points, in order.

        None if `encoder` has not run yet.
        """
        with self._errors():
            rows = self._rows(
                "SELECT vector, (SELECT 1 + count(*) FROM points WHERE paragraph = paragraphs.id) AS texts "
                "FROM paragraphs JOIN articles ON articles.id = paragraphs.article "
                "LEFT JOIN embeddings ON embeddings.paragraph = paragraphs.id AND encoder = ? "
                "WHERE edition = ? AND preliminary = 0 ORDER BY articles.id, paragraphs.id",
                [encoder, edition.id],
            )
        if not rows or any(row["vector"] is None for row in rows):
            return None
        return np.concatenate(
            [np.frombuffer(row["vector"], dtype="<f4").reshape(row["texts"], -1) for row in rows]
        )

    def save_embeddings(self, edition: Edition, encoder: str, vectors: NDArray[np.float32]) -> None:
        """`vectors` as `embeddings` returns them."""
        with self._errors(), self._db.atomic():
            rows = self._rows(
                "SELECT paragraphs.id, (SELECT 1 + count(*) FROM points WHERE paragraph = paragraphs.id) AS texts "
                "FROM paragraphs JOIN articles ON articles.id = paragraphs.article "
                "WHERE edition = ? AND preliminary = 0 ORDER BY articles.id, paragraphs.id",
                [edition.id],
            )
            ends = np.cumsum([row["texts"] for row in rows])
            for row, some in zip(rows, np.split(vectors.astype("<f4"), ends[:-1]), strict=True):
                if len(some) != row["texts"]:
                    raise ValueError(f"{len(vectors)} vectors for {ends[-1]} texts")
                self._db.execute(
                    "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", [row["id"], encoder, some.tobytes()]
                )

    # Conversations, kept on this machine only

    def log_answer(self, report: Mapping[str, Any], conversation: int | None = None) -> tuple[int, int]:
        """Keep an answer at the end of a conversation, or in a new one; returns its id and the conversation's.

        A conversation that was erased in the meantime is a new one.
        """
        with self._errors(), self._db.atomic():
            kept = self._rows("SELECT 1 FROM conversations WHERE id = ?", [conversation])
            if conversation is None or not kept:
                conversation = self._insert("conversations", title=report["question"])
            text = json.dumps(report, ensure_ascii=False)
            answer = self._insert(
                "answers",
                asked_at=_now(),
                question=report["question"],
                report=text,
                conversation=conversation,
            )
        return answer, conversation

    def answers(self) -> list[tuple[str, str]]:
        """When each question was asked, and the question, newest first."""
        with self._errors():
            rows = self._rows("SELECT asked_at, question FROM answers ORDER BY id DESC")
            return [(row["asked_at"], row["question"]) for row in rows]

    def conversations(self, words: str = "") -> list[Conversation]:
        """Those with `words` in their title, a question or an answer, the one last continued first."""
        like = "%" + re.sub(r"([\\%_])", r"\\\1", words.strip()) + "%"
        with self._errors():
            rows = self._rows(
                "SELECT conversations.id, title, max(asked_at) AS asked_at FROM conversations "
                "JOIN answers ON conversation = conversations.id GROUP BY conversations.id "
                "HAVING title LIKE :like ESCAPE '\\' OR sum(question LIKE :like ESCAPE '\\' "
                "OR json_extract(report, '$.answer.text') LIKE :like ESCAPE '\\') ORDER BY max(answers.id) DESC",
                {"like": like},
            )
            return [Conversation(**row) for row in rows]

    def conversation(self, conversation: int) -> list[LoggedAnswer]:
        """Its answers in order; none if there is no such conversation."""
        with self._errors():
            rows = self._rows(
                "SELECT id, asked_at, report, helpful, reason FROM answers WHERE conversation = ? ORDER BY id",
                [conversation],
            )
        return [
            LoggedAnswer(
                row["id"],
                row["asked_at"],
                json.loads(row["report"]),
                None if row["helpful"] is None else bool(row["helpful"]),
                row["reason"],
            )
            for row in rows
        ]

    def latest_report(self, question: str, method: str) -> Mapping[str, Any] | None:
        """The newest answer to this very question with the articles read by `method`."""
        with self._errors():
            rows = self._rows(
                "SELECT report FROM answers WHERE question = ? AND json_extract(report, '$.method') = ? "
                "ORDER BY id DESC LIMIT 1",
                [question, method],
            )
        return json.loads(rows[0]["report"]) if rows else None

    def conversation_title(self, conversation: int) -> str:
        """Its first question, or what it was renamed to; "" if there is no such conversation."""
        with self._errors():
            rows = self._rows("SELECT title FROM conversations WHERE id = ?", [conversation])
            return next((str(row["title"]) for row in rows), "")

    def rename_conversation(self, conversation: int, title: str) -> None:
        with self._errors(), self._db.atomic():
            self._db.execute("UPDATE conversations SET title = ? WHERE id = ?", [title, conversation])

    def save_feedback(self, answer: int, helpful: bool | None, reason: str = "") -> None:
        """What the reader says of an answer."""
        with self._errors(), self._db.atomic():
            self._db.execute(
                "UPDATE answers SET helpful = ?, reason = ? WHERE id = ?", [helpful, reason, answer]
            )

    def erase_conversation(self, conversation: int) -> None:
        self._erase("WHERE id = ?", [conversation])

    def erase_answers(self) -> int:
        """Erase all conversations; returns how many answers were erased."""
        with self._errors():
            count = self._db.table("answers").count
        self._erase()
        return count

    def _erase(self, where: str = "", parameters: Sequence[Any] = ()) -> None:
        """Erase conversations for good, the freed pages included."""
        with self._errors():
            with self._db.atomic():
                self._db.execute(f"DELETE FROM conversations {where}", parameters)  # noqa: S608  # literals above
            self._db.execute("VACUUM")

    # Rows and objects

    def _article_values(self, query: str, parameters: list[object]) -> dict[str, Any]:
        with self._errors():
            return {row["number"]: row["value"] for row in self._rows(query, parameters)}

    def _save_article_values(
        self, insert: str, edition: Edition, made_by: str, values: Mapping[str, float]
    ) -> None:
        with self._errors(), self._db.atomic():
            for number, value in values.items():
                self._db.execute(insert, [made_by, value, edition.id, number])

    def _save_article(self, edition: int, preliminary: int, article: Article) -> None:
        article_id = self._insert(
            "articles",
            edition=edition,
            preliminary=preliminary,
            number=article.number,
            title=article.title,
            part=article.part,
            chapter=article.chapter,
            section=article.section,
            text=article.text,
        )
        for paragraph in article.paragraphs:
            paragraph_id = self._insert(
                "paragraphs", article=article_id, number=paragraph.number, text=paragraph.text
            )
            for point in paragraph.points:
                self._insert("points", paragraph=paragraph_id, number=point.number, text=point.text)
        for to in find_references(article.text):
            if to.article == article.number:
                continue
            self._insert(
                "cross_references",
                article=article_id,
                to_article=to.article,
                to_paragraph=to.paragraph,
                to_point=to.point,
            )

    def _load_articles(self, edition: Edition, number: str | None = None) -> tuple[Article, ...]:
        """All articles of the code itself, or only the one of this number."""
        parameters = {"edition": edition.id, "number": number}
        with self._errors():
            articles = self._rows(
                "SELECT * FROM articles WHERE edition = :edition AND preliminary = 0 "
                "AND (:number IS NULL OR number = :number) ORDER BY id",
                parameters,
            )
            paragraphs = self._rows(
                "SELECT paragraphs.* FROM paragraphs JOIN articles ON articles.id = paragraphs.article "
                "WHERE edition = :edition AND preliminary = 0 "
                "AND (:number IS NULL OR articles.number = :number) ORDER BY article, paragraphs.id",
                parameters,
            )
            points = self._rows(
                "SELECT points.* FROM points JOIN paragraphs ON paragraphs.id = points.paragraph "
                "JOIN articles ON articles.id = paragraphs.article "
                "WHERE edition = :edition AND preliminary = 0 "
                "AND (:number IS NULL OR articles.number = :number) ORDER BY paragraph, points.id",
                parameters,
            )
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
            )
            for row in articles
        )

    def _insert(self, table: str, **values: object) -> int:
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        cursor = self._db.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608  # names are literals of this module
            list(values.values()),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        return list(self._db.query(sql, parameters))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what SQLite says of a bad file into one sentence that says what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            reason = str(error)
            if "full" in reason:
                raise StoreError(f"The disk is full; free some space for {self._path}.") from error
            if "locked" in reason:
                raise StoreError(f"{self._path} is in use by another program; try again later.") from error
            raise StoreError(f"The database {self._path} cannot be used: {reason}.") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"The database {self._path} cannot be used ({error}); move it away and run `labourqa ingest`."
            ) from error
        except OSError as error:
            raise StoreError(
                f"The folder of {self._path} cannot be made ({error.strerror}); name another in LABOURQA_HOME."
            ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
