"""What models computed about the articles of an edition: token counts, calibration margins and vectors."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labourqa.errors import StoreError
from labourqa.law.edition import Edition
from labourqa.store.checksums import checksum, is_intact
from labourqa.store.database import Database

_log = logging.getLogger(__name__)
_OF_TOKENS = " tokens"  # ends the encoder's name where the vectors of tokens are stored


@contextmanager
def _log_if_not_stored() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        _log.warning("What was computed for the code was not stored. %s", error)


class ComputedValues:
    """Values that a model or an index gives for the articles of an edition, by the article's number.

    Where the database is locked or the disk is full, nothing is stored and the log says so: the question for which they
    were computed is answered, and the next one computes them again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def token_counts(self, edition: Edition, tokenizer: str) -> dict[str, int]:
        """Tokens of each article by its number; empty if `tokenizer` has not counted them."""
        return self._article_values("token_counts", "tokens", "tokenizer", edition, tokenizer)

    def save_token_counts(self, edition: Edition, tokenizer: str, counts: Mapping[str, int]) -> None:
        self._save_article_values("token_counts", "tokens", "tokenizer", edition, tokenizer, counts)

    def calibration_margins(self, edition: Edition, model: str) -> dict[str, float]:
        """The model's margin of each article without a question, by number, as far as it was computed."""
        return self._article_values("calibration_margins", "margin", "model", edition, model)

    def save_calibration_margins(self, edition: Edition, model: str, margins: Mapping[str, float]) -> None:
        self._save_article_values("calibration_margins", "margin", "model", edition, model, margins)

    def embeddings(self, edition: Edition, encoder: str, counts: Sequence[int]) -> NDArray[np.float32] | None:
        """(vectors, dimensions): `counts` vectors of each paragraph of the articles that are not repealed, in order.

        None if `encoder` has not run yet.
        """
        rows = self._embedding_rows(edition, encoder)
        if not rows or not all(map(_has_intact_vector, rows)):
            return None
        return np.concatenate(
            [
                np.frombuffer(row["vector"], dtype="<f4").reshape(count, -1)
                for row, count in zip(rows, counts, strict=True)
            ]
        )

    def save_embeddings(
        self, edition: Edition, encoder: str, counts: Sequence[int], vectors: NDArray[np.float32]
    ) -> None:
        """`counts` and `vectors`: as for `embeddings`."""
        if sum(counts) != len(vectors):
            raise ValueError(f"{len(vectors)} vectors, but {sum(counts)} are counted")
        parts = np.split(vectors.astype("<f4"), np.cumsum(counts)[:-1])
        with _log_if_not_stored(), self._database.transaction() as db:
            # Inside the transaction: another process may have ingested the edition anew, with other ids.
            rows = self._embedding_rows(edition, encoder)
            db.table("embeddings").insert_all(
                (_vector_record(row, encoder, part.tobytes()) for row, part in zip(rows, parts, strict=True)),
                replace=True,
            )

    def token_vectors(self, edition: Edition, encoder: str) -> list[bytes] | None:
        """What `save_token_vectors` stored for each paragraph of the articles that are not repealed, in order.

        None if `encoder` has not run yet.
        """
        rows = self._embedding_rows(edition, f"{encoder}{_OF_TOKENS}")
        return [row["vector"] for row in rows] if rows and all(map(_has_intact_vector, rows)) else None

    def save_token_vectors(self, edition: Edition, encoder: str, vectors: Sequence[bytes]) -> None:
        """`vectors`: those of each paragraph's tokens, as bytes."""
        encoder = f"{encoder}{_OF_TOKENS}"
        rows = self._embedding_rows(edition, encoder)
        with _log_if_not_stored(), self._database.transaction() as db:
            db.table("embeddings").insert_all(
                (_vector_record(row, encoder, one) for row, one in zip(rows, vectors, strict=True)),
                replace=True,
            )

    def article_vectors(
        self, edition: Edition, encoder: str, dimensions: int
    ) -> dict[str, NDArray[np.float32]]:
        """(vectors, dimensions) of each article for which `encoder` has run, by number."""
        rows = self._database.rows(
            """
            SELECT articles.number, vector, embeddings.checksum
            FROM embeddings
            JOIN paragraphs ON paragraphs.id = embeddings.paragraph
            JOIN articles ON articles.id = paragraphs.article
            JOIN editions ON editions.id = articles.edition
            WHERE encoder = ? AND sha256 = ? AND code = ? AND preliminary = 0 AND repealed = 0
            ORDER BY articles.id, paragraphs.id
            """,
            [encoder, edition.sha256, edition.code],
        )
        vectors = {}
        for number, grouped in groupby(rows, key=lambda row: str(row["number"])):
            of_article = list(grouped)
            if all(map(_has_intact_vector, of_article)):
                joined = b"".join(row["vector"] for row in of_article)
                vectors[number] = np.frombuffer(joined, "<f4").reshape(-1, dimensions)
        return vectors

    def save_article_vectors(
        self, edition: Edition, encoder: str, vectors: Mapping[str, Sequence[NDArray[np.float32]]]
    ) -> None:
        """`vectors`: for each article's number, those of its paragraphs in order, (vectors, dimensions) each."""
        rows = self._database.rows(
            """
            SELECT articles.number, paragraphs.id AS paragraph
            FROM paragraphs
            JOIN articles ON articles.id = paragraphs.article
            JOIN editions ON editions.id = articles.edition
            WHERE sha256 = ? AND code = ? AND preliminary = 0
                AND articles.number IN (SELECT value FROM json_each(?))
            ORDER BY articles.id, paragraphs.id
            """,
            [edition.sha256, edition.code, json.dumps(list(vectors))],
        )
        records = []
        for number, of_article in groupby(rows, key=lambda row: str(row["number"])):
            for row, part in zip(of_article, vectors[number], strict=True):
                records.append(_vector_record(row, encoder, part.astype("<f4").tobytes()))
        with _log_if_not_stored(), self._database.transaction() as db:
            db.table("embeddings").insert_all(records, replace=True)

    def word_scores(self, edition: Edition, words: Sequence[str], title_weight: float) -> dict[str, float]:
        """By number, the articles that have one of `words`, with their score by BM25, higher is better.

        A word in the title counts `title_weight` times as much as one in the text.
        """
        expression = " OR ".join(f'"{word}"' for word in words if '"' not in word)
        if not expression:
            return {}
        self._database.check_index()
        rows = self._database.rows(
            """
            SELECT number, -bm25(articles_fts, ?, 1) AS score
            FROM articles_fts
            CROSS JOIN articles ON articles.id = articles_fts.rowid -- in this order: 0.02 s instead of 4
            JOIN editions ON editions.id = articles.edition
            WHERE articles_fts MATCH ? AND sha256 = ? AND code = ? AND preliminary = 0
            """,
            [title_weight, expression, edition.sha256, edition.code],
        )
        return {row["number"]: row["score"] for row in rows}

    def _embedding_rows(self, edition: Edition, encoder: str) -> list[dict[str, Any]]:
        """Each paragraph's id and its vectors as stored, or None."""
        return self._database.rows(
            """
            SELECT paragraphs.id AS paragraph, vector, embeddings.checksum
            FROM paragraphs
            JOIN articles ON articles.id = paragraphs.article
            JOIN editions ON editions.id = articles.edition
            LEFT JOIN embeddings ON embeddings.paragraph = paragraphs.id AND encoder = ?
            WHERE sha256 = ? AND code = ? AND preliminary = 0 AND repealed = 0
            ORDER BY articles.id, paragraphs.id
            """,
            [encoder, edition.sha256, edition.code],
        )

    def _article_values(
        self, table: str, column: str, made_by: str, edition: Edition, name: str
    ) -> dict[str, Any]:
        rows = self._database.rows(
            f"""
            SELECT number, {column} AS value, {table}.checksum
            FROM {table}
            JOIN articles ON articles.id = {table}.article
            JOIN editions ON editions.id = articles.edition
            WHERE sha256 = ? AND code = ? AND preliminary = 0 AND {made_by} = ?
            """,  # noqa: S608  # names are literals of this module
            [edition.sha256, edition.code, name],
        )
        if not all(_has_intact_number(row) for row in rows):
            return {}  # they are computed again
        return {row["number"]: row["value"] for row in rows}

    def _save_article_values(
        self, table: str, column: str, made_by: str, edition: Edition, name: str, values: Mapping[str, float]
    ) -> None:
        with _log_if_not_stored(), self._database.transaction() as db:
            rows = self._database.rows(
                """
                SELECT articles.id, number
                FROM articles JOIN editions ON editions.id = articles.edition
                WHERE sha256 = ? AND code = ? AND preliminary = 0
                """,
                [edition.sha256, edition.code],
            )
            db.table(table).insert_all(
                (
                    {
                        "article": row["id"],
                        made_by: name,
                        column: values[row["number"]],
                        "checksum": checksum([row["number"], float(values[row["number"]])]),
                    }
                    for row in rows
                    if row["number"] in values
                ),
                replace=True,
            )


def _vector_record(row: Mapping[str, Any], encoder: str, vector: bytes) -> dict[str, Any]:
    """The vectors of the paragraph in `row` as they are stored."""
    return {
        "paragraph": row["paragraph"],
        "encoder": encoder,
        "vector": vector,
        "checksum": checksum([vector]),
    }


def _has_intact_vector(row: Mapping[str, Any]) -> bool:
    """False where the vectors are missing or damaged: they are computed again."""
    return isinstance(row["vector"], bytes) and is_intact(row["checksum"], [row["vector"]])


def _has_intact_number(row: Mapping[str, Any]) -> bool:
    value = row["value"]
    return isinstance(value, int | float) and is_intact(row["checksum"], [row["number"], float(value)])
