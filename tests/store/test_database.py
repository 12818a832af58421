"""The file: what is broken, full or not writable is one sentence that says what to do."""

from pathlib import Path

import pytest

from labourqa.errors import StoreError
from labourqa.law.structure import Code
from labourqa.store import Store
from tests.conftest import small_code


@pytest.mark.parametrize("content", [b"this is no database " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_file_is_one_sentence_and_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"x\.db"):
        Store(path)
    assert path.read_bytes() == content


def test_a_full_disk_is_one_sentence_and_the_old_edition_remains(tmp_path: Path, code: Code) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        edition = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
        # At this size SQLite reports a full disk. The setting belongs to the store's own connection.
        store._database._db.execute("PRAGMA max_page_count = 60")
        with pytest.raises(StoreError, match="disk is full"):
            store.editions.save(code, source="x", sha256="1" * 64)
        assert store.editions.current() == edition
        assert store.editions.articles(edition) == small_code().articles


def test_a_database_that_another_program_writes_to_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labourqa.store.database.BUSY_SECONDS", 0)
    path = tmp_path / "x.db"
    with Store(path) as other, Store(path) as store:
        # An open write transaction, as another process has it while it ingests.
        other._database._db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="in use by another program; try again later"):
            store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
        other._database._db.execute("ROLLBACK")
        assert store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)


def test_a_folder_that_cannot_be_created_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="set LABOURQA_HOME to another folder"):
        Store(tmp_path / "file" / "folder" / "x.db")
