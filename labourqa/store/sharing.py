"""Answers that their owners share: who has the link may read the answer, until its owner withdraws it."""

import secrets

from labourqa.answering.report import LoggedAnswer
from labourqa.store.conversations import read_answer
from labourqa.store.database import Database

_TOKEN_BYTES = 16  # 128 random bits cannot be guessed


class SharedAnswers:
    """The shared answers of an owner, or with None those of all owners. Reading needs the token alone."""

    def __init__(self, database: Database, owner: str | None) -> None:
        self._database = database
        self._owner = owner

    def share(self, answer: int) -> str:
        """The token of the link to an answer of this owner; "" if the owner has no such answer."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO shared_answers SELECT answers.id, ? FROM answers "
                "JOIN conversations ON conversations.id = conversation "
                "WHERE answers.id = ? AND (? IS NULL OR owner = ?)",
                [secrets.token_urlsafe(_TOKEN_BYTES), answer, self._owner, self._owner],
            )
        return self.token(answer)

    def token(self, answer: int) -> str:
        """The token of the link to an answer of this owner; "" if it is not shared."""
        rows = self._database.rows(
            "SELECT token FROM shared_answers JOIN answers ON answers.id = answer "
            "JOIN conversations ON conversations.id = conversation "
            "WHERE answer = ? AND (? IS NULL OR owner = ?)",
            [answer, self._owner, self._owner],
        )
        return next((str(row["token"]) for row in rows), "")

    def withdraw(self, answer: int) -> None:
        """From now on, the link leads nowhere; sharing it again makes another link."""
        with self._database.transaction() as db:
            db.execute(
                "DELETE FROM shared_answers WHERE answer = ? AND answer IN (SELECT answers.id FROM answers "
                "JOIN conversations ON conversations.id = conversation WHERE ? IS NULL OR owner = ?)",
                [answer, self._owner, self._owner],
            )

    def read(self, token: str) -> LoggedAnswer | None:
        """The answer of a link, of whichever owner, without what its reader said; None if nothing is shared by it."""
        rows = self._database.rows(
            "SELECT answers.id, asked_at, question, report, checksum FROM shared_answers "
            "JOIN answers ON answers.id = answer WHERE token = ?",
            [token],
        )
        return next(
            (LoggedAnswer(read_answer(self._database, row).report, row["asked_at"]) for row in rows), None
        )
