"""Damage of the database: whatever bytes are overwritten, nothing false is shown, and what is lost is named."""

import logging
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from labourqa.config import DEFAULT_EDITION, Settings
from labourqa.errors import DamagedDatabaseError, StoreError
from labourqa.law.edition import Edition
from labourqa.law.structure import Code
from labourqa.models.local_files import file_sha256
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.conftest import small_code
from tests.fakes import fake_models
from tests.samples import NOWHERE, make_report

PAGE_BYTES = 4096
VECTORS = np.arange(12, dtype=np.float32).reshape(6, 2)
COUNTS = [1, 3, 1, 1]


def fill(path: Path) -> Edition:
    """Store a code, what was computed about it, and a conversation."""
    with Store(path) as store:
        edition = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
        store.computed.save_token_counts(edition, "t", {"1": 10, "2": 20, "2^1": 30})
        store.computed.save_embeddings(edition, "e", COUNTS, VECTORS)
        store.conversations.log(make_report())
    return edition


def use(store: Store, edition: Edition) -> bool:
    """Whether everything that was stored by `fill` is there; False where the edition was lost.

    Raises DamagedDatabaseError; what is given is always what was stored.
    """
    if not store.editions.all():
        return False
    [found] = store.editions.all()
    assert (found.code, found.date, found.sha256) == (edition.code, edition.date, edition.sha256)
    assert store.editions.articles(edition) == small_code().articles
    assert store.editions.article(edition, "2^1") == small_code().articles[2]
    assert store.editions.references_to(edition, "2^1") == ["1"]
    assert [hit.number for hit in store.editions.search(edition, "nights")] == ["2"]
    assert store.computed.token_counts(edition, "t").items() <= {"1": 10, "2": 20, "2^1": 30}.items()
    embeddings = store.computed.embeddings(edition, "e", COUNTS)
    assert embeddings is None or embeddings.tolist() == VECTORS.tolist()
    for conversation in store.conversations.search():
        assert [one.report for one in store.conversations.answers(conversation.id)] in ([make_report()], [])
    return True


@pytest.mark.slow
@pytest.mark.parametrize("length", [8, 300])
def test_bytes_overwritten_anywhere_are_noticed_and_nothing_false_is_given(
    tmp_path: Path, length: int, caplog: pytest.LogCaptureFixture
) -> None:
    good = tmp_path / "good.db"
    edition = fill(good)
    chosen = random.Random(7)  # of bytes, the same in each run
    whole = restored = lost = refused = 0
    for page in range(good.stat().st_size // PAGE_BYTES):
        path = tmp_path / str(page) / "x.db"
        path.parent.mkdir()
        content = bytearray(good.read_bytes())
        used = [i for i in range(page * PAGE_BYTES, (page + 1) * PAGE_BYTES - length) if content[i]]
        start = (
            page * PAGE_BYTES if length > 8 else chosen.choice(used)
        )  # the page's header, or what is in it
        content[start : start + length] = chosen.randbytes(length)
        path.write_bytes(content)
        caplog.clear()
        first = True
        for _ in range(3):  # a repair may be followed by another one, of what was read then
            try:
                with Store(path) as store:
                    if use(store, edition):
                        whole, restored = whole + first, restored + (not first)
                    else:
                        lost += 1
                        named = any(one.edition.source == edition.source for one in store.editions.lost())
                        assert named or "Not everything could be read back of: edition" in caplog.text
                break
            except DamagedDatabaseError as error:
                last = error
                first = False
        else:
            refused += 1
            assert "move it away and run `labourqa ingest`" in str(last)
            assert path.read_bytes() == content
        assert not list(path.parent.glob("*.repaired"))
        shutil.rmtree(path.parent)
    assert whole + restored + lost + refused == good.stat().st_size // PAGE_BYTES
    assert restored > 0
    assert lost > 0
    assert refused <= 5  # the pages of SQLite's own table of contents


def test_a_damaged_edition_is_restored_from_its_file(
    tmp_path: Path, code: Code, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path)
    with Store(settings.database) as store:
        assistant = Assistant(settings, store, models=fake_models())
        embedded = assistant.ingest()
        other = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    content = settings.database.read_bytes()
    damaged = content.replace(b"working night", b"idling nights").replace(
        b"Night work is paid", b"Night work is free"
    )
    assert damaged != content
    settings.database.write_bytes(damaged)
    with (
        Store(settings.database) as store,
        pytest.raises(DamagedDatabaseError, match="run the command again"),
    ):
        store.editions.articles(other)
    with Store(settings.database) as store:
        assistant = Assistant(settings, store, models=fake_models())
        assert assistant.current_edition() == embedded
        assert store.editions.articles(embedded) == code.articles
        assert [one.code for one in store.editions.all()] == [embedded.code]
    assert file_sha256(DEFAULT_EDITION) == embedded.sha256
    assert "its file was not kept; run `labourqa ingest` with its file again" in caplog.text


def test_an_edition_is_restored_from_the_file_that_was_kept_at_its_ingestion(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    (tmp_path / "nowhere.txt").write_text(NOWHERE)
    with Store(settings.database) as store:
        assistant = Assistant(settings, store, models=fake_models())
        edition = assistant.ingest(tmp_path / "nowhere.txt", name="My Code", force=True)
        assistant.precompute(edition)
        articles = store.editions.articles(edition)
    (tmp_path / "nowhere.txt").unlink()
    content = settings.database.read_bytes()
    settings.database.write_bytes(content.replace(b"one and a half times", b"one and a third time"))
    with (
        Store(settings.database) as store,
        pytest.raises(DamagedDatabaseError, match="run the command again"),
    ):
        store.editions.articles(edition)
    with Store(settings.database) as store:
        assistant = Assistant(settings, store, models=fake_models())
        assert assistant.current_edition() == edition
        assert store.editions.articles(edition) == articles
        assert store.editions.lost() == []


def test_a_damaged_database_that_may_only_be_read_shows_what_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.db"
    edition = fill(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"one and a half times", b"one and a third time"))
    monkeypatch.setattr("labourqa.store.database.is_read_only", lambda path: True)
    with Store(path) as store:
        assert store.editions.article(edition, "1") == small_code().articles[0]
        with pytest.raises(StoreError, match=r"Article 2 of .+ cannot be repaired where it may only be read"):
            store.editions.article(edition, "2")


def test_a_repair_keeps_who_owns_what(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.db"
    with Store(path, owner="ada") as store:
        edition = store.editions.save(small_code(), source="ada.txt", sha256="0" * 64)
        store.editions.choose_for_owner(edition)
        store.conversations.log(make_report())
    Path(f"{path}.damaged").touch()  # as if damage had been found
    with Store(path) as store:
        assert store.editions.all() == []
        assert store.conversations.search() == []
    with Store(path, owner="ada") as store:
        assert store.editions.chosen_by_owner() == edition
        assert store.editions.articles(edition) == small_code().articles
        assert len(store.conversations.search()) == 1
    with caplog.at_level(logging.WARNING):
        assert "is repaired; the damaged file is kept as" in caplog.text
