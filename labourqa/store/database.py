"""The SQLite file: opening it, bringing its schema up to date, and turning SQLite's errors into sentences."""

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlite_utils
from filelock import FileLock, Timeout

from labourqa.errors import DamagedDatabaseError, StoreError
from labourqa.store.checksums import checksum, is_intact
from labourqa.store.migrations import migrations
from labourqa.text import printable

BUSY_SECONDS = 30  # how long to wait for another process that writes
_LEAST_BYTES = 200_000  # on the disk: SQLite's files beside a database take 70,000 at least
# In errors that SQLite calls operational: a table that should be there, and text that is no UTF-8.
_SIGNS_OF_DAMAGE = re.compile(r"no such (table|column|index|module)|Could not decode|malformed")


class Database:
    """The database at `path`, or one in memory. It belongs to the thread that opened it.

    Where the file or its folder may only be read, or the disk is full, the database is opened for reading. Every method
    raises StoreError when the file is locked or cannot be written, and DamagedDatabaseError when it is damaged. Damage
    that is found while the database is used is marked by a file beside it, so that it is repaired when it is opened
    again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        with self._errors():
            if path is None:
                self._db = _connect(":memory:")
                migrations.apply(self._db)
            elif is_read_only(path):
                self._db = _open_read_only(path)
            else:
                self._db = _open_or_read(path)
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

    def report_damage(self, what: str) -> DamagedDatabaseError:
        """The error to raise for damage that was found in `what`; it is marked."""
        if self.path is None or is_read_only(self.path):
            return DamagedDatabaseError(
                f"The database {self.path} is damaged ({what}) and cannot be repaired where it may only be read; "
                "change the permissions of its folder."
            )
        with suppress(OSError):
            damage_mark(self.path).touch()
        return DamagedDatabaseError(
            f"The database {self.path} is damaged ({what}); run the command again, which repairs it. "
            "End `labourqa ui` and `labourqa serve` before."
        )

    def check_index(self) -> None:
        """Raises DamagedDatabaseError when the full-text index is not as it was stored."""
        stored = self.rows("SELECT value FROM index_checksum")
        if stored and not is_intact(stored[0]["value"], self._index_values()):
            raise self.report_damage("the full-text index")

    def save_index_checksum(self) -> None:
        """To be called in each transaction that added or removed articles."""
        record = {"id": 1, "value": checksum(self._index_values())}
        self._db.table("index_checksum").insert(record, replace=True)

    def _index_values(self) -> Iterator[Any]:
        for row in self.rows("SELECT id, block FROM articles_fts_data ORDER BY id"):
            yield from row.values()
        for row in self.rows("SELECT segid, term, pgno FROM articles_fts_idx ORDER BY segid, term"):
            yield from row.values()

    def search_expression(self, words: str) -> str:
        """`words` as a full-text query for all of them; "" if there are none."""
        return self._db.quote_fts(words.replace("\0", " "))  # at which SQLite would end the query

    def vacuum(self) -> None:
        """Erase deleted content for good, the freed pages included."""
        with self._errors():
            self._db.execute("VACUUM")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Timeout as error:
            raise StoreError(f"{self.path} is in use by another program; try again later.") from error
        except sqlite3.OperationalError as error:
            if _SIGNS_OF_DAMAGE.search(str(error)):
                raise self.report_damage(printable(str(error))) from error
            raise StoreError(self._explain(str(error))) from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter: a damaged name in an error
            raise self.report_damage(printable(str(error))) from error
        except OSError as error:
            if self.path is not None and _is_disk_full(self.path):
                raise StoreError(self._explain(str(error))) from error
            raise StoreError(
                f"The folder of {self.path} cannot be used ({error.strerror or error}); change its permissions, or "
                "set LABOURQA_HOME to another folder."
            ) from error

    def _explain(self, reason: str) -> str:
        """What to do about an error that SQLite calls operational."""
        if "full" in reason or (self.path is not None and _is_disk_full(self.path)):
            return f"The disk is full; free some space for {self.path}."
        if "locked" in reason:
            return f"{self.path} is in use by another program; try again later."
        if "readonly" in reason or "unable to open" in reason or "disk I/O" in reason:
            return (
                f"{self.path} cannot be written ({reason}); change the permissions of the file and its folder, or "
                "set LABOURQA_HOME to another folder."
            )
        return f"The database {self.path} cannot be used ({reason}); move it away and run `labourqa ingest`."


def _connect(name: str, *, uri: bool = False) -> sqlite_utils.Database:
    return sqlite_utils.Database(sqlite3.connect(name, timeout=BUSY_SECONDS, uri=uri))


def _open_or_read(path: Path) -> sqlite_utils.Database:
    """The database; where the disk has no room for the files that SQLite keeps beside it, for reading only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Two processes that create or migrate the file at once would each do half of it.
        with FileLock(f"{path}.lock", timeout=BUSY_SECONDS):
            return _open(path)
    except (sqlite3.OperationalError, OSError):
        if not path.exists() or not _is_disk_full(path):
            raise
        return _open_read_only(path)


def _open(path: Path) -> sqlite_utils.Database:
    """The database, created or migrated if necessary; another process must not do the same meanwhile."""
    # SQLite removes the file when the last connection is closed: it is there after a crash, or while others write.
    unclean = _size(Path(f"{path}-wal")) > 0
    db = _connect(str(path))
    try:
        _check_integrity(db, unclean=unclean, is_marked=damage_mark(path).exists())
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
    # Without "immutable", SQLite creates files beside a database in WAL mode, even to read it. Where such a file has
    # content already, another process writes.
    if not _size(Path(f"{path}-wal")):
        name += "&immutable=1"
    db = _connect(name, uri=True)
    if migrations.pending(db):
        raise StoreError(
            f"{path} was written by another version of labourqa and may only be read; change the permissions of its "
            "folder, so that it can be updated, or set LABOURQA_HOME to another folder."
        )
    return db


def is_read_only(path: Path) -> bool:
    """Whether there is a database that this user may only read."""
    return path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _is_disk_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_BYTES
    except OSError:
        return False


def damage_mark(path: Path) -> Path:
    """The file that says that the database at `path` is damaged."""
    return Path(f"{path}.damaged")


def _check_integrity(db: sqlite_utils.Database, *, unclean: bool, is_marked: bool) -> None:
    """Raises sqlite3.DatabaseError for a file in which damage was found before, or whose structure is damaged."""
    if is_marked:
        raise sqlite3.DatabaseError("as was found before")
    if unclean:
        # 1.6 ms for a database with the embedded edition.
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
