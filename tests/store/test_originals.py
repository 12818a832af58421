"""The original file of an edition is kept beside the database, as long as an edition from it is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labourqa.config import Settings
from labourqa.errors import StoreError
from labourqa.law.edition import Edition
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.conftest import small_code
from tests.documents.make_pdf import Text, make_pdf
from tests.samples import write_act

TITLES = "Scope Wages Payment Rest Records Penalties"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PDF of two pages with the six articles of an act."""
    lines = [line for line in write_act("LABOUR CODE OF NOWHERE", TITLES).splitlines() if line]
    half = len(lines) // 2
    pages = [
        [Text(60, 800 - 14 * i, line) for i, line in enumerate(part)] for part in (lines[:half], lines[half:])
    ]
    path = tmp_path / "nowhere.pdf"
    path.write_bytes(make_pdf(*pages))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "home" / "labourqa.db") as store:
        yield store


def ingest(store: Store, path: Path, name: str = "") -> Edition:
    return Assistant(Settings(home=path.parent), store).ingest(path, name=name, force=True)


def test_the_file_and_the_places_of_its_paragraphs_are_kept(store: Store, path: Path) -> None:
    edition = ingest(store, path)
    original = store.originals.read(edition)
    assert original is not None
    assert (original.data, original.suffix) == (path.read_bytes(), "pdf")
    first, last = store.editions.articles(edition)[0], store.editions.articles(edition)[-1]
    pages = store.originals.pages(edition, [first.number, last.number])
    assert (pages[first.number, ""], pages[last.number, ""]) == (1, 2)
    [number, *_] = [paragraph.number for paragraph in last.paragraphs]
    place = store.originals.places(edition, last.number)[number]
    assert original.lines[place.lines[0]].endswith(last.paragraphs[0].text.split("\n")[0][-20:])
    assert [mark.page for mark in place.marks] == [2]


def test_an_edition_without_an_original_still_works(store: Store) -> None:
    edition = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    assert store.originals.read(edition) is None
    assert store.originals.places(edition, "1") == {}
    store.editions.remove(edition)


def test_the_file_goes_with_the_last_edition_from_it(store: Store, path: Path, tmp_path: Path) -> None:
    one, other = ingest(store, path, "One"), ingest(store, path, "Other")
    store.editions.remove(one)
    assert store.originals.read(one) is None
    assert store.originals.read(other) is not None
    store.editions.remove(other)
    assert list((tmp_path / "home" / "originals").iterdir()) == []


def test_a_visitors_file_is_not_given_to_another_visitor(store: Store, path: Path, tmp_path: Path) -> None:
    database = tmp_path / "home" / "labourqa.db"
    with Store(database, owner="anna") as anna, Store(database, owner="ben") as ben:
        edition = ingest(anna, path)
        number = anna.editions.articles(edition)[0].number
        assert anna.originals.read(edition) is not None
        assert ben.originals.read(edition) is None
        assert ben.originals.places(edition, number) == {}
        assert ben.originals.pages(edition, [number]) == {}


def test_a_damaged_original_is_one_sentence_and_ingesting_it_again_repairs_it(
    store: Store, path: Path, tmp_path: Path
) -> None:
    edition = ingest(store, path)
    kept = tmp_path / "home" / "originals" / edition.sha256 / "original.pdf"
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"original\.pdf is damaged; ingest it again"):
        store.originals.read(edition)
    original = store.originals.read(ingest(store, path))
    assert original is not None
    assert original.data == path.read_bytes()
