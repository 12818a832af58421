"""The articles of an edition as rows of the database: paragraphs, points and references."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlite_utils

from labourqa.law.edition import Edition
from labourqa.law.references import find_references
from labourqa.law.structure import Article, Paragraph, Point
from labourqa.store.checksums import article_checksum
from labourqa.store.database import Database
from labourqa.store.originals import Places, insert_place


def load_articles(
    database: Database, edition: Edition, owner: str | None, number: str | None = None
) -> list[tuple[Article, int]]:
    """All articles of the code itself with their checksums, or only the one with this number; `owner`: see `Editions`.

    Raises DamagedDatabaseError where an article is not as it was stored.
    """
    wanted = """
        FROM articles
        JOIN editions ON editions.id = articles.edition
        {joins}
        WHERE sha256 = :sha256 AND code = :code AND preliminary = 0
            AND (:number IS NULL OR articles.number = :number)
            AND editions.id IN (SELECT edition FROM edition_owners WHERE :owner IS NULL OR owner IN (:owner, ''))
        ORDER BY articles.id{order}
    """
    paragraph_join = "JOIN paragraphs ON paragraphs.article = articles.id"
    point_join = f"{paragraph_join} JOIN points ON points.paragraph = paragraphs.id"

    def load(columns: str, joins: str, order: str) -> list[dict[str, Any]]:
        sql = f"SELECT {columns} {wanted.format(joins=joins, order=order)}"
        parameters = {"sha256": edition.sha256, "code": edition.code, "number": number}
        return database.rows(sql, parameters | {"owner": owner})

    articles = load("articles.*", "", "")
    paragraphs = load("paragraphs.*", paragraph_join, ", paragraphs.id")
    points = load("points.*", point_join, ", paragraphs.id, points.id")
    points_of = {
        paragraph: tuple(Point(row["number"], row["text"]) for row in rows)
        for paragraph, rows in groupby(points, key=lambda row: row["paragraph"])
    }
    paragraphs_of = {
        article: tuple(Paragraph(row["number"], row["text"], points_of.get(row["id"], ())) for row in rows)
        for article, rows in groupby(paragraphs, key=lambda row: row["article"])
    }
    loaded = tuple(
        Article(
            number=row["number"],
            title=row["title"],
            paragraphs=paragraphs_of.get(row["id"], ()),
            part=row["part"],
            chapter=row["chapter"],
            section=row["section"],
            repealed=bool(row["repealed"]),
            title_is_own=bool(row["title_is_own"]),
        )
        for row in articles
    )
    checksums = [article_checksum(article) for article in loaded]
    for row, value in zip(articles, checksums, strict=True):
        if row["checksum"] not in (None, value):
            raise database.report_damage(f"Article {row['number']} of {edition}")
    return list(zip(loaded, checksums, strict=True))


def insert_article(
    db: sqlite_utils.Database, article: Article, *, edition: Any, preliminary: int, places: Places
) -> None:
    record = {
        "edition": edition,
        "preliminary": preliminary,
        "number": article.number,
        "title": article.title,
        "part": article.part,
        "chapter": article.chapter,
        "section": article.section,
        "text": article.text,
        "repealed": article.repealed,
        "title_is_own": article.title_is_own,
        "checksum": article_checksum(article),
    }
    article_id = db.table("articles").insert(record).last_pk
    for paragraph in article.paragraphs:
        record = {"article": article_id, "number": paragraph.number, "text": paragraph.text}
        paragraph_id = db.table("paragraphs").insert(record).last_pk
        db.table("points").insert_all(
            {"paragraph": paragraph_id, "number": point.number, "text": point.text}
            for point in paragraph.points
        )
        if place := places.get((article.number, paragraph.number)):
            insert_place(db, paragraph_id, place)
    insert_references(db, article_id, article.number, article.text)


def insert_references(db: sqlite_utils.Database, article_id: Any, number: str, text: str) -> None:
    """Store what an article refers to."""
    db.table("cross_references").insert_all(
        {
            "article": article_id,
            "to_article": reference.article,
            "to_paragraph": reference.paragraph,
            "to_point": reference.point,
        }
        for reference in find_references(text)
        if reference.article != number
    )


def reference_values(database: Database, edition_id: int) -> Iterator[str]:
    """Of each reference in the code itself: the article that it stands in, and what it refers to."""
    rows = database.rows(
        """
        SELECT number, to_article, to_paragraph, to_point
        FROM cross_references JOIN articles ON articles.id = cross_references.article
        WHERE edition = ? AND preliminary = 0
        ORDER BY articles.id, cross_references.id
        """,
        [edition_id],
    )
    for row in rows:
        yield from row.values()
