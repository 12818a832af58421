import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from labourqa.errors import NoEditionError, StoreError, UnknownArticleError
from labourqa.law.edition import Edition
from labourqa.law.references import Reference, find_references
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.store import Store
from tests.conftest import ROOT, small_code
from tests.strategies import codes


def test_what_is_saved_comes_back_the_same(store: Store, small_edition: Edition) -> None:
    assert store.editions.articles(small_edition) == small_code().articles
    assert store.editions.article(small_edition, "2^1") == small_code().articles[2]


def test_the_embedded_edition_comes_back_the_same(store: Store, code: Code) -> None:
    edition = store.editions.save(code, source="x", sha256="1" * 64)
    assert store.editions.articles(edition) == code.articles


@given(code=codes())
def test_any_code_comes_back_the_same(code: Code) -> None:
    with Store() as store:
        edition = store.editions.save(code, source="x", sha256="1" * 64)
        assert (edition.code, edition.date) == (code.name, code.date)
        assert store.editions.current() == edition
        assert store.editions.articles(edition) == code.articles
        for article in code.articles:
            assert store.editions.article(edition, article.number) == article


def test_without_an_edition_the_sentence_says_what_to_run(store: Store) -> None:
    with pytest.raises(NoEditionError, match="labourqa ingest"):
        store.editions.current()


def test_the_edition_ingested_last_is_the_current_one(store: Store, small_edition: Edition) -> None:
    other = store.editions.save(replace(small_code(), date="2026-01-01"), source="b.txt", sha256="2" * 64)
    assert store.editions.current() == other
    again = store.editions.save(small_code(), source="nowhere.txt", sha256=small_edition.sha256)
    assert store.editions.current() == again
    assert len(store.editions.all()) == 2


def test_replacing_leaves_nothing_of_the_old_edition(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        for _ in range(3):
            edition = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
            store.editions.save_token_counts(edition, "t", {"1": 5})
            store.editions.save_embeddings(edition, "e", np.ones((6, 2), dtype=np.float32))
            store.editions.save_calibration_margins(edition, "m", {"2": 0.5, "2^1": 1.5})
    tables = (
        "editions", "articles", "paragraphs", "points", "cross_references", "token_counts", "embeddings",
        "calibration_margins",
    )  # fmt: skip
    with sqlite3.connect(path) as db:
        counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    assert counts == [1, 3, 4, 2, 1, 1, 4, 2]


def test_an_interrupted_save_leaves_the_old_edition_answering(store: Store, small_edition: Edition) -> None:
    articles = small_code().articles
    broken = replace(small_code(), articles=(*articles, articles[0]))  # Art. 1 twice
    with pytest.raises(StoreError):
        store.editions.save(broken, source="nowhere.txt", sha256=small_edition.sha256)
    assert store.editions.articles(store.editions.current()) == articles


def test_a_process_killed_while_ingesting_leaves_the_old_edition_answering(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    ingest_for_ever = (
        "import sys; from pathlib import Path; from labourqa.store import Store\n"
        "from tests.conftest import small_code\n"
        "store = Store(Path(sys.argv[1]))\n"
        "while True:\n"
        "    store.editions.save(small_code(), source='nowhere.txt', sha256='0' * 64); print(flush=True)"
    )
    for delay in (0.0, 0.003, 0.011):
        process = subprocess.Popen(
            [sys.executable, "-c", ingest_for_ever, str(path)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout
        assert process.stdout.readline()  # it has begun
        time.sleep(delay)
        process.kill()
        process.communicate()
        with Store(path) as store:
            assert store.editions.articles(store.editions.current()) == small_code().articles


def test_an_unknown_article_is_named(store: Store, small_edition: Edition) -> None:
    with pytest.raises(UnknownArticleError, match="has no Article 999"):
        store.editions.article(small_edition, "999")


def test_references_can_be_followed_backwards(store: Store, small_edition: Edition) -> None:
    assert find_references(small_code().articles[0].text) == (Reference("2^1", "1"),)
    assert store.editions.references_to(small_edition, "2^1") == ["1"]
    assert store.editions.references_to(small_edition, "1") == []


def test_an_article_does_not_refer_to_itself(store: Store) -> None:
    article = Article("5", "T", (Paragraph("1", "As in Article 5(2) and Article 6."),))
    edition = store.editions.save(Code("C", "", (article,)), source="x", sha256="3" * 64)
    assert store.editions.references_to(edition, "5") == []
    assert store.editions.references_to(edition, "6") == ["5"]


def test_search_finds_words_in_any_form_and_the_title_counts_most(store: Store, code: Code) -> None:
    edition = store.editions.save(code, source="x", sha256="1" * 64)
    assert "117" in [hit.number for hit in store.editions.search(edition, "working nights")]
    assert store.editions.search(edition, "night work")[0].number == "117"
    [best, *_] = store.editions.search(edition, "nights", marks=("[", "]"))
    assert "[night]" in best.excerpt.lower()


@pytest.mark.parametrize("words", ['"', "NOT", "a OR (", "*", "", "; DROP TABLE articles"])
def test_a_search_is_words_and_never_a_query(store: Store, small_edition: Edition, words: str) -> None:
    assert isinstance(store.editions.search(small_edition, words), list)
    assert store.editions.articles(small_edition)


def test_token_counts_are_stored_by_tokenizer(store: Store, small_edition: Edition) -> None:
    store.editions.save_token_counts(small_edition, "a", {"1": 10, "2": 20, "2^1": 30})
    assert store.editions.token_counts(small_edition, "a") == {"1": 10, "2": 20, "2^1": 30}
    assert store.editions.token_counts(small_edition, "b") == {}


def test_calibration_margins_are_stored_by_model_and_completed_later(
    store: Store, small_edition: Edition
) -> None:
    store.editions.save_calibration_margins(small_edition, "a", {"1": 0.5, "2": -1.25})
    store.editions.save_calibration_margins(small_edition, "a", {"2^1": 2.0, "2": -1.0})
    assert store.editions.calibration_margins(small_edition, "a") == {"1": 0.5, "2": -1.0, "2^1": 2.0}
    assert store.editions.calibration_margins(small_edition, "b") == {}


def test_embeddings_come_back_in_the_order_of_paragraphs_and_points(
    store: Store, small_edition: Edition
) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(6, 2)  # four paragraphs, one with two points
    assert store.editions.embeddings(small_edition, "e") is None
    store.editions.save_embeddings(small_edition, "e", vectors)
    loaded = store.editions.embeddings(small_edition, "e")
    assert loaded is not None
    np.testing.assert_array_equal(loaded, vectors)
