"""Searching a code as people type, without models and with ones that count common words."""

from pathlib import Path

import pytest

from labourqa.config import Settings
from labourqa.law.edition import Edition
from labourqa.law.structure import Code
from labourqa.pipeline import Assistant
from labourqa.searching import search_code
from labourqa.store import Store
from tests.conftest import small_code
from tests.fakes import fake_models


@pytest.fixture(scope="module")
def store(code: Code) -> Store:
    store = Store()
    store.editions.save(code, source="labour-code-lt.en.txt", sha256="0" * 64)
    return store


@pytest.fixture(scope="module")
def edition(store: Store) -> Edition:
    return store.editions.current()


def test_articles_with_all_words_come_first(store: Store, edition: Edition) -> None:
    found = search_code(store, edition, "night work")
    assert found.searched == "night work"
    assert "117" in [hit.number for hit in found.exact[:3]]
    assert not {hit.number for hit in found.exact} & {hit.number for hit in found.near}


@pytest.mark.parametrize(
    ("typed", "searched"),
    [("anual leave", "annual leave"), ("nigth work", "night work"), ("Kündigung", "Kündigung")],
)
def test_a_word_that_the_law_does_not_use_is_corrected_to_a_similar_one(
    store: Store, edition: Edition, typed: str, searched: str
) -> None:
    assert search_code(store, edition, typed).searched == searched


def test_a_question_finds_the_articles_with_some_of_its_words(store: Store, edition: Edition) -> None:
    found = search_code(store, edition, "How long is the lunch break at my workplace?")
    assert "122" in [hit.number for hit in (*found.exact, *found.near)]


def test_nonsense_finds_nothing(store: Store, edition: Edition) -> None:
    found = search_code(store, edition, "xyzzy")
    assert found.exact == found.near == ()


def test_with_models_a_prepared_code_is_searched_by_meaning(tmp_path: Path) -> None:
    models = fake_models()
    with Store() as own:
        edition = own.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
        assert search_code(own, edition, "study holidays", models=models).near[0].number == "2^1"  # by words
        with Assistant(Settings(home=tmp_path), own, models=models).prepare(edition):
            pass
        found = search_code(own, edition, "is study paid at night", models=models)
    assert {hit.number for hit in found.near} == {"1", "2", "2^1"}
