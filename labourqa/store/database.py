"""The SQLite file: opening it, bringing its schema up to date, and turning SQLite's errors into sentences."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlite_utils
from filelock import FileLock, Timeout

from labourqa.errors import StoreError
from labourqa.store.migrations import migrations

BUSY_SECONDS = 30  # how long to wait for another process that writes


class Database:
    """The database at `path`, or one in memory. It belongs to the thread that opened it.

    Where the file or its folder may only be read, the database is opened for reading. Every method raises StoreError
    when the file is damaged, locked or cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        with self._errors():
            if path is None:
                self._db = _connect(":memory:")
                migrations.apply(self._db)
            elif _is_read_only(path):
                self._db = _open_read_only(path)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                # Two processes that create or migrate the file at once would each do half of it.
                with FileLock(f"{path}.lock", timeout=BUSY_SECONDS):
                    self._db = _open(path)
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
        except Timeout as error:
            raise StoreError(f"{self._path} is in use by another program; try again later.") from error
        except sqlite3.OperationalError as error:
            raise StoreError(self._explain(str(error))) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"The database {self._path} is damaged ({error}); move it away and run `labourqa ingest`."
            ) from error
        except OSError as error:
            raise StoreError(
                f"The folder of {self._path} cannot be used ({error.strerror or error}); change its permissions, or "
                "set LABOURQA_HOME to another folder."
            ) from error

    def _explain(self, reason: str) -> str:
        """What to do about an error that SQLite calls operational."""
        if "full" in reason:
            return f"The disk is full; free some space for {self._path}."
        if "locked" in reason:
            return f"{self._path} is in use by another program; try again later."
        if "readonly" in reason or "unable to open" in reason or "disk I/O" in reason:
            return (
                f"{self._path} cannot be written ({reason}); change the permissions of the file and its folder, or "
                "set LABOURQA_HOME to another folder."
            )
        return f"The database {self._path} cannot be used ({reason}); move it away and run `labourqa ingest`."


def _connect(name: str, *, uri: bool = False) -> sqlite_utils.Database:
    return sqlite_utils.Database(sqlite3.connect(name, timeout=BUSY_SECONDS, uri=uri))


def _open(path: Path) -> sqlite_utils.Database:
    """The database, created or migrated if necessary; another process must not do the same meanwhile."""
    # SQLite removes the file when the last connection is closed: it is there after a crash, or while others write.
    unclean = _size(Path(f"{path}-wal")) > 0
    db = _connect(str(path))
    try:
        if unclean:
            _check_integrity(db)  # 1.6 ms for a database with the embedded edition
        db.enable_wal()  # questions are answered while another process ingests
        if migrations.pending(db):  # without foreign keys, so that a table can be built anew
            migrations.apply(db)
    except BaseException:
        db.close()
        raise
    return db


def _open_read_only(path: Path) -> sqlite_utils.Database:
    """The database for reading only. Raises StoreError when it must be migrated first."""
    name = f"{path.absolute().as_uri()}?mode=ro"
    # Without "immutable", SQLite creates files beside a database in WAL mode, even to read it. Where there is such a
    # file already, another process writes.
    if not Path(f"{path}-wal").exists():
        name += "&immutable=1"
    db = _connect(name, uri=True)
    if migrations.pending(db):
        raise StoreError(
            f"{path} was written by another version of labourqa and may only be read; change the permissions of its "
            "folder, so that it can be updated, or set LABOURQA_HOME to another folder."
        )
    return db


def _is_read_only(path: Path) -> bool:
    return path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _check_integrity(db: sqlite_utils.Database) -> None:
    """Raises sqlite3.DatabaseError for a file whose structure is damaged."""
    [[result]] = db.execute("PRAGMA quick_check(1)").fetchall()
    if result != "ok":
        raise sqlite3.DatabaseError(str(result).splitlines()[-1])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def now() -> str:
    """ISO time, UTC, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
