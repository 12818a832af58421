"""The file: what is broken, full or not writable is one sentence that says what to do."""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from labourqa.errors import StoreError
from labourqa.law.structure import Code
from labourqa.store import Store
from tests.conftest import ROOT, small_code
from tests.samples import make_report


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


OPEN_AND_SAVE = """
import sys
from pathlib import Path
from labourqa.store import Store
from tests.conftest import small_code
print("ready", flush=True)
sys.stdin.readline()
with Store(Path(sys.argv[1])) as store:
    edition = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    store.computed.save_token_counts(edition, "t", {"1": 1, "2": 2, "2^1": 3})
    vectors = __import__("numpy").ones((6, 4), dtype="float32")
    store.computed.save_embeddings(edition, "e", [1, 3, 1, 1], vectors)
"""


@pytest.mark.slow
def test_processes_that_create_the_database_at_once_all_store_in_it(tmp_path: Path) -> None:
    """Before, SQLite gave up at once where two processes switched a new file to its write-ahead log."""
    path = tmp_path / "home" / "x.db"
    command = [sys.executable, "-c", OPEN_AND_SAVE, str(path)]
    processes = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # all at once
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    with Store(path) as store:
        assert store.editions.articles(store.editions.current()) == small_code().articles
        assert store.computed.token_counts(store.editions.current(), "t") == {"1": 1, "2": 2, "2^1": 3}


def test_a_database_that_another_process_creates_for_too_long_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labourqa.store.database.BUSY_SECONDS", 0)
    path = tmp_path / "x.db"
    with FileLock(f"{path}.lock"), pytest.raises(StoreError, match="in use by another program"):
        Store(path)


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from labourqa.errors import StoreError
from labourqa.store import Store
from tests.conftest import small_code
if os.geteuid() == 0:  # root may write everywhere; "nobody" owns nothing here
    os.setgid(65534)
    os.setuid(65534)
def attempt(function):
    try:
        return function()
    except StoreError as error:
        return error
"""
READ_AND_WRITE = """
with Store(Path(sys.argv[1])) as store:
    edition = store.editions.current()
    print(len(store.editions.articles(edition)))
    print(attempt(lambda: store.editions.choose(edition)))
"""


def open_to_all(folder: Path) -> None:
    """Let every user enter a temporary folder."""
    while folder != Path(tempfile.gettempdir()):
        folder.chmod(0o755)
        folder = folder.parent


def run_unprivileged(code: str, *arguments: str) -> list[str]:
    """The lines that Python code prints, run as a user who owns nothing here."""
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED + code, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o444, 0o644], ids=["file and folder", "folder alone"])
def test_a_database_that_may_only_be_read_is_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "home" / "x.db"
    with Store(path) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    open_to_all(tmp_path)
    path.chmod(mode)
    path.parent.chmod(0o555)
    articles, sentence = run_unprivileged(READ_AND_WRITE, str(path))
    path.parent.chmod(0o755)
    assert articles == "3"
    assert "x.db cannot be written" in sentence
    assert "set LABOURQA_HOME to another folder" in sentence


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    open_to_all(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o000)
    [sentence] = run_unprivileged(
        "print(attempt(lambda: Store(Path(sys.argv[1]))))", str(tmp_path / "home" / "x.db")
    )
    (tmp_path / "home").chmod(0o755)
    assert "set LABOURQA_HOME to another folder" in sentence


def test_damage_left_by_a_crash_is_found_and_repaired_when_nobody_else_uses_the_database(
    tmp_path: Path, code: Code
) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        answer, conversation = store.conversations.log(make_report())
        store.editions.save(code, source="x", sha256="1" * 64)
    content = bytearray(path.read_bytes())
    for page in range(60, 80):  # where the articles are
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64  # the header
    path.write_bytes(content)
    # The write-ahead log of a process that was killed.
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE x (y)")
        other.commit()
        assert Path(f"{path}-wal").stat().st_size
        with pytest.raises(StoreError, match=r"is damaged, and another program uses it; end"):
            Store(path)
    other.close()
    with Store(path) as store:
        assert [one.id for one in store.conversations.answers(conversation)] == [answer]
    assert list(tmp_path.glob("x.db.*.damaged"))  # is kept
