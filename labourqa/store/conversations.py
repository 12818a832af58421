"""Conversations, stored on this machine only: questions with their reports, and what readers said about them."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlite_utils

from labourqa.answering.report import LoggedAnswer, Report
from labourqa.errors import StoreError
from labourqa.store.checksums import checksum, is_intact
from labourqa.store.database import Database, now
from labourqa.store.owners import LOCAL

_ANSWERS = (  # that the owner may see; None: all
    "FROM answers JOIN conversations ON conversations.id = answers.conversation "
    "WHERE (:owner IS NULL OR owner = :owner)"
)


_ANSWER_COLUMNS = "answers.id, asked_at, question, report, checksum, helpful, reason, right_articles"


@dataclass(frozen=True)
class OpenQuestion:
    """A question that has no answer: it is being answered, or was stopped, or the server ended meanwhile."""

    id: int
    question: str


@dataclass(frozen=True)
class Conversation:
    id: int
    title: str  # its first question, unless it was renamed
    asked_at: str  # ISO time of its last question


class Conversations:
    """The conversations of one owner in a database, or with None those of all owners.

    Those of others are as if they did not exist.
    """

    def __init__(self, database: Database, owner: str | None = LOCAL) -> None:
        self._database = database
        self._owner = owner

    def open_question(self, question: str, conversation: int | None = None) -> tuple[int, int]:
        """Store a question that has no answer yet, in a conversation or a new one; returns the ids of both."""
        with self._database.transaction() as db:
            conversation = self._find_or_create(db, conversation, question)
            record = {"conversation": conversation, "asked_at": now(), "question": question}
            return _new_id(db.table("open_questions").insert(record)), conversation

    def open_questions(self, conversation: int) -> list[OpenQuestion]:
        """The questions of a conversation that have no answer, in order."""
        rows = self._rows(
            """
            SELECT open_questions.id, question FROM open_questions
            JOIN conversations ON conversations.id = open_questions.conversation
            WHERE (:owner IS NULL OR owner = :owner) AND conversation = :conversation ORDER BY open_questions.id
            """,
            conversation=conversation,
        )
        return [OpenQuestion(**row) for row in rows]

    def close_question(self, question: int) -> None:
        """Remove a question without an answer; its conversation too, if nothing else is in it."""
        self._write(
            "DELETE FROM open_questions WHERE id = :question AND conversation IN "
            "(SELECT id FROM conversations WHERE (:owner IS NULL OR owner = :owner))",
            question=question,
        )
        self._write(
            "DELETE FROM conversations WHERE (:owner IS NULL OR owner = :owner) "
            "AND id NOT IN (SELECT conversation FROM answers) AND id NOT IN (SELECT conversation FROM open_questions)"
        )

    def log(
        self, report: Report, conversation: int | None = None, *, open_question: int | None = None
    ) -> tuple[int, int]:
        """Store an answer at the end of a conversation, or in a new one; returns the ids of both.

        A conversation that was erased meanwhile is replaced by a new one. `open_question` is the id of the question
        that is answered by it, if it was stored before.
        """
        with self._database.transaction() as db:
            conversation = self._find_or_create(db, conversation, report.question)
            document = json.dumps(report.to_json(), ensure_ascii=False)
            answer = db.table("answers").insert(
                {
                    "asked_at": now(),
                    "question": report.question,
                    "report": document,
                    "conversation": conversation,
                    "checksum": checksum([report.question, document]),
                }
            )
            db.execute(
                "DELETE FROM open_questions WHERE id = ? AND conversation = ?", [open_question, conversation]
            )
        return _new_id(answer), conversation

    def _find_or_create(self, db: sqlite_utils.Database, conversation: int | None, title: str) -> int:
        """The id of the owner's conversation, or of a new one with this title."""
        known = self._rows(
            "SELECT id FROM conversations WHERE (:owner IS NULL OR owner = :owner) AND id = :conversation",
            conversation=conversation,
        )
        if known:
            return int(known[0]["id"])
        return _new_id(db.table("conversations").insert({"title": title, "owner": self._owner or LOCAL}))

    def questions(self) -> list[tuple[str, str]]:
        """When each question was asked, and the question, newest first."""
        return [(asked_at, question) for asked_at, question, _ in self.questions_with_owners()]

    def questions_with_owners(self) -> list[tuple[str, str, str]]:
        """When each question was asked, the question, and its owner, newest first."""
        rows = self._rows(
            "SELECT asked_at, question, owner FROM turns WHERE :owner IS NULL OR owner = :owner "
            "ORDER BY asked_at DESC, id DESC"
        )
        return [(row["asked_at"], row["question"], row["owner"]) for row in rows]

    def search(self, words: str = "") -> list[Conversation]:
        """Those with `words` in their title, a question or an answer; the one continued last comes first."""
        rows = self._rows(
            r"""
            SELECT conversation AS id, title, max(asked_at) AS asked_at
            FROM turns
            WHERE :owner IS NULL OR owner = :owner
            GROUP BY conversation
            HAVING title LIKE :pattern ESCAPE '\' OR sum(
                question LIKE :pattern ESCAPE '\' OR answer LIKE :pattern ESCAPE '\'
            )
            ORDER BY max(asked_at) DESC, conversation DESC
            """,
            pattern="%" + re.sub(r"([\\%_])", r"\\\1", words.strip()) + "%",
        )
        return [Conversation(**row) for row in rows]

    def version(self) -> str:
        """Changes with every change of the owner's conversations, their questions and their answers."""
        rows = self._rows(
            """
            SELECT conversations.id, title, count(DISTINCT answers.id) AS answers,
                count(DISTINCT open_questions.id) AS open
            FROM conversations
            LEFT JOIN answers ON answers.conversation = conversations.id
            LEFT JOIN open_questions ON open_questions.conversation = conversations.id
            WHERE :owner IS NULL OR owner = :owner
            GROUP BY conversations.id
            """
        )
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def answers(self, conversation: int) -> list[LoggedAnswer]:
        """The answers of a conversation in order; none if there is no such conversation."""
        rows = self._rows(
            f"SELECT {_ANSWER_COLUMNS} {_ANSWERS} AND conversation = :conversation ORDER BY answers.id",
            conversation=conversation,
        )
        return [read_answer(self._database, row) for row in rows]

    def answers_with_feedback(self) -> list[LoggedAnswer]:
        """The answers of all conversations about which a reader said something, in order."""
        rows = self._rows(f"SELECT {_ANSWER_COLUMNS} {_ANSWERS} AND helpful IS NOT NULL ORDER BY answers.id")
        return [read_answer(self._database, row) for row in rows]

    def latest_report(self, question: str, method: str) -> Report | None:
        """The newest answer to exactly this question with the articles read by `method`."""
        rows = self._rows(
            f"SELECT answers.id, question, report, checksum {_ANSWERS} AND question = :question "
            "AND json_extract(report, '$.method') = :method ORDER BY answers.id DESC LIMIT 1",
            question=question,
            method=method,
        )
        return _read_report(self._database, rows[0]) if rows else None

    def title(self, conversation: int) -> str:
        """ "" if there is no such conversation."""
        rows = self._rows(
            "SELECT title FROM conversations WHERE (:owner IS NULL OR owner = :owner) AND id = :conversation",
            conversation=conversation,
        )
        return next((str(row["title"]) for row in rows), "")

    def rename(self, conversation: int, title: str) -> None:
        self._write(
            "UPDATE conversations SET title = :title WHERE (:owner IS NULL OR owner = :owner) AND id = :conversation",
            title=title,
            conversation=conversation,
        )

    def save_feedback(self, answer: int, helpful: bool | None, reason: str = "") -> None:
        """What the reader says about an answer."""
        self._write(
            "UPDATE answers SET helpful = :helpful, reason = :reason WHERE id = :answer "
            "AND conversation IN (SELECT id FROM conversations WHERE (:owner IS NULL OR owner = :owner))",
            helpful=helpful,
            reason=reason,
            answer=answer,
        )

    def save_right_articles(self, answer: int, articles: str) -> None:
        """Which articles would have answered the question, as the reader says: "144(4), 117"."""
        self._write(
            "UPDATE answers SET right_articles = :articles WHERE id = :answer "
            "AND conversation IN (SELECT id FROM conversations WHERE (:owner IS NULL OR owner = :owner))",
            articles=articles,
            answer=answer,
        )

    def erase(self, conversation: int) -> None:
        """Erase a conversation for good."""
        self._write(
            "DELETE FROM conversations WHERE (:owner IS NULL OR owner = :owner) AND id = :conversation",
            conversation=conversation,
        )
        self._database.vacuum()

    def erase_all(self) -> int:
        """Erase all conversations of the owner for good; returns how many answers were erased."""
        count = len(self.questions())
        self._write("DELETE FROM conversations WHERE (:owner IS NULL OR owner = :owner)")
        self._database.vacuum()
        return count

    def erase_older(self, days: int) -> int:
        """Erase for good the conversations that were not continued for so many days; returns how many."""
        oldest = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
        old = [one.id for one in self.search() if one.asked_at < oldest]
        if old:
            with self._database.transaction() as db:
                db.conn.executemany("DELETE FROM conversations WHERE id = ?", [(one,) for one in old])
            self._database.vacuum()
        return len(old)

    def _rows(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        return self._database.rows(sql, {"owner": self._owner, **parameters})

    def _write(self, sql: str, **parameters: object) -> None:
        with self._database.transaction() as db:
            db.conn.execute(sql, {"owner": self._owner, **parameters})


def _new_id(table: sqlite_utils.db.Table) -> int:
    assert isinstance(table.last_pk, int)
    return table.last_pk


def read_answer(database: Database, row: Mapping[str, Any]) -> LoggedAnswer:
    """The answer in a row of the table; without the columns of what its reader said, nothing was said."""
    helpful = row.get("helpful")
    return LoggedAnswer(
        report=_read_report(database, row),
        asked_at=row["asked_at"],
        id=row["id"],
        helpful=None if helpful is None else bool(helpful),
        reason=row.get("reason", ""),
        right_articles=row.get("right_articles", ""),
    )


def _read_report(database: Database, row: Mapping[str, Any]) -> Report:
    if not is_intact(row["checksum"], [row["question"], row["report"]]):
        raise database.report_damage(f"answer {row['id']}")
    try:
        return Report.from_json(json.loads(row["report"]))
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(
            f"Answer {row['id']} in the database has another version's format; delete its conversation."
        ) from error
