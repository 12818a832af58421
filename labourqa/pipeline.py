"""The whole program in one class: an `Assistant` ingests codes, answers questions and evaluates its answers."""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from labourqa.answering.answer import (
    Answer,
    answer_prompt,
    choose_kind,
    quote_answer,
    read_answer,
    refuse_answer,
    refuse_language,
)
from labourqa.answering.conversation import Turn, resolve_follow_up
from labourqa.answering.language import detect_mismatch, load_identifier
from labourqa.answering.question import check_question, resolve_mentions
from labourqa.answering.report import Report, Run, Seconds, Tokens, describe_run
from labourqa.answering.selection import select_articles
from labourqa.config import DEFAULT_EDITION, Settings, prompts_sha256
from labourqa.engine.base import PrefixCacheHandle, ScoringResult
from labourqa.engine.startup import Models, choose_method, load_models
from labourqa.errors import UncertainCodeError
from labourqa.evaluation.cases import Case
from labourqa.evaluation.results import evaluate_cases
from labourqa.ingestion import Inspection, inspect_file
from labourqa.law.citations import find_related
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.law.structure import Article
from labourqa.law.windows import split_windows
from labourqa.memory import peak_memory_bytes
from labourqa.methods import Method, ScoringMode
from labourqa.models.relevance import Relevance
from labourqa.models.texts import TEXTS_VERSION
from labourqa.progress import Progress, SilentProgress, count_up, show_share
from labourqa.store import Store

# Longer articles are read in windows of so many tokens, of which the best counts. No article of the embedded edition
# is as long; on two CPU cores a longer prompt gains nothing.
WINDOW_TOKENS = 2_048
PROMPT_TOKENS = 1_024  # room in the model's context for the instruction and the question
# A question without content: an article's score for it is what the model thinks of the article alone (contextual
# calibration, Zhao et al., arXiv 2102.09690).
CALIBRATION_QUESTION = "N/A"


@dataclass(frozen=True)
class PreparedCode:
    """An edition with everything that a question needs."""

    edition: Edition
    articles: tuple[Article, ...]  # without repealed ones
    windows: tuple[Article, ...]  # what the model reads: the articles, the long ones in parts
    embeddings: NDArray[np.float32]  # (vectors, dimensions): see TrainedRelevance.embed
    prefix_cache: PrefixCacheHandle | None  # None for methods that do without


class Assistant:
    """Answers questions from labour codes with these settings, database and models.

    Like the store, an assistant belongs to the thread that made it; `models` may be shared by many.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        models: Models | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Without `models`, they are loaded when they are first needed."""
        self.settings = settings
        self.store = store
        self.progress: Progress = progress or SilentProgress()
        self._models = models

    @property
    def models(self) -> Models:
        if self._models is None:
            # Decompressing the language identifier (0.5 s) overlaps with importing torch.
            Thread(target=load_identifier, daemon=True).start()
            self._models = load_models(self.settings, self.progress)
        return self._models

    @property
    def method(self) -> Method:
        """The method by which the articles are read."""
        return choose_method(self.settings.method, self.models.engine)

    def ingest(
        self, path: Path | None = None, *, act: str | None = None, name: str = "", force: bool = False
    ) -> Edition:
        """Store the code in the file at `path` (by default the embedded edition) as the current edition.

        `act` chooses among several acts of the file; `name` replaces the law's own name. Raises DocumentError,
        NoArticlesError, and UncertainCodeError for a code that was read with poor confidence, unless `force`.
        """
        return self.store_code(inspect_file(path or DEFAULT_EDITION, act=act, name=name), force=force)

    def store_code(self, inspection: Inspection, *, force: bool = False) -> Edition:
        """Store a code that was inspected as the current edition.

        Raises UncertainCodeError for a code that was read with poor confidence, unless `force`.
        """
        document = inspection.document
        if inspection.report.confidence == "poor" and not force:
            raise UncertainCodeError(
                f"{document.source} was read with little confidence: {' '.join(inspection.report.reasons)} "
                "Check it with `labourqa ingest --dry-run`; --force stores it all the same."
            )
        return self.store.editions.save(inspection.code, source=document.source, sha256=document.sha256)

    def current_edition(self) -> Edition:
        """The edition that the setting `code` names, else the one ingested or chosen last.

        The embedded edition is ingested the first time. Raises NoEditionError for an unknown code.
        """
        if not self.store.editions.all():
            self.ingest()
        editions = self.store.editions
        return editions.find(self.settings.code) if self.settings.code else editions.current()

    @contextmanager
    def prepare(self, edition: Edition) -> Iterator[PreparedCode]:
        """Count tokens, embed paragraphs and open the prefix cache; each is computed once and then stored."""
        articles = tuple(article for article in self.store.editions.articles(edition) if not article.repealed)
        windows = self._split_windows(articles, self._count_tokens(edition, articles))
        embeddings = self._embed(edition, articles)
        prefix_cache = self._open_prefix_cache(windows)
        try:
            yield PreparedCode(edition, articles, windows, embeddings, prefix_cache)
        finally:
            if prefix_cache is not None:
                prefix_cache.close()

    def ask(
        self,
        question: str,
        *,
        previous: Turn | None = None,
        edition: Edition | None = None,
        load_seconds: float = 0.0,
    ) -> Report:
        """Read `edition`, by default the current one, for `question`; select articles and answer from them alone.

        `previous` is the turn of a conversation that the question may follow up; `load_seconds` is what loading the
        models took, if it was for this question. Raises QuestionError.
        """
        asked = check_question(question)
        question = check_question(resolve_follow_up(asked, previous))
        engine, encoder = self.models.engine, self.models.encoder
        with self.prepare(edition or self.current_edition()) as code:
            started = time.perf_counter()
            scorer = self.models.relevance
            [vector] = encoder.encode([question], delta_share=scorer.delta_share(code.articles))
            relevance = scorer.score(code.articles, code.embeddings, question, vector)
            named, unknown, repealed = self._resolve_mentions(question, code)
            mismatch = None if named else self._language_mismatch(question, code.articles)
            candidates = previous.selected if previous and question != asked else ()
            to_read = () if mismatch else self._articles_to_read(code.articles, relevance, candidates)
            reading = self._read(question, code, to_read)
            selection = select_articles(
                reading.scores,
                relevance,
                scoring=reading.scoring,
                threshold=self.settings.threshold,
                top=self.settings.top,
                named=[reference.article for reference in named],
            )
        filtered = time.perf_counter()
        by_number = {article.number: article for article in code.articles}
        selected = [by_number[number] for number in selection.selected]
        if mismatch:
            answered = _Answered(refuse_language(code.edition.code, *mismatch))
        elif not selected:
            answered = _Answered(refuse_answer(code.edition.code, code.articles))
        elif choose_kind(self.settings.answer, engine.info) == "written":
            windows = [reading.best_windows.get(article.number, article) for article in selected]
            answered = self._write(question, windows)
        else:
            answered = _Answered(quote_answer(selected, selection.scores, relevance.paragraphs, named))
        finished = time.perf_counter()
        return Report(
            question=asked,
            resolved_question=question,
            run=self.describe_run(code.edition),
            titles={article.number: article.title for article in code.articles},
            selection=selection,
            out_of_scope=math.exp(relevance.out_of_scope),
            unknown=unknown,
            repealed=repealed,
            answer=answered.answer,
            related=find_related(answered.answer.citations, code.articles, selection.selected),
            tokens=Tokens(reading.tokens, answered.prompt_tokens, answered.generated_tokens),
            seconds=Seconds(
                load=load_seconds,
                tokenize=reading.tokenize_seconds,
                filter=filtered - started - reading.tokenize_seconds,
                answer_first_token=(answered.first_token_at or finished) - filtered,
                answer=finished - filtered,
                total=load_seconds + finished - started,
            ),
            peak_memory_bytes=peak_memory_bytes(),
        )

    def evaluate(
        self, cases: Sequence[Case], *, edition: Edition | None = None, out: Path | None = None
    ) -> list[Report]:
        """The report of every case, in order; with `out`, an interrupted run resumes from that file."""
        edition = edition or self.current_edition()
        return evaluate_cases(
            cases,
            lambda question: self.ask(question, edition=edition),
            run=self.describe_run(edition),
            out=out,
            show_more=count_up(self.progress, "questions asked", len(cases)),
        )

    def describe_run(self, edition: Edition) -> Run:
        """What answers from `edition` depend on besides the question."""
        info, encoder = self.models.engine.info, self.models.encoder.name
        return describe_run(edition, info, encoder, self.method.name, self.settings)

    def _count_tokens(self, edition: Edition, articles: Sequence[Article]) -> dict[str, int]:
        engine, editions = self.models.engine, self.store.editions
        counts = editions.token_counts(edition, engine.tokenizer_name)
        if not counts:
            computed = engine.count_tokens([article.format() for article in articles])
            counts = {article.number: count for article, count in zip(articles, computed, strict=True)}
            editions.save_token_counts(edition, engine.tokenizer_name, counts)
        return counts

    def _split_windows(self, articles: Sequence[Article], counts: Mapping[str, int]) -> tuple[Article, ...]:
        engine = self.models.engine
        limit = min(WINDOW_TOKENS, engine.context_tokens - PROMPT_TOKENS)
        return tuple(
            window
            for article in articles
            for window in (
                [article]
                if counts[article.number] <= limit
                else split_windows(article, limit, engine.count_tokens)
            )
        )

    def _embed(self, edition: Edition, articles: Sequence[Article]) -> NDArray[np.float32]:
        models, editions = self.models, self.store.editions
        counts = [
            sum(paragraph) for article in models.relevance.count_vectors(articles) for paragraph in article
        ]
        share = models.relevance.delta_share(articles)
        name = f"{models.encoder.name} {TEXTS_VERSION} {share:g}"  # whatever changes the vectors
        embeddings = editions.embeddings(edition, name, counts)
        if embeddings is None:
            encode = partial(
                models.encoder.encode,
                delta_share=share,
                show_share=show_share(self.progress, "preparing the code for search"),
            )
            embeddings = models.relevance.embed(articles, encode)
            editions.save_embeddings(edition, name, counts, embeddings)
        return embeddings

    def _open_prefix_cache(self, windows: Sequence[Article]) -> PrefixCacheHandle | None:
        if self.method.batching != "prefix-cache":
            return None
        return self.models.engine.open_prefix_cache(
            windows,
            scoring=self.models.engine.scoring_mode,
            folder=self.settings.prefix_caches,
            bits=self.settings.cache_bits,
            show_share=show_share(self.progress, "reading the code once"),
        )

    def _resolve_mentions(
        self, question: str, code: PreparedCode
    ) -> tuple[tuple[Reference, ...], tuple[Reference, ...], tuple[Reference, ...]]:
        """The references in a question that the code resolves, that it does not, and that are to repealed articles."""
        named, missing = resolve_mentions(question, code.articles)
        if not missing:
            return named, (), ()
        in_force = {article.number for article in code.articles}
        articles = self.store.editions.articles(code.edition)
        numbers = {article.number for article in articles if article.number not in in_force}
        repealed = tuple(reference for reference in missing if reference.article in numbers)
        return named, tuple(reference for reference in missing if reference not in repealed), repealed

    def _language_mismatch(self, question: str, articles: Sequence[Article]) -> tuple[str, str] | None:
        """The languages of question and code, where a small model, which reads only one, would meet another."""
        if self.models.engine.scoring_mode == "yes_no":
            return None
        return detect_mismatch(question, "\n".join(article.title for article in articles))

    def _articles_to_read(
        self, articles: tuple[Article, ...], relevance: Relevance, candidates: Collection[str]
    ) -> tuple[Article, ...]:
        """All articles; for a shortlist the most relevant ones, and the `candidates` from the question before."""
        if self.method.name != "shortlist":
            return articles
        ranked = sorted(
            articles,
            key=lambda article: (article.number not in candidates, -relevance.articles[article.number]),
        )
        return tuple(ranked[: max(self.settings.shortlist, len(candidates))])

    def _read(self, question: str, code: PreparedCode, articles: tuple[Article, ...]) -> "_Reading":
        """Let the model score `articles` for the question: each by its best window."""
        engine, method = self.models.engine, self.method
        scoring: ScoringMode = "generated" if method.scoring == "generated" else engine.scoring_mode
        if not articles:
            return _Reading(scoring, {}, {}, 0, 0.0)

        numbers = {article.number for article in articles}
        windows = [window for window in code.windows if window.number in numbers]
        whole = len(windows) == len(articles)

        def score(some: Sequence[Article], asked: str, what: str) -> ScoringResult:
            return engine.score_articles(
                some,
                asked,
                scoring=scoring,
                batching=method.batching,
                batch_tokens=self.settings.batch_tokens,
                batch_articles=self.settings.batch_articles,
                prefix_cache=code.prefix_cache,
                show_read=count_up(self.progress, what if whole else f"parts of {what}", len(some)),
            )

        result = score(windows, question, "articles read")
        scores: Mapping[str, float] = result.scores
        if scoring == "yes_no" and not engine.info.server_url:  # a server's requests may cost money
            model = f"{engine.info.name} {engine.info.revision} {engine.info.dtype} {prompts_sha256()}"
            margins = self.store.editions.calibration_margins(code.edition, model)
            if missing := [window for window in windows if window.number not in margins]:
                computed = score(missing, CALIBRATION_QUESTION, "articles read without a question").scores
                self.store.editions.save_calibration_margins(code.edition, model, computed)
                margins |= computed
            scores = {number: margin - margins[number] for number, margin in scores.items()}
        best_windows: dict[str, Article] = {}
        for window, score_of_window in zip(windows, result.articles, strict=True):
            if score_of_window.score == result.scores[window.number]:
                best_windows.setdefault(window.number, window)
        return _Reading(scoring, scores, best_windows, result.tokens, result.tokenize_seconds)

    def _write(self, question: str, windows: Sequence[Article]) -> "_Answered":
        """Let the model write from the best windows of the selected articles, as many as its context holds."""
        engine, max_tokens = self.models.engine, self.settings.answer_tokens
        room = engine.context_tokens - max_tokens
        shown = list(windows)
        while len(shown) > 1 and engine.count_prompt_tokens(answer_prompt(question, shown)) > room:
            shown.pop()
        prompt = answer_prompt(question, shown)
        pieces: list[str] = []
        first_token_at = None
        generated = 0
        for piece, tokens in engine.generate(prompt, max_tokens=max_tokens):
            first_token_at = first_token_at or time.perf_counter()
            generated += tokens
            pieces.append(piece)
            self.progress.show_text(piece)
        answer = read_answer("".join(pieces), shown, complete=generated < max_tokens)
        return _Answered(answer, first_token_at, engine.count_prompt_tokens(prompt), generated)


@dataclass(frozen=True)
class _Reading:
    """What the model's reading of the code gave."""

    scoring: ScoringMode
    scores: Mapping[str, float]  # by number, of the articles that the model read
    best_windows: Mapping[str, Article]  # by number; usually the article itself
    tokens: int
    tokenize_seconds: float


@dataclass(frozen=True)
class _Answered:
    answer: Answer
    first_token_at: float | None = None  # perf_counter() time; None for an answer that was not generated
    prompt_tokens: int = 0
    generated_tokens: int = 0


@contextmanager
def open_assistant(settings: Settings, progress: Progress | None = None) -> Iterator[Assistant]:
    """An assistant with the database that the settings name. Raises StoreError."""
    with Store(settings.database) as store:
        yield Assistant(settings, store, progress=progress)
