"""One question to a prepared code: it is understood, the articles are read and selected, and the answer is made."""

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from labourqa.answering.answer import (
    Answer,
    answer_prompt,
    answer_small_talk,
    choose_kind,
    quote_answer,
    read_answer,
    refuse_answer,
    refuse_language,
    show_closest,
)
from labourqa.answering.closest import find_closest
from labourqa.answering.conditions import find_conditions
from labourqa.answering.conversation import ResolvedQuestion
from labourqa.answering.notices import find_notices, names_other_law
from labourqa.answering.question import resolve_mentions
from labourqa.answering.report import Report, Run, Seconds, Tokens
from labourqa.answering.selection import Selection, select_articles
from labourqa.answering.short_answer import choose_short_answer
from labourqa.answering.understanding import find_language_mismatch, understand_question
from labourqa.config import Settings
from labourqa.engine.startup import Models
from labourqa.law.citations import add_pages, find_related
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.law.structure import Article
from labourqa.memory import peak_memory_bytes
from labourqa.methods import Method
from labourqa.models.relevance import Relevance
from labourqa.preparation import PreparedCode
from labourqa.progress import Progress, count_up
from labourqa.reading import ArticleReader, Reading
from labourqa.store import Store

# Of the similarity beside the log-probability, in rating the sentences of a long question (docs/quality.md).
SIMILARITY_WEIGHT = 5.0


@dataclass(frozen=True)
class Found:
    """What was read and selected for a question."""

    asked: ResolvedQuestion
    question: str  # as it was read
    notices: tuple[str, ...]  # on what was left out or changed in it
    vector: NDArray[np.float32]  # of the question, (dimensions,)
    mismatch: (
        tuple[str, str] | None
    )  # the languages of question and code, where nothing was read because of them
    named: tuple[Reference, ...]  # in the question
    unknown: tuple[Reference, ...]
    repealed: tuple[Reference, ...]
    relevance: Relevance
    reading: Reading
    selection: Selection
    closest: tuple[str, ...]  # numbers of the articles to show where none is selected
    started: float  # perf_counter() times
    finished: float


@dataclass(frozen=True)
class _Answered:
    answer: Answer
    first_token_at: float | None = None  # perf_counter() time; None for an answer that was not generated
    prompt_tokens: int = 0
    generated_tokens: int = 0


@dataclass(frozen=True)
class Answerer:
    """Answers a question: `find` needs the code with its prefix cache open, `answer` its articles alone."""

    settings: Settings
    store: Store
    models: Models
    method: Method
    progress: Progress

    def find(self, asked: ResolvedQuestion, code: PreparedCode, candidates: Collection[str] = ()) -> Found:
        """Read the code for a question and select articles; `candidates` are those of the question before."""
        started = time.perf_counter()
        scorer, encoder = self.models.relevance, self.models.encoder
        mismatch = self._language_mismatch(asked.text, code.articles)
        question, notices = self.understand(asked, code)
        [vector], [states] = encoder.encode_tokens(
            [question], np.asarray, delta_share=scorer.delta_share(code.articles)
        )
        named, unknown, repealed = self._resolve_mentions(asked.whole, code)
        mismatch = None if named else mismatch
        if code.large:
            first = {*(reference.article for reference in named), *candidates}
            relevance = code.large.search(question, vector, first)
            reading = code.large.read_nothing() if mismatch else code.large.read(question, relevance, first)
        else:
            interaction = scorer.interaction.score(states, code.tokens) if code.tokens else None
            relevance = scorer.score(code.articles, code.embeddings, question, vector, interaction)
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
        closest: Sequence[str] = ()
        if not (
            selection.selected or mismatch or names_other_law(question, code.edition.code, code.articles)
        ):
            trained = scorer.has_trained_classes(code.articles)
            closest = find_closest(relevance, selection.scores, trained=trained)
        if code.large:
            relevance = code.large.score_paragraphs(relevance, [*selection.selected, *closest], vector)
        return Found(
            asked=asked,
            question=question,
            notices=notices,
            vector=vector,
            mismatch=mismatch,
            named=named,
            unknown=unknown,
            repealed=repealed,
            relevance=relevance,
            reading=reading,
            selection=selection,
            closest=tuple(closest),
            started=started,
            finished=time.perf_counter(),
        )

    def answer(self, found: Found, code: PreparedCode, *, run: Run, load_seconds: float) -> Report:
        """The report with the answer from the selected articles, or with the refusal."""
        selection, paragraphs = found.selection, found.relevance.paragraphs
        by_number = {article.number: article for article in code.articles}
        selected = [by_number[number] for number in selection.selected]
        if found.mismatch:
            answered = _Answered(refuse_language(code.edition.code, *found.mismatch))
        elif nearest := [by_number[number] for number in found.closest if paragraphs[number]]:
            answered = _Answered(show_closest(code.edition.code, nearest, paragraphs))
        elif not selected:
            answered = _Answered(refuse_answer(code.edition.code, code.articles))
        elif choose_kind(self.settings.answer, self.models.engine.info) == "written":
            windows = [found.reading.best_windows.get(article.number, article) for article in selected]
            answered = self._write(found.question, windows)
        else:
            answered = _Answered(quote_answer(selected, selection.scores, paragraphs, found.named))
        answer = answered.answer
        if answer.kind == "quoted":
            answer = self._add_short_answer(answer, selected, found, code)
        related = find_related(answer.citations, code.articles, selection.selected)
        cited = {one.reference.article for one in (*answer.citations, *answer.short, *related)}
        pages = self.store.originals.pages(code.edition, cited)
        answer = replace(
            answer,
            citations=add_pages(answer.citations, pages),
            short=add_pages(answer.short, pages),
            conditions=add_pages(answer.conditions, pages),
        )
        finished = time.perf_counter()
        is_answered = answer.outcome == "answered"
        return Report(
            question=found.asked.asked,
            resolved_question=found.question,
            run=run,
            titles={article.number: article.title for article in code.articles},
            selection=selection,
            out_of_scope=math.exp(found.relevance.out_of_scope),
            unknown=found.unknown,
            repealed=found.repealed,
            notices=(
                *found.notices,
                *find_notices(found.asked.whole, code.edition.code, code.articles, answered=is_answered),
            ),
            answer=answer,
            related=add_pages(related, pages),
            tokens=Tokens(found.reading.tokens, answered.prompt_tokens, answered.generated_tokens),
            seconds=Seconds(
                load=load_seconds,
                tokenize=found.reading.tokenize_seconds,
                filter=found.finished - found.started - found.reading.tokenize_seconds,
                answer_first_token=(answered.first_token_at or finished) - found.finished,
                answer=finished - found.finished,
                total=load_seconds + finished - found.started,
            ),
            peak_memory_bytes=peak_memory_bytes(),
        )

    def understand(self, question: ResolvedQuestion, code: PreparedCode) -> tuple[str, tuple[str, ...]]:
        """The question as it is read, and sentences on what was left out or changed."""
        return understand_question(
            question, code.articles, None if code.large else partial(self._rate_texts, code)
        )

    def _rate_texts(self, code: PreparedCode, texts: Sequence[str]) -> list[float]:
        """How surely the code answers each text: the log-probability of its best article, and its similarity."""
        scorer = self.models.relevance
        vectors = self.models.encoder.encode(texts, delta_share=scorer.delta_share(code.articles))
        relevances = [
            scorer.score(code.articles, code.embeddings, text, vector)
            for text, vector in zip(texts, vectors, strict=True)
        ]
        return [max(one.articles.values()) + SIMILARITY_WEIGHT * one.similarity for one in relevances]

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
        return find_language_mismatch(question, articles)

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

    def _read(self, question: str, code: PreparedCode, articles: tuple[Article, ...]) -> Reading:
        """Let the model score `articles` for the question: each by its best window."""
        numbers = {article.number for article in articles}
        windows = [window for window in code.windows if window.number in numbers]
        reader = ArticleReader(
            self.models, self.store, self.settings, self.method, code.edition, code.articles
        )
        return reader.read(question, windows, code.prefix_cache, partial(count_up, self.progress))

    def _add_short_answer(
        self, answer: Answer, selected: Sequence[Article], found: Found, code: PreparedCode
    ) -> Answer:
        """The quoted answer with its decisive sentences and its conditions."""
        delta_share = self.models.relevance.delta_share(code.articles)
        short = choose_short_answer(
            answer.citations,
            selected,
            found.relevance.paragraphs,
            found.selection.scores,
            found.question,
            found.vector,
            partial(self.models.encoder.encode, delta_share=delta_share),
        )
        return replace(answer, short=short, conditions=find_conditions(answer.citations, selected))

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


def report_small_talk(
    question: ResolvedQuestion,
    edition: Edition,
    articles: Sequence[Article],
    *,
    run: Run,
    load_seconds: float,
) -> Report:
    """The report of a question that asks nothing: no article is read, and all scores are 0."""
    in_force = [article for article in articles if not article.repealed]
    return Report(
        question=question.asked,
        resolved_question=question.asked,
        run=run,
        titles={article.number: article.title for article in in_force},
        selection=Selection({article.number: 0.0 for article in in_force}, (), 0, 0.0, run.settings.top),
        out_of_scope=1.0,
        unknown=(),
        answer=answer_small_talk(edition.code),
        related=(),
        tokens=Tokens(0, 0, 0),
        seconds=Seconds(load_seconds, 0.0, 0.0, 0.0, 0.0, load_seconds),
        peak_memory_bytes=peak_memory_bytes(),
    )
