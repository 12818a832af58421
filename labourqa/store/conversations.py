"""Conversations, stored on this machine only: questions with their reports, and what readers said about them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlite_utils

from labourqa.answering.report import LoggedAnswer, Report
from labourqa.errors import StoreError
from labourqa.store.database import Database, now


@dataclass(frozen=True)
class Conversation:
    id: int
    title: str  # its first question, unless it was renamed
    asked_at: str  # ISO time of its last question


class Conversations:
    """The conversations in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def log(self, report: Report, conversation: int | None = None) -> tuple[int, int]:
        """Store an answer at the end of a conversation, or in a new one; returns the ids of both.

        A conversation that was erased meanwhile is replaced by a new one.
        """
        with self._database.transaction() as db:
            known = self._database.rows("SELECT 1 FROM conversations WHERE id = ?", [conversation])
            if conversation is None or not known:
                conversation = _new_id(db.table("conversations").insert({"title": report.question}))
            answer = db.table("answers").insert(
                {
                    "asked_at": now(),
                    "question": report.question,
                    "report": json.dumps(report.to_json(), ensure_ascii=False),
                    "conversation": conversation,
                }
            )
        return _new_id(answer), conversation

    def questions(self) -> list[tuple[str, str]]:
        """When each question was asked, and the question, newest first."""
        rows = self._database.rows("SELECT asked_at, question FROM answers ORDER BY id DESC")
        return [(row["asked_at"], row["question"]) for row in rows]

    def search(self, words: str = "") -> list[Conversation]:
        """Those with `words` in their title, a question or an answer; the one continued last comes first."""
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", words.strip()) + "%"
        rows = self._database.rows(
            r"""
            SELECT conversations.id, title, max(asked_at) AS asked_at
            FROM conversations JOIN answers ON conversation = conversations.id
            GROUP BY conversations.id
            HAVING title LIKE :pattern ESCAPE '\' OR sum(
                question LIKE :pattern ESCAPE '\'
                OR json_extract(report, '$.answer.text') LIKE :pattern ESCAPE '\'
            )
            ORDER BY max(answers.id) DESC
            """,
            {"pattern": pattern},
        )
        return [Conversation(**row) for row in rows]

    def answers(self, conversation: int) -> list[LoggedAnswer]:
        """The answers of a conversation in order; none if there is no such conversation."""
        rows = self._database.rows(
            "SELECT id, asked_at, report, helpful, reason FROM answers WHERE conversation = ? ORDER BY id",
            [conversation],
        )
        return [
            LoggedAnswer(
                report=_read_report(row),
                asked_at=row["asked_at"],
                id=row["id"],
                helpful=None if row["helpful"] is None else bool(row["helpful"]),
                reason=row["reason"],
            )
            for row in rows
        ]

    def latest_report(self, question: str, method: str) -> Report | None:
        """The newest answer to exactly this question with the articles read by `method`."""
        rows = self._database.rows(
            """
            SELECT id, report FROM answers
            WHERE question = ? AND json_extract(report, '$.method') = ?
            ORDER BY id DESC LIMIT 1
            """,
            [question, method],
        )
        return _read_report(rows[0]) if rows else None

    def title(self, conversation: int) -> str:
        """ "" if there is no such conversation."""
        rows = self._database.rows("SELECT title FROM conversations WHERE id = ?", [conversation])
        return next((str(row["title"]) for row in rows), "")

    def rename(self, conversation: int, title: str) -> None:
        with self._database.transaction() as db:
            db.execute("UPDATE conversations SET title = ? WHERE id = ?", [title, conversation])

    def save_feedback(self, answer: int, helpful: bool | None, reason: str = "") -> None:
        """What the reader says about an answer."""
        with self._database.transaction() as db:
            db.execute("UPDATE answers SET helpful = ?, reason = ? WHERE id = ?", [helpful, reason, answer])

    def erase(self, conversation: int) -> None:
        """Erase a conversation for good."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM conversations WHERE id = ?", [conversation])
        self._database.vacuum()

    def erase_all(self) -> int:
        """Erase all conversations for good; returns how many answers were erased."""
        count = self._database.count("answers")
        with self._database.transaction() as db:
            db.execute("DELETE FROM conversations")
        self._database.vacuum()
        return count


def _new_id(table: sqlite_utils.db.Table) -> int:
    assert isinstance(table.last_pk, int)
    return table.last_pk


def _read_report(row: Mapping[str, Any]) -> Report:
    try:
        return Report.from_json(json.loads(row["report"]))
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(
            f"Answer {row['id']} in the database has another version's format; delete its conversation."
        ) from error
