"""Searches a code as people type: all words, else corrected words, and articles near in meaning or with some words."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from labourqa.engine.startup import Models
from labourqa.law.edition import Edition
from labourqa.law.structure import Article
from labourqa.models.bm25 import BM25Index, terms
from labourqa.preparation import find_stored_embeddings
from labourqa.store import Store
from labourqa.store.editions import SearchHit

SIMILAR = 0.8  # of two spellings, by difflib's ratio: "anual" and "annual" have 0.91, "nigth" and "night" 0.8
SHORTEST_CORRECTED = 4  # letters; shorter words resemble too many others
NEAR = 8  # articles near in meaning that are shown
EXCERPT_WORDS = 30
MOST_RANKED = 40  # articles by meaning, of which those that have all words are not shown again

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Found:
    searched: str  # the words, with spelling mistakes corrected
    exact: tuple[SearchHit, ...]  # contain all words, best first
    near: tuple[SearchHit, ...]  # others, near in meaning, or without a model with some of the words


def search_code(
    store: Store,
    edition: Edition,
    words: str,
    *,
    models: Models | None = None,
    limit: int = 25,
    marks: tuple[str, str] = ("", ""),
) -> Found:
    """`marks` surround each found word in the excerpts of `exact`. With `models`, meanings are compared."""
    exact = store.editions.search(edition, words, limit=limit, marks=marks)
    articles = tuple(one for one in store.editions.articles(edition) if not one.repealed)
    vocabulary, index = _read_words(articles)
    searched = words if exact else correct_spelling(words, vocabulary)
    if searched != words:
        exact = store.editions.search(edition, searched, limit=limit, marks=marks)
    known = [term for term in terms(searched) if any(index.score(term))]
    near = _rank(store, edition, articles, index, searched, models) if known and len(exact) < limit else []
    numbers = {hit.number for hit in exact}
    return Found(searched, tuple(exact), tuple(hit for hit in near if hit.number not in numbers)[:NEAR])


def correct_spelling(words: str, vocabulary: frozenset[str]) -> str:
    """The words with those that the law does not use replaced by similar ones that it uses; others stay."""

    def correct(match: re.Match[str]) -> str:
        word = match[0]
        if len(word) < SHORTEST_CORRECTED or word.lower() in vocabulary or not terms(word):
            return word
        return next(iter(difflib.get_close_matches(word.lower(), vocabulary, 1, SIMILAR)), word)

    return _WORD.sub(correct, words)


@lru_cache(4)
def _read_words(articles: tuple[Article, ...]) -> tuple[frozenset[str], BM25Index]:
    text = " ".join(f"{article.title} {article.text}" for article in articles).lower()
    return frozenset(_WORD.findall(text)), BM25Index(articles)


def _rank(
    store: Store,
    edition: Edition,
    articles: Sequence[Article],
    index: BM25Index,
    words: str,
    models: Models | None,
) -> list[SearchHit]:
    """The articles by meaning where the code was prepared for it, else those that have some of the words."""
    embeddings = find_stored_embeddings(store, models, edition, articles) if models else None
    if models is None or embeddings is None:
        scores = index.score(words)
        best = [articles[i] for i in np.argsort(-scores, kind="stable") if scores[i] > 0]
        return [_describe(article, words) for article in best]
    relevance, encoder = models.relevance, models.encoder
    vector = encoder.encode([words], delta_share=relevance.delta_share(articles))[0]
    ranked = relevance.score(articles, embeddings, words, vector)
    best = sorted(articles, key=lambda article: -ranked.articles[article.number])
    hits = []
    for article in best[:MOST_RANKED]:
        of_paragraphs = [paragraph.best for paragraph in ranked.paragraphs[article.number]]
        paragraph = article.paragraphs[int(np.argmax(of_paragraphs))] if of_paragraphs else None
        hits.append(SearchHit(article.number, article.title, _shorten(paragraph.text if paragraph else "")))
    return hits


def _describe(article: Article, words: str) -> SearchHit:
    """With the beginning of the paragraph that has most of the words."""
    wanted = set(terms(words))
    texts = [paragraph.text for paragraph in article.paragraphs]
    best = max(texts, key=lambda text: len(wanted & set(terms(text))), default="")
    return SearchHit(article.number, article.title, _shorten(best))


def _shorten(text: str) -> str:
    words = text.split()
    return " ".join(words) if len(words) <= EXCERPT_WORDS else " ".join(words[:EXCERPT_WORDS]) + " …"
