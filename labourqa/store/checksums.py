"""Checksums of what is stored: SQLite notices damage of its own structures, but not of the texts and numbers in them.

They are part of the database's format, signed 64-bit integers, XXH3 of the values in order. NULL stands for what a
version before 0.3 stored; it is not checked.
"""

from collections.abc import Iterable

import xxhash

from labourqa.law.structure import Article

_SEPARATOR = b"\x1f"


def checksum(values: Iterable[str | bytes | int | float | None]) -> int:
    digest = xxhash.xxh3_64()
    for value in values:
        digest.update(value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass"))
        digest.update(_SEPARATOR)
    return (digest.intdigest() + 2**63) % 2**64 - 2**63


def article_checksum(article: Article) -> int:
    values: list[str | int] = [article.number, article.title, article.part, article.chapter, article.section]
    values += [int(article.repealed), int(article.title_is_own)]
    for paragraph in article.paragraphs:
        values += [paragraph.number, paragraph.text]
        for point in paragraph.points:
            values += [point.number, point.text]
    return checksum(values)


def is_intact(expected: object, values: Iterable[str | bytes | int | float | None]) -> bool:
    """Whether the values have the checksum with which they were stored; True where none was stored."""
    return expected is None or checksum(values) == expected
