"""The SQLite file: opening it, bringing its schema up to date, and turning SQLite's errors into sentences."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlite_utils

from labourqa.errors import StoreError
from labourqa.store.migrations import migrations

BUSY_SECONDS = 30  # how long to wait for another process that writes


class Database:
    """The database at `path`, or one in memory. It belongs to the thread that opened it.

    Every method raises StoreError when the file is damaged, locked or cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        with self._errors():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite_utils.Database(sqlite3.connect(path or ":memory:", timeout=BUSY_SECONDS))
            if path is not None:
                self._db.enable_wal()  # questions are answered while another process ingests
            if migrations.pending(self._db):  # without foreign keys, so that a table can be built anew
                migrations.apply(self._db)
            self._db.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite_utils.Database]:
        """Everything written inside is stored together, or not at all; nobody else writes between reads and writes."""
        with self._errors():
            # IMMEDIATE waits for another writer here. SQLite does not wait when a transaction that began with a read
            # wants to write, but fails at once.
            self._db.conn.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.conn.execute("COMMIT")
            except BaseException:
                self._db.rollback()
                raise

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        with self._errors():
            return list(self._db.query(sql, parameters))

    def count(self, table: str) -> int:
        with self._errors():
            return self._db.table(table).count

    def search_expression(self, words: str) -> str:
        """`words` as a full-text query for all of them; "" if there are none."""
        return self._db.quote_fts(words)

    def vacuum(self) -> None:
        """Erase deleted content for good, the freed pages included."""
        with self._errors():
            self._db.execute("VACUUM")

    @contextmanager
    def _errors(self) -> Iterator[None]:
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
                f"The folder of {self._path} cannot be created ({error.strerror}); "
                "set LABOURQA_HOME to another folder."
            ) from error


def now() -> str:
    """ISO time, UTC, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
