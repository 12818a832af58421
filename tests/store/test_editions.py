import re
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


def save_with_everything(store: Store, code: Code) -> Edition:
    """Save the code with one value of each kind that models compute."""
    edition = store.editions.save(code, source="nowhere.txt", sha256="0" * 64)
    store.computed.save_token_counts(edition, "t", {"1": 5})
    store.computed.save_embeddings(edition, "e", [1, 3, 1, 1], np.ones((6, 2), dtype=np.float32))
    store.computed.save_calibration_margins(edition, "m", {"2": 0.5, "2^1": 1.5})
    return edition


def count_rows(path: Path) -> list[int]:
    """The rows of each table of an edition; the full-text index is checked as well."""
    tables = (
        "editions", "articles", "paragraphs", "points", "cross_references", "token_counts", "embeddings",
        "calibration_margins",
    )  # fmt: skip
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        db.execute("INSERT INTO articles_fts(articles_fts, rank) VALUES ('integrity-check', 1)")
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


ONE_EDITION = [1, 3, 4, 2, 1, 1, 4, 2]


def test_replacing_leaves_nothing_of_the_old_edition(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        for _ in range(3):
            save_with_everything(store, small_code())
    assert count_rows(path) == ONE_EDITION


def test_removing_an_edition_leaves_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        other = save_with_everything(store, replace(small_code(), name="Another Act"))
        edition = save_with_everything(store, small_code())
        store.editions.remove(edition)
        assert store.editions.all() == [other]
        assert store.editions.articles(edition) == ()
        assert store.editions.articles(other) == small_code().articles
    assert count_rows(path) == ONE_EDITION


def test_a_code_that_is_renamed_like_another_replaces_its_equal_edition(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        save_with_everything(store, replace(small_code(), name="Labour Code (draft)"))
        edition = save_with_everything(store, small_code())
        store.editions.rename_code("Labour Code (draft)", edition.code)
        assert store.editions.all() == [edition]
        assert store.editions.articles(edition) == small_code().articles
        assert [hit.number for hit in store.editions.search(edition, "nights")] == ["2"]
    assert count_rows(path) == ONE_EDITION


def test_two_acts_of_one_file_are_two_editions(store: Store, small_edition: Edition) -> None:
    wages = replace(small_code(), name="Wages Act", articles=small_code().articles[1:2])
    other = store.editions.save(wages, source="nowhere.txt", sha256=small_edition.sha256)
    assert store.editions.all() == [other, small_edition]
    assert len(store.editions.articles(other)) == 1
    assert len(store.editions.articles(small_edition)) == 3
    store.computed.save_token_counts(other, "t", {"2": 7})
    assert store.computed.token_counts(small_edition, "t") == {}
    assert store.editions.references_to(other, "2^1") == []


def test_an_edition_that_is_chosen_is_the_current_one(store: Store, small_edition: Edition) -> None:
    other = store.editions.save(replace(small_code(), name="Wages Act"), source="b.txt", sha256="2" * 64)
    assert store.editions.current() == other
    store.editions.choose(small_edition)
    assert store.editions.current() == small_edition
    assert list(store.editions.codes()) == ["Labour Code of Nowhere", "Wages Act"]


@pytest.fixture
def several_codes(store: Store) -> Store:
    for name, date, checksum in (
        ("Labour Code of Nowhere", "2025-01-01", "a" * 64),
        ("Labour Code of Nowhere", "2023-07-01", "b" * 64),
        ("Labour Code of Elsewhere", "2020-01-01", "c" * 64),
        ("Wages Act", "", "d" * 64),
    ):
        code = replace(small_code(), name=name, date=date)
        store.editions.save(code, source=f"{name} {date}", sha256=checksum)
    return store


@pytest.mark.parametrize(
    ("wanted", "name", "date"),
    [
        ("Labour Code of Nowhere", "Labour Code of Nowhere", "2025-01-01"),  # the newest
        ("nowhere@2023-07-01", "Labour Code of Nowhere", "2023-07-01"),
        (" NOWHERE @ 2025-01-01 ", "Labour Code of Nowhere", "2025-01-01"),
        ("else", "Labour Code of Elsewhere", "2020-01-01"),
        ("wages", "Wages Act", ""),
        ("nowhere@bbbb", "Labour Code of Nowhere", "2023-07-01"),  # the file's checksum
        ("nowhere@BBBBBBBB", "Labour Code of Nowhere", "2023-07-01"),
    ],
)
def test_a_code_is_found_by_its_name_a_part_of_it_and_a_date(
    several_codes: Store, wanted: str, name: str, date: str
) -> None:
    found = several_codes.editions.find(wanted)
    assert (found.code, found.date) == (name, date)


def test_codes_whose_names_differ_only_in_case_are_found_by_their_exact_names(several_codes: Store) -> None:
    other = replace(small_code(), name="WAGES ACT")
    edition = several_codes.editions.save(other, source="x", sha256="e" * 64)
    assert several_codes.editions.find("WAGES ACT") == edition
    assert several_codes.editions.find("Wages Act") != edition
    with pytest.raises(NoEditionError, match="Several codes"):
        several_codes.editions.find("wages act")


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("labour code", "Several codes have 'labour code' in the name; run `labourqa codes`"),
        ("civil", "No code has 'civil' in the name; run `labourqa codes`"),
        (
            "nowhere@1999-01-01",
            "no edition of 1999-01-01; the Labour Code of Nowhere has 2025-01-01, 2023-07-01",
        ),
        ("wages@2020-01-01", "the Wages Act has no date"),
        ("wages@ddd", "no edition of ddd"),  # too short to name a file
    ],
)
def test_a_name_that_does_not_name_one_code_is_one_sentence(
    several_codes: Store, wanted: str, sentence: str
) -> None:
    with pytest.raises(NoEditionError, match=re.escape(sentence)):
        several_codes.editions.find(wanted)


def test_every_edition_is_described_with_its_articles_and_its_time(several_codes: Store) -> None:
    editions = several_codes.editions
    described = editions.describe()
    assert [(one.edition.code, one.edition.date, one.articles) for one in described] == [
        ("Wages Act", "", 3),
        ("Labour Code of Elsewhere", "2020-01-01", 3),
        ("Labour Code of Nowhere", "2025-01-01", 3),
        ("Labour Code of Nowhere", "2023-07-01", 3),
    ]
    assert all(re.match(r"20\d\d-\d\d-\d\dT", one.ingested_at) for one in described)
    preliminary = replace(small_code(), name="Approved Code", preliminary=small_code().articles[:1])
    edition = editions.save(preliminary, source="x", sha256="e" * 64)
    assert (editions.describe()[0].edition, editions.describe()[0].articles) == (edition, 3)


def test_an_interrupted_save_leaves_the_old_edition_answering(store: Store, small_edition: Edition) -> None:
    articles = small_code().articles
    broken = replace(small_code(), articles=(*articles, articles[0]))  # Art. 1 twice
    with pytest.raises(StoreError):
        store.editions.save(broken, source="nowhere.txt", sha256=small_edition.sha256)
    assert store.editions.articles(store.editions.current()) == articles


@pytest.mark.slow
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
    store.computed.save_token_counts(small_edition, "a", {"1": 10, "2": 20, "2^1": 30})
    assert store.computed.token_counts(small_edition, "a") == {"1": 10, "2": 20, "2^1": 30}
    assert store.computed.token_counts(small_edition, "b") == {}


def test_calibration_margins_are_stored_by_model_and_completed_later(
    store: Store, small_edition: Edition
) -> None:
    store.computed.save_calibration_margins(small_edition, "a", {"1": 0.5, "2": -1.25})
    store.computed.save_calibration_margins(small_edition, "a", {"2^1": 2.0, "2": -1.0})
    assert store.computed.calibration_margins(small_edition, "a") == {"1": 0.5, "2": -1.0, "2^1": 2.0}
    assert store.computed.calibration_margins(small_edition, "b") == {}


def test_embeddings_come_back_in_order_with_as_many_vectors_of_a_paragraph_as_were_saved(
    store: Store, small_edition: Edition
) -> None:
    vectors = np.arange(16, dtype=np.float32).reshape(8, 2)
    counts = [2, 4, 1, 1]  # four paragraphs
    assert store.computed.embeddings(small_edition, "e", counts) is None
    store.computed.save_embeddings(small_edition, "e", counts, vectors)
    loaded = store.computed.embeddings(small_edition, "e", counts)
    assert loaded is not None
    np.testing.assert_array_equal(loaded, vectors)
