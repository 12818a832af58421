"""Rebuilds a damaged database: what can be read of it moves to a new file, and the damaged one is kept beside it."""

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import sqlite_utils
from filelock import FileLock, Timeout

from labourqa.errors import DamagedDatabaseError, StoreError
from labourqa.law.edition import Edition
from labourqa.store.checksums import is_intact
from labourqa.store.database import BUSY_SECONDS, Database, damage_mark
from labourqa.store.editions import Editions
from labourqa.text import printable

_log = logging.getLogger(__name__)

_LAW = ("articles", "paragraphs", "points")
_SINGLE_STEPS = (
    5_000  # more rows than a page holds; beyond them the search for a readable row takes larger steps
)
_LARGEST_ROW = 2**48  # the number of a row beyond it is damaged itself


def repair_database(path: Path) -> None:
    """Replace a damaged database by what can be read of it, if no other program uses it.

    Editions that cannot be read back whole are listed in `lost_editions`. Raises StoreError where the file is in use,
    and where nothing in it can be read; then it is left as it is.
    """
    repaired = Path(f"{path}.repaired")
    try:
        with FileLock(f"{path}.lock", timeout=BUSY_SECONDS):
            _remove(repaired)
            with _open_damaged(path) as damaged:
                unreadable = _copy(damaged, repaired)
            lost_answers = _check_answers(repaired)
            _check_editions(repaired, has_lost_law=any(table in unreadable for table in _LAW))
            kept = Path(f"{path}.{datetime.now(UTC):%Y%m%d-%H%M%S}.damaged")
            for ending in ("", "-wal"):
                with suppress(FileNotFoundError):
                    Path(f"{path}{ending}").rename(f"{kept}{ending}")
            repaired.rename(path)
            _remove(Path(f"{path}-shm"))
            damage_mark(path).unlink(missing_ok=True)
    except Timeout as error:
        raise StoreError(f"{path} is in use by another program; try again later.") from error
    except (sqlite3.Error, UnicodeDecodeError, DamagedDatabaseError) as error:
        raise _explain(path, error) from error
    except OSError as error:
        raise StoreError(
            f"The database {path} is damaged and cannot be repaired ({error.strerror or error}); free some space, or "
            "change the permissions of its folder."
        ) from error
    sentence = f"The database was damaged and is repaired; the damaged file is kept as {kept}."
    parts = [*(table.replace("_", " ") for table in unreadable), *(["answers"] if lost_answers else [])]
    if parts:
        sentence += f" Not everything could be read back of: {', '.join(dict.fromkeys(parts))}."
    _log.warning(sentence)


def _explain(path: Path, error: Exception) -> StoreError:
    if "locked" in str(error):
        return DamagedDatabaseError(
            f"The database {path} is damaged, and another program uses it; end `labourqa ui` and `labourqa serve` and "
            "run the command again, which repairs it."
        )
    return DamagedDatabaseError(
        f"The database {path} is damaged ({printable(str(error))}) and nothing in it can be read; move it away and "
        "run `labourqa ingest`."
    )


@contextmanager
def _open_damaged(path: Path) -> Iterator[sqlite3.Connection]:
    """The damaged database, which no other program has open meanwhile."""
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    db.text_factory = lambda content: content.decode("utf-8", "replace")
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("ROLLBACK")
        yield db
    finally:
        with suppress(sqlite3.Error):
            db.close()


def _copy(damaged: sqlite3.Connection, target: Path) -> list[str]:
    """Copy all rows that can be read to a new database; returns the tables of which some could not."""
    if not damaged.execute("SELECT 1 FROM sqlite_master WHERE name = 'editions'").fetchall():
        raise sqlite3.DatabaseError("its table of contents is gone")
    unreadable = []
    database = Database(target)
    with database.transaction() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")
        for table in _tables(db):
            columns = set(db.table(table).columns_dict)
            reader = _RowReader(damaged, table)
            for row in reader.rows():
                known = {name: value for name, value in row.items() if name in columns}
                places = ", ".join("?" * len(known))
                sql = f"INSERT OR IGNORE INTO {table} ({', '.join(known)}) VALUES ({places})"  # noqa: S608
                db.conn.execute(sql, list(known.values()))
            if not reader.is_complete:
                unreadable.append(table)
        _list_lost_sources(db)
        _remove_orphans(db)
    with database.transaction():
        database.save_index_checksum()
    database.close()
    return unreadable


def _tables(db: sqlite_utils.Database) -> list[str]:
    """The tables of the schema, without those that SQLite or the migrations fill."""
    made = ("articles_fts", "sqlite_", "_sqlite_", "index_checksum")
    return [name for name in db.table_names() if not name.startswith(made)]


class _RowReader:
    """Reads a table in the order of its row numbers, and goes on behind what cannot be read."""

    def __init__(self, db: sqlite3.Connection, table: str) -> None:
        self._db, self._table = db, table
        self.is_complete = True

    def rows(self) -> Iterator[dict[str, Any]]:
        position, failures = -1, 0
        sql = f"SELECT rowid AS row_number, * FROM {self._table} WHERE rowid > ? ORDER BY rowid"  # noqa: S608
        while position < _LARGEST_ROW:
            try:
                cursor = self._db.execute(sql, [position])
                names = [column[0] for column in cursor.description]
                for values in cursor:
                    row = dict(zip(names, values, strict=True))
                    position, failures = row.pop("row_number"), 0
                    yield row
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if "no such table" in str(error):
                    return  # of an earlier version
                self.is_complete = False
                failures += 1
                position += 1 if failures < _SINGLE_STEPS else 2 ** (failures - _SINGLE_STEPS)
            else:
                return


def _list_lost_sources(db: sqlite_utils.Database) -> None:
    """List the files of the editions of which only the owners could be read."""
    sql = "SELECT edition, owner, source FROM edition_owners WHERE edition NOT IN (SELECT id FROM editions)"
    for _edition, rows in groupby(sorted(db.execute(sql).fetchall()), key=itemgetter(0)):
        owners = {owner: source for _, owner, source in rows}
        source = next(iter(owners.values()))
        record = {"code": Path(source).stem, "date": "", "source": source, "sha256": "", "chosen_at": ""}
        db.table("lost_editions").insert({**record, "owners": json.dumps(owners)})


def _remove_orphans(db: sqlite_utils.Database) -> None:
    """Remove rows that belong to a row that could not be read."""
    while orphans := {(table, row) for table, row, *_ in db.execute("PRAGMA foreign_key_check").fetchall()}:
        for table, row in orphans:
            db.conn.execute(f"DELETE FROM {table} WHERE rowid = ?", [row])  # noqa: S608


def _check_answers(path: Path) -> int:
    """Remove answers that are not as they were stored; returns how many."""
    database = Database(path)
    rows = database.rows("SELECT id, question, report, checksum FROM answers")
    damaged = [row["id"] for row in rows if not is_intact(row["checksum"], [row["question"], row["report"]])]
    with database.transaction() as db:
        db.conn.executemany("DELETE FROM answers WHERE id = ?", [(one,) for one in damaged])
    database.close()
    return len(damaged)


def _check_editions(path: Path, *, has_lost_law: bool) -> None:
    """Move editions that are not as they were stored to `lost_editions`, and restore the references of the others."""
    database = Database(path)
    editions = Editions(database, None)
    _remove_damaged_owners(database)
    for row in database.rows("SELECT * FROM editions"):
        if _is_whole(editions, row, has_lost_law=has_lost_law):
            editions.restore_references(row["id"])
            continue
        record = {name: row[name] for name in ("code", "date", "source", "sha256", "chosen_at")}
        owners = database.rows("SELECT owner, source FROM edition_owners WHERE edition = ?", [row["id"]])
        record["owners"] = json.dumps({one["owner"]: one["source"] for one in owners})
        with database.transaction() as db:
            db.table("lost_editions").insert(record)
            db.execute("DELETE FROM editions WHERE id = ?", [row["id"]])
            database.save_index_checksum()
    database.close()
    damage_mark(path).unlink(missing_ok=True)


def _remove_damaged_owners(database: Database) -> None:
    """Nobody gets an edition by damage."""
    with database.transaction() as db:
        for row in database.rows("SELECT rowid, * FROM edition_owners"):
            if not is_intact(row["checksum"], [row["edition"], row["owner"], row["source"]]):
                db.execute("DELETE FROM edition_owners WHERE rowid = ?", [row["rowid"]])


def _is_whole(editions: Editions, row: dict[str, Any], *, has_lost_law: bool) -> bool:
    if row["id"] not in editions.own_ids():
        return False
    if row["articles_checksum"] is None:  # of an earlier version
        return not has_lost_law
    if not is_intact(row["checksum"], [row["code"], row["date"], row["sha256"]]):
        return False
    try:
        editions.articles(Edition(row["code"], row["date"], row["source"], row["sha256"]))
    except DamagedDatabaseError:
        return False
    return True


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", ".lock"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
