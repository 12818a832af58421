"""Databases of earlier versions open, and nothing in them is lost."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlite_utils

from labourqa.store import Store
from labourqa.store.migrations import migrations
from tests.conftest import small_code

REPORT = json.loads((Path(__file__).parent / "report-0.1.0.json").read_text(encoding="utf-8"))
# SHA-256 of the schema in a database that version 0.1.0 created.
SCHEMA_0_1_0 = "7e24b829bc1486c8d098e14213df7408934cabab5018a2d9884e5ee8ece201b2"


def old_database(path: Path, *, stop_before: str) -> sqlite_utils.Database:
    """A database with the migrations before `stop_before`."""
    db = sqlite_utils.Database(sqlite3.connect(path))
    migrations.apply(db, stop_before=stop_before)
    return db


def insert_code(db: sqlite_utils.Database) -> dict[str, Any]:
    """Insert the small code as version 0.1.0 did; returns the id of each article by its number."""
    edition = {"id": 4, "code": "Labour Code of Nowhere", "date": "2025-01-01", "source": "nowhere.txt"}
    db.table("editions").insert(edition | {"sha256": "0" * 64, "annex": "", "ingested_at": "2026-01-01"})
    ids: dict[str, Any] = {}
    for article in small_code().articles:
        record = {"edition": 4, "preliminary": 0, "number": article.number, "title": article.title}
        record |= {"part": article.part, "chapter": "", "section": "", "text": article.text}
        ids[article.number] = db.table("articles").insert(record).last_pk
        for paragraph in article.paragraphs:
            row = {"article": ids[article.number], "number": paragraph.number, "text": paragraph.text}
            paragraph_id = db.table("paragraphs").insert(row).last_pk
            for point in paragraph.points:
                db.table("points").insert(
                    {"paragraph": paragraph_id, "number": point.number, "text": point.text}
                )
            texts = 1 + len(paragraph.points)
            vector = np.full((texts, 2), paragraph_id, dtype="<f4").tobytes()
            db.table("embeddings").insert({"paragraph": paragraph_id, "encoder": "e", "vector": vector})
    db.table("cross_references").insert(
        {"article": ids["1"], "to_article": "2^1", "to_paragraph": "1", "to_point": ""}
    )
    db.table("token_counts").insert({"article": ids["2"], "tokenizer": "t", "tokens": 12})
    return ids


def has_all_of(document: Any, old: Any) -> bool:
    """Whether `document` has all that an `old` one has; new fields may be added."""
    if isinstance(old, dict):
        return all(key in document and has_all_of(document[key], value) for key, value in old.items())
    if isinstance(old, list):
        return len(document) == len(old) and all(
            has_all_of(*pair) for pair in zip(document, old, strict=True)
        )
    return bool(document == old)


def test_the_migrations_of_version_0_1_0_are_unchanged(tmp_path: Path) -> None:
    db = old_database(tmp_path / "x.db", stop_before="m005_calibration_margins")
    rows = db.query(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index') "
        "AND name NOT LIKE 'articles_fts%' AND name NOT LIKE '%sqlite_migrations%' ORDER BY name"
    )
    schema = "\n".join(row["sql"] for row in rows)
    db.close()
    assert hashlib.sha256(schema.encode()).hexdigest() == SCHEMA_0_1_0


def test_a_database_of_version_0_1_0_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    db = old_database(path, stop_before="m005_calibration_margins")
    ids = insert_code(db)
    db.table("null_margins").insert_all(
        {"article": ids[number], "model": "m", "margin": margin}
        for number, margin in (("1", 0.5), ("2", -1.25))
    )
    db.table("conversations").insert({"id": 3, "title": "Leave, renamed"})
    for answer, helpful in ((7, 1), (8, None)):
        db.table("answers").insert(
            {"id": answer, "asked_at": f"2026-01-0{answer}", "question": REPORT["question"],
             "report": json.dumps(REPORT), "conversation": 3, "helpful": helpful, "reason": "good"}
        )  # fmt: skip
    db.conn.commit()
    db.close()
    for _ in range(2):  # the second time there is nothing to migrate
        with Store(path) as store:
            edition = store.editions.current()
            assert (edition.date, edition.source, edition.sha256) == ("2025-01-01", "nowhere.txt", "0" * 64)
            assert store.editions.articles(edition) == small_code().articles
            assert store.editions.references_to(edition, "2^1") == ["1"]
            assert [hit.number for hit in store.editions.search(edition, "nights")] == ["2"]
            assert store.editions.token_counts(edition, "t") == {"2": 12}
            assert store.editions.calibration_margins(edition, "m") == {"1": 0.5, "2": -1.25}
            embeddings = store.editions.embeddings(edition, "e", [1, 3, 1, 1])
            assert embeddings is not None
            assert embeddings[:, 0].tolist() == [1, 2, 2, 2, 3, 4]
            [conversation] = store.conversations.search("renamed")
            assert (conversation.id, conversation.title) == (3, "Leave, renamed")
            answers = store.conversations.answers(3)
            assert [(answer.id, answer.helpful, answer.reason) for answer in answers] == [
                (7, True, "good"), (8, None, "good"),
            ]  # fmt: skip
            assert all(has_all_of(answer.report.to_json(), REPORT) for answer in answers)
            assert store.conversations.latest_report(REPORT["question"], "article-cache") is not None
    with Store(path) as store:
        store.editions.remove(edition)
    with sqlite3.connect(path) as connection:
        for table in ("articles", "points", "cross_references", "embeddings", "calibration_margins"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_answers_from_before_conversations_become_conversations_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    db = old_database(path, stop_before="m004_conversations")
    db.table("answers").insert(
        {"id": 7, "asked_at": "2026", "question": "How long?", "report": json.dumps(REPORT)}
    )
    db.conn.commit()
    db.close()
    with Store(path) as store:
        [conversation] = store.conversations.search()
        assert conversation.title == "How long?"
        [answer] = store.conversations.answers(conversation.id)
        assert has_all_of(answer.report.to_json(), REPORT)


@pytest.mark.parametrize("name", ["m001_editions", "m003_null_margins"])
def test_a_database_that_was_never_used_opens(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.db"
    old_database(path, stop_before=name).close()
    with Store(path) as store:
        assert store.editions.all() == []
        assert store.conversations.questions() == []
