import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labourqa.errors import NoEditionError, StoreError, UnknownArticleError
from labourqa.law.references import Reference, find_references
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.store.database import Edition, Store
from tests.conftest import small_code


def test_what_is_saved_comes_back_the_same(store: Store, small_edition: Edition) -> None:
    assert store.articles(small_edition) == small_code().articles
    assert store.article(small_edition, "2^1") == small_code().articles[2]


def test_the_embedded_edition_comes_back_the_same(store: Store, code: Code) -> None:
    edition = store.save_code(code, source="x", sha256="1" * 64)
    assert store.articles(edition) == code.articles


def test_without_an_edition_the_sentence_says_what_to_run(store: Store) -> None:
    with pytest.raises(NoEditionError, match="labourqa ingest"):
        store.current_edition()


def test_the_edition_ingested_last_is_the_current_one(store: Store, small_edition: Edition) -> None:
    other = store.save_code(replace(small_code(), date="2026-01-01"), source="b.txt", sha256="2" * 64)
    assert store.current_edition() == other
    again = store.save_code(small_code(), source="nowhere.txt", sha256=small_edition.sha256)
    assert store.current_edition() == again
    assert len(store.editions()) == 2


def test_replacing_leaves_nothing_of_the_old_edition(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        for _ in range(3):
            edition = store.save_code(small_code(), source="nowhere.txt", sha256="0" * 64)
            store.save_token_counts(edition, "t", {"1": 5})
            store.save_embeddings(edition, "e", np.ones((6, 2), dtype=np.float32))
    with sqlite3.connect(path) as db:
        tables = (
            "editions",
            "articles",
            "paragraphs",
            "points",
            "cross_references",
            "token_counts",
            "embeddings",
        )
        counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    assert counts == [1, 3, 4, 2, 1, 1, 4]


def test_an_interrupted_save_leaves_the_old_edition_answering(store: Store, small_edition: Edition) -> None:
    broken = replace(
        small_code(), articles=(*small_code().articles, small_code().articles[0])
    )  # Art. 1 twice
    with pytest.raises(StoreError):
        store.save_code(broken, source="nowhere.txt", sha256=small_edition.sha256)
    assert store.articles(store.current_edition()) == small_code().articles


def test_a_process_killed_while_ingesting_leaves_the_old_edition_answering(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        edition = store.save_code(small_code(), source="nowhere.txt", sha256="0" * 64)
    ingest_for_ever = (
        "import sys; from pathlib import Path; from labourqa.store import Store\n"
        "from tests.conftest import small_code\n"
        "store = Store(Path(sys.argv[1]))\n"
        "while True:\n"
        "    store.save_code(small_code(), source='nowhere.txt', sha256='0' * 64); print(flush=True)"
    )
    for delay in (0.0, 0.003, 0.011):
        process = subprocess.Popen(
            [sys.executable, "-c", ingest_for_ever, str(path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout
        process.stdout.readline()  # it has begun
        time.sleep(delay)
        process.kill()
        process.communicate()
        with Store(path) as store:
            edition = store.current_edition()
            assert store.articles(edition) == small_code().articles


def test_an_unknown_article_is_named(store: Store, small_edition: Edition) -> None:
    with pytest.raises(UnknownArticleError, match="has no Article 999"):
        store.article(small_edition, "999")


def test_references_can_be_followed_backwards(store: Store, small_edition: Edition) -> None:
    assert find_references(small_code().articles[0].text) == (Reference("2^1", "1"),)
    assert store.references_to(small_edition, "2^1") == ["1"]
    assert store.references_to(small_edition, "1") == []


def test_an_article_does_not_refer_to_itself(store: Store) -> None:
    article = Article("5", "T", (Paragraph("1", "As in Article 5(2) and Article 6."),))
    edition = store.save_code(Code("C", "", (article,)), source="x", sha256="3" * 64)
    assert store.references_to(edition, "5") == []
    assert store.references_to(edition, "6") == ["5"]


def test_search_finds_words_in_any_form_and_the_title_counts_most(store: Store, code: Code) -> None:
    edition = store.save_code(code, source="x", sha256="1" * 64)
    found = [number for number, _, _ in store.search_articles(edition, "working nights")]
    assert "117" in found
    assert store.search_articles(edition, "night work")[0][0] == "117"
    assert "[night]" in store.search_articles(edition, "nights", marks=("[", "]"))[0][2].lower()


@pytest.mark.parametrize("words", ['"', "NOT", "a OR (", "*", "", "; DROP TABLE articles"])
def test_a_search_is_words_and_never_a_query(store: Store, small_edition: Edition, words: str) -> None:
    assert isinstance(store.search_articles(small_edition, words), list)
    assert store.articles(small_edition)


def test_token_counts_are_kept_by_tokenizer(store: Store, small_edition: Edition) -> None:
    store.save_token_counts(small_edition, "a", {"1": 10, "2": 20, "2^1": 30})
    assert store.token_counts(small_edition, "a") == {"1": 10, "2": 20, "2^1": 30}
    assert store.token_counts(small_edition, "b") == {}


def test_embeddings_come_back_in_the_order_of_paragraphs_and_points(
    store: Store, small_edition: Edition
) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(6, 2)  # four paragraphs, one with two points
    assert store.embeddings(small_edition, "e") is None
    store.save_embeddings(small_edition, "e", vectors)
    loaded = store.embeddings(small_edition, "e")
    assert loaded is not None
    np.testing.assert_array_equal(loaded, vectors)


def report(question: str, text: str = "Yes.", method: str = "article-cache") -> dict[str, Any]:
    return {"question": question, "method": method, "answer": {"text": text}}


@pytest.mark.parametrize("everything", [True, False])
def test_erased_answers_are_not_left_in_the_file(tmp_path: Path, everything: bool) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        store._db.execute("PRAGMA secure_delete = OFF")  # on in some builds of SQLite, off in others
        _, conversation = store.log_answer(report("Am I pregnant-and-fired-xyzzy?"))
        assert [question for _, question in store.answers()] == ["Am I pregnant-and-fired-xyzzy?"]
        if everything:
            assert store.erase_answers() == 1
        else:
            store.erase_conversation(conversation)
        assert store.answers() == []
        assert store.conversations() == []
    for file in tmp_path.iterdir():
        assert b"xyzzy" not in file.read_bytes()


def test_a_conversation_keeps_its_answers_in_order(store: Store) -> None:
    first, leave = store.log_answer(report("How long is leave?"))
    _, night = store.log_answer(report("Is night work paid more?"))
    second, same = store.log_answer(report("And at 50?"), leave)
    assert same == leave
    assert [answer.report["question"] for answer in store.conversation(leave)] == [
        "How long is leave?",
        "And at 50?",
    ]
    assert [answer.id for answer in store.conversation(leave)] == [first, second]
    assert [one.id for one in store.conversations()] == [leave, night]  # the last one continued stands first
    assert store.conversation(999) == []


def test_a_conversation_is_renamed_and_erased_alone(store: Store) -> None:
    _, leave = store.log_answer(report("How long is leave?"))
    _, night = store.log_answer(report("Is night work paid more?"))
    store.rename_conversation(leave, "Leave")
    assert (store.conversation_title(leave), store.conversation_title(99)) == ("Leave", "")
    store.erase_conversation(night)
    assert [(one.id, one.title) for one in store.conversations()] == [(leave, "Leave")]
    assert store.conversation(night) == []
    _, another = store.log_answer(report("And on Sundays?"), 999)
    assert [one.title for one in store.conversations()] == ["And on Sundays?", "Leave"]
    assert len(store.conversation(another)) == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [("LEAVE", True), ("renamed", True), ("twenty", True), ("night", False), ("%", False), ("_ong", False)],
)
def test_conversations_are_found_by_title_question_and_answer(store: Store, words: str, found: bool) -> None:
    _, leave = store.log_answer(report("How long is leave?", "At least twenty days."))
    store.rename_conversation(leave, "Renamed")
    assert bool(store.conversations(words)) == found


@pytest.mark.parametrize("helpful", [True, False])
def test_feedback_is_kept_with_its_answer(store: Store, helpful: bool) -> None:
    answer, conversation = store.log_answer(report("How long is leave?"))
    assert store.conversation(conversation)[0].helpful is None
    store.save_feedback(answer, helpful, "the wrong article")
    kept = store.conversation(conversation)[0]
    assert (kept.helpful, kept.reason) == (helpful, "the wrong article")
    store.save_feedback(answer, None)
    assert store.conversation(conversation)[0].helpful is None


def test_the_latest_report_is_of_this_question_and_method(store: Store) -> None:
    for text, method in (("old", "token-batches"), ("new", "token-batches"), ("other", "article-cache")):
        store.log_answer(report("Why?", text, method))
    found = store.latest_report("Why?", "token-batches")
    assert found is not None
    assert found["answer"]["text"] == "new"
    assert store.latest_report("Why?", "packed") is None
    assert store.latest_report("Why not?", "token-batches") is None


def test_answers_of_an_older_database_become_conversations(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        for table in ("answers", "conversations"):
            store._db.execute(f"DROP TABLE {table}")
        store._db.execute(
            "CREATE TABLE answers (id INTEGER PRIMARY KEY, asked_at TEXT NOT NULL, "
            "question TEXT NOT NULL, report TEXT NOT NULL)"
        )
        store._db.execute(
            "INSERT INTO answers VALUES (7, '2026', 'How long?', '{\"question\": \"How long?\"}')"
        )
        store._db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm004_conversations'")
        store._db.conn.commit()
    with Store(path) as store:
        [conversation] = store.conversations()
        assert conversation.title == "How long?"
        assert store.conversation(conversation.id)[0].report == {"question": "How long?"}


@pytest.mark.parametrize("content", [b"this is no database " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_file_is_one_sentence_and_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"x\.db"):
        Store(path)
    assert path.read_bytes() == content


def test_a_full_disk_is_one_sentence_and_keeps_the_old_edition(tmp_path: Path, code: Code) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        edition = store.save_code(small_code(), source="nowhere.txt", sha256="0" * 64)
        store._db.execute("PRAGMA max_page_count = 60")  # SQLite reports a full disk at this size
        with pytest.raises(StoreError, match="disk is full"):
            store.save_code(code, source="x", sha256="1" * 64)
        assert store.current_edition() == edition
        assert store.articles(edition) == small_code().articles


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="name another in LABOURQA_HOME"):
        Store(tmp_path / "file" / "folder" / "x.db")
