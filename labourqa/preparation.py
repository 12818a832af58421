"""Prepares an edition for questions: counts tokens, splits long articles, embeds texts and opens the prefix cache."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from labourqa.config import Settings
from labourqa.engine.base import PrefixCacheHandle
from labourqa.engine.cache_space import CacheSpace
from labourqa.engine.startup import Models, choose_scoring
from labourqa.errors import NoArticlesError
from labourqa.large_code import LargeCode, is_large
from labourqa.law.edition import Edition
from labourqa.law.structure import Article
from labourqa.law.windows import split_windows
from labourqa.methods import Method
from labourqa.models.interaction import TokenVectors
from labourqa.models.texts import TEXTS_VERSION
from labourqa.progress import Progress, show_share
from labourqa.store import Store

# Longer articles are read in windows of so many tokens, of which the best counts. No article of the embedded edition
# is as long; on two CPU cores a longer prompt gains nothing.
WINDOW_TOKENS = 2_048
PROMPT_TOKENS = 1_024  # room in the model's context for the instruction and the question


@dataclass(frozen=True)
class PreparedCode:
    """An edition with everything that a question needs."""

    edition: Edition
    articles: tuple[Article, ...]  # without repealed ones
    windows: tuple[Article, ...]  # what the model reads: the articles, the long ones in parts
    embeddings: NDArray[np.float32]  # (vectors, dimensions): see TrainedRelevance.embed
    tokens: TokenVectors | None  # None where articles have trained classes
    prefix_cache: PrefixCacheHandle | None  # None for methods that do without
    large: LargeCode | None = (
        None  # instead of windows, embeddings and cache, for a code that is not read whole
    )


@dataclass(frozen=True)
class CodePreparer:
    """Computes what questions to an edition need, each value once; then it is stored."""

    store: Store
    models: Models
    settings: Settings
    method: Method
    progress: Progress

    @contextmanager
    def prepare(self, edition: Edition) -> Iterator[PreparedCode]:
        """Count tokens, embed paragraphs and open the prefix cache; each is computed once and then stored.

        An edition that is prepared for the first time is then ready for questions, and becomes the current one. For a
        code that is too large to be read whole, each question computes what it needs (`LargeCode`).
        """
        articles = tuple(article for article in self.store.editions.articles(edition) if not article.repealed)
        check_text(edition.code, articles)
        counts = self._count_tokens(edition, articles)
        if self._is_large(articles, counts):
            self.store.editions.mark_ready(edition)
            large = self._large_code(edition, articles, counts)
            yield PreparedCode(edition, articles, (), np.empty((0, 0), np.float32), None, None, large)
            return
        windows = tuple(window for article in articles for window in self._windows(counts, article))
        embeddings, tokens = self._embed(edition, articles)
        prefix_cache = self._open_prefix_cache(articles, windows)
        self.store.editions.mark_ready(edition)
        try:
            yield PreparedCode(edition, articles, windows, embeddings, tokens, prefix_cache)
        finally:
            if prefix_cache is not None:
                prefix_cache.close()

    def _count_tokens(self, edition: Edition, articles: Sequence[Article]) -> dict[str, int]:
        engine, stored = self.models.engine, self.store.computed
        counts = stored.token_counts(edition, engine.tokenizer_name)
        if any(article.number not in counts for article in articles):  # not stored, or damaged
            computed = engine.count_tokens([article.format() for article in articles])
            counts = {article.number: count for article, count in zip(articles, computed, strict=True)}
            stored.save_token_counts(edition, engine.tokenizer_name, counts)
        return counts

    def _windows(self, counts: Mapping[str, int], article: Article) -> tuple[Article, ...]:
        """What the model reads of an article: the article itself, or parts of a long one."""
        engine = self.models.engine
        limit = min(WINDOW_TOKENS, engine.context_tokens - PROMPT_TOKENS)
        return (
            (article,)
            if counts[article.number] <= limit
            else split_windows(article, limit, engine.count_tokens)
        )

    def _is_large(self, articles: Sequence[Article], counts: Mapping[str, int]) -> bool:
        """Whether a code is not read whole: it is long, or its prefix cache would take too much of the disk."""
        if is_large(articles):
            return True
        if self.method.batching != "prefix-cache":
            return False
        size = self.models.engine.prefix_bytes(sum(counts.values()), self.settings.cache_bits)
        return size > CacheSpace(self.settings.prefix_caches, self.settings.cache_bytes).allowed_bytes()

    def _large_code(
        self, edition: Edition, articles: Sequence[Article], counts: Mapping[str, int]
    ) -> LargeCode:
        return LargeCode(
            edition,
            articles,
            store=self.store,
            models=self.models,
            settings=self.settings,
            method=self.method,
            progress=self.progress,
            split=partial(self._windows, counts),
        )

    def _embed(
        self, edition: Edition, articles: Sequence[Article]
    ) -> tuple[NDArray[np.float32], TokenVectors | None]:
        """The vectors of the articles' texts, and those of their tokens where the law has no trained classes."""
        models, values = self.models, self.store.computed
        relevance = models.relevance
        share = relevance.delta_share(articles)
        name, counts = _describe_vectors(models, articles)
        progress = show_share(self.progress, "preparing the code for search")
        embeddings = values.embeddings(edition, name, counts)
        if relevance.has_trained_classes(articles):
            if embeddings is None:
                encode = partial(models.encoder.encode, delta_share=share, show_share=progress)
                embeddings = relevance.embed(articles, encode)
                values.save_embeddings(edition, name, counts, embeddings)
            return embeddings, None
        tokens_name = f"{name} {relevance.interaction.name}"
        stored = values.token_vectors(edition, tokens_name)
        if embeddings is not None and stored is not None:
            return embeddings, relevance.interaction.read_tokens(stored, articles)
        encode_tokens = partial(
            models.encoder.encode_tokens,
            project=relevance.interaction.project_text,
            delta_share=share,
            show_share=progress,
        )
        embeddings, tokens = relevance.embed_tokens(articles, encode_tokens)
        values.save_embeddings(edition, name, counts, embeddings)
        values.save_token_vectors(edition, tokens_name, tokens.by_paragraph())
        return embeddings, tokens

    def _open_prefix_cache(
        self, articles: Sequence[Article], windows: Sequence[Article]
    ) -> PrefixCacheHandle | None:
        if self.method.batching != "prefix-cache":
            return None
        return self.models.engine.open_prefix_cache(
            windows,
            scoring=choose_scoring(self.models, articles),
            folder=self.settings.prefix_caches,
            bits=self.settings.cache_bits,
            limit_bytes=self.settings.cache_bytes,
            show_share=show_share(self.progress, "reading the code once"),
        )


def find_stored_embeddings(
    store: Store, models: Models, edition: Edition, articles: Sequence[Article]
) -> NDArray[np.float32] | None:
    """The vectors of `PreparedCode.embeddings`; None where the edition was not prepared with this encoder."""
    return store.computed.embeddings(edition, *_describe_vectors(models, articles))


def _describe_vectors(models: Models, articles: Sequence[Article]) -> tuple[str, list[int]]:
    """The name under which the vectors of articles are stored, and how many each paragraph has."""
    relevance = models.relevance
    counts = [sum(paragraph) for article in relevance.count_vectors(articles) for paragraph in article]
    # Whatever changes the vectors is part of the name.
    return f"{models.encoder.name} {TEXTS_VERSION} {relevance.delta_share(articles):g}", counts


def check_text(code: str, articles: Sequence[Article]) -> None:
    """Raises NoArticlesError where no article has a text to answer from."""
    if not any(article.text for article in articles if not article.repealed):
        raise NoArticlesError(
            f"No article of the {code} has any text, so no question could be answered; check the file with "
            "`labourqa ingest --dry-run`."
        )
