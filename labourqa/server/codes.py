"""What the interfaces show of codes, articles and searches, as JSON documents."""

import hashlib
import re
from collections import Counter
from dataclasses import asdict
from typing import Any

from labourqa.files import safe_file_name
from labourqa.law.edition import Edition
from labourqa.law.structure import Article
from labourqa.pipeline import Assistant


def code_ids(assistant: Assistant) -> dict[str, str]:
    """The names of all codes by their ids, which are made of small letters, digits and hyphens; the current first."""
    assistant.current_edition()  # ingests the embedded one the first time
    names = list(assistant.store.editions.codes())
    slugs = {name: re.sub(r"[._]", "-", safe_file_name(name.lower())) or "code" for name in names}
    counts = Counter(slugs.values())
    return {
        slug if counts[slug] == 1 else f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:6]}": name
        for name, slug in slugs.items()
    }


def find_edition(assistant: Assistant, wanted: str) -> Edition:
    """The edition of a code's id, or as `Assistant.find_edition`; "" is the current one. Raises NoEditionError."""
    if not wanted:
        return assistant.current_edition()
    name, at, version = wanted.partition("@")
    if name in (ids := code_ids(assistant)):
        wanted = f"{ids[name]}{at}{version}"
    return assistant.find_edition(wanted)


def list_codes(assistant: Assistant) -> list[dict[str, Any]]:
    """All codes with their editions."""
    ids = code_ids(assistant)
    current = assistant.current_edition()
    stored = assistant.store.editions.describe()
    return [
        {
            "id": code,
            "name": name,
            "current": name == current.code,
            "editions": [
                {
                    **asdict(one.edition),
                    "articles": one.articles,
                    "ingested_at": one.ingested_at,
                    "current": one.edition == current,
                }
                for one in stored
                if one.edition.code == name
            ],
        }
        for code, name in ids.items()
    ]


def list_articles(assistant: Assistant, code: str) -> dict[str, Any]:
    """Number, title and headings of every article of a code."""
    edition = find_edition(assistant, code)
    return {
        "edition": asdict(edition),
        "articles": [
            {"number": article.number, "title": article.title, **_describe_place(article)}
            for article in assistant.store.editions.articles(edition)
        ],
    }


def describe_article(assistant: Assistant, number: str, code: str) -> dict[str, Any]:
    """An article with its paragraphs and points. Raises UnknownArticleError or NoEditionError."""
    edition, editions = find_edition(assistant, code), assistant.store.editions
    article = editions.article(edition, number)
    return {
        "edition": asdict(edition),
        "number": article.number,
        "title": article.title,
        **_describe_place(article),
        "text": article.text,
        "paragraphs": [asdict(paragraph) for paragraph in article.paragraphs],
        "referred_to_in": editions.references_to(edition, article.number),
    }


def search_articles(assistant: Assistant, words: str, code: str, limit: int) -> dict[str, Any]:
    """The articles that contain all of `words`, best first."""
    edition = find_edition(assistant, code)
    hits = assistant.store.editions.search(edition, words, limit=limit)
    return {"edition": asdict(edition), "articles": [asdict(hit) for hit in hits]}


def _describe_place(article: Article) -> dict[str, Any]:
    return {
        "part": article.part,
        "chapter": article.chapter,
        "section": article.section,
        "repealed": article.repealed,
    }
