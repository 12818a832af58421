"""The whole program in one class: an `Assistant` ingests codes, answers questions and evaluates its answers."""

import logging
import math
import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np

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
from labourqa.answering.conversation import ResolvedQuestion, Turn, resolve_question
from labourqa.answering.language import load_identifier
from labourqa.answering.notices import find_notices, names_other_law
from labourqa.answering.question import is_small_talk, resolve_mentions
from labourqa.answering.report import Report, Run, Seconds, Tokens, describe_run
from labourqa.answering.selection import Selection, select_articles
from labourqa.answering.short_answer import choose_short_answer
from labourqa.answering.understanding import find_language_mismatch, understand_question
from labourqa.config import DEFAULT_EDITION, Settings, read_data
from labourqa.engine.startup import Models, choose_method, load_models
from labourqa.errors import DocumentError, LabourQAError, NoArticlesError, QuestionError, UncertainCodeError
from labourqa.evaluation.cases import Case
from labourqa.evaluation.results import evaluate_cases
from labourqa.ingestion import Inspection, inspect_file
from labourqa.law.citations import add_pages, find_related
from labourqa.law.comparison import Comparison, compare_articles, count_unchanged, is_another_text
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.law.structure import Article
from labourqa.memory import peak_memory_bytes
from labourqa.methods import Method
from labourqa.models.local_files import file_sha256
from labourqa.models.relevance import Relevance
from labourqa.preparation import CodePreparer, PreparedCode, check_text
from labourqa.progress import Progress, SilentProgress, count_up
from labourqa.reading import ArticleReader, Reading
from labourqa.store import Store
from labourqa.store.originals import Original

_log = logging.getLogger(__name__)

READ_AHEAD = 16  # questions of an evaluation that a server reads each article for, before the next article
# Of the similarity beside the log-probability, in rating the sentences of a long question (docs/quality.md).
SIMILARITY_WEIGHT = 5.0
_DATE = re.compile(r"@?(\d{4}-\d{2}-\d{2})")


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
        """Store the code in the file at `path`, by default the embedded edition, which becomes current at once.

        Another code becomes current when it is prepared. `act` chooses among several acts of the file; `name` replaces
        the law's own name. Raises DocumentError, NoArticlesError, and UncertainCodeError for a code that was read with
        poor confidence, unless `force`.
        """
        if path is None:
            read_data(DEFAULT_EDITION)  # checks it
        inspection = inspect_file(path or DEFAULT_EDITION, act=act, name=name)
        return self.store_code(inspection, force=force, ready=path is None, for_everyone=path is None)

    def store_code(
        self, inspection: Inspection, *, force: bool = False, ready: bool = False, for_everyone: bool = False
    ) -> Edition:
        """Store a code that was inspected, for the store's owner or for everyone.

        It becomes the current edition if it is `ready`, else by `prepare`.

        Raises UncertainCodeError for a code that was read with poor confidence, unless `force`, and NoArticlesError for
        one without any text.
        """
        document = inspection.document
        check_text(inspection.code.name, inspection.code.articles)
        if inspection.report.confidence == "poor" and not force:
            raise UncertainCodeError(
                f"{document.source} was read with little confidence: {' '.join(inspection.report.reasons)} "
                "Check it with `labourqa ingest --dry-run`; --force stores it all the same."
            )
        return self.store.editions.save(
            inspection.code,
            source=document.source,
            sha256=document.sha256,
            ready=ready,
            for_everyone=for_everyone,
            original=Original(document.data, document.suffix, document.text),
            places=inspection.places,
        )

    def current_edition(self) -> Edition:
        """The edition that the setting `code` names, else the one made ready or chosen last.

        The embedded edition is ingested the first time. Raises NoEditionError for an unknown code.
        """
        editions = self.store.editions
        self._restore_lost_editions()
        if not editions.has_ready():
            self.ingest()
        return editions.find(self.settings.code) if self.settings.code else editions.current()

    def _restore_lost_editions(self) -> None:
        """Ingest the editions again that were lost when the database was damaged; the log says which cannot be."""
        for lost in self.store.editions.lost():
            edition = lost.edition
            original = self._find_original(edition)
            try:
                if original is None or not lost.owners:
                    raise DocumentError("its file was not kept")  # one place says what is lost
                inspection = _inspect_act(original, edition.code)
            except LabourQAError as error:
                _log.warning(
                    "%s was lost when the database was damaged, and %s; run `labourqa ingest` with its file again.",
                    edition, str(error).rstrip("."),
                )  # fmt: skip
            else:
                self.store.editions.restore(lost, inspection.code, inspection.places)
                _log.warning("%s was restored from its file.", edition)
            self.store.editions.forget_lost(lost)

    def _find_original(self, edition: Edition) -> Path | None:
        """The file from which an edition was ingested, if it is on this machine."""
        kept = (self.settings.home / "originals" / edition.sha256).glob("original.*")
        return next((path for path in (DEFAULT_EDITION, *kept) if file_sha256(path) == edition.sha256), None)

    def find_edition(self, wanted: str) -> Edition:
        """The edition that "NAME", "NAME@DATE", or the date of an edition of the current code names.

        Raises NoEditionError.
        """
        if match := _DATE.fullmatch(wanted.strip()):
            wanted = f"{self.current_edition().code}@{match[1]}"
        return self.store.editions.find(wanted)

    def compare(self, old: str, new: str) -> Comparison:
        """What changed between two editions, each named as for `find_edition`. Raises NoEditionError."""
        old_edition, new_edition = map(self.find_edition, (old, new))
        old_articles, new_articles = map(self.store.editions.articles, (old_edition, new_edition))
        changes = compare_articles(old_articles, new_articles)
        return Comparison(
            old_edition,
            new_edition,
            tuple(changes),
            count_unchanged(changes, new_articles),
            is_another_text(changes, new_articles),
        )

    def prepare(self, edition: Edition) -> AbstractContextManager[PreparedCode]:
        """The edition with everything that a question needs (`CodePreparer.prepare`)."""
        preparer = CodePreparer(self.store, self.models, self.settings, self.method, self.progress)
        return preparer.prepare(edition)

    def precompute(self, edition: Edition) -> None:
        """Compute what all questions need; of a large code, all vectors for search, in minutes.

        What is interrupted continues the next time, or when questions need it.
        """
        with self.prepare(edition) as code:
            if code.large:
                code.large.embed_all()

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
        resolved = resolve_question(question, previous)
        if is_small_talk(resolved.asked):
            return self._answer_small_talk(resolved, edition or self.current_edition(), load_seconds)
        engine, encoder = self.models.engine, self.models.encoder
        with self.prepare(edition or self.current_edition()) as code:
            started = time.perf_counter()
            scorer = self.models.relevance
            mismatch = self._language_mismatch(resolved.text, code.articles)
            question, notices = self._understand(resolved, code)
            [vector], [states] = encoder.encode_tokens(
                [question], np.asarray, delta_share=scorer.delta_share(code.articles)
            )
            named, unknown, repealed = self._resolve_mentions(resolved.whole, code)
            mismatch = None if named else mismatch
            candidates = previous.selected if previous and resolved.follows_up else ()
            if code.large:
                first = {*(reference.article for reference in named), *candidates}
                relevance = code.large.search(question, vector, first)
                reading = (
                    code.large.read(question, relevance, first) if not mismatch else code.large.read_nothing()
                )
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
            closest: list[str] = []
            if not (
                selection.selected or mismatch or names_other_law(question, code.edition.code, code.articles)
            ):
                trained = scorer.has_trained_classes(code.articles)
                closest = find_closest(relevance, selection.scores, trained=trained)
            if code.large:
                relevance = code.large.score_paragraphs(relevance, [*selection.selected, *closest], vector)
        filtered = time.perf_counter()
        by_number = {article.number: article for article in code.articles}
        selected = [by_number[number] for number in selection.selected]
        if mismatch:
            answered = _Answered(refuse_language(code.edition.code, *mismatch))
        elif nearest := [by_number[number] for number in closest if relevance.paragraphs[number]]:
            answered = _Answered(show_closest(code.edition.code, nearest, relevance.paragraphs))
        elif not selected:
            answered = _Answered(refuse_answer(code.edition.code, code.articles))
        elif choose_kind(self.settings.answer, engine.info) == "written":
            windows = [reading.best_windows.get(article.number, article) for article in selected]
            answered = self._write(question, windows)
        else:
            answered = _Answered(quote_answer(selected, selection.scores, relevance.paragraphs, named))
        answer = answered.answer
        if answer.kind == "quoted":
            encode = partial(encoder.encode, delta_share=scorer.delta_share(code.articles))
            short = choose_short_answer(
                answer.citations,
                selected,
                relevance.paragraphs,
                selection.scores,
                question,
                vector,
                encode,
            )
            answer = replace(answer, short=short, conditions=find_conditions(answer.citations, selected))
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
        return Report(
            question=resolved.asked,
            resolved_question=question,
            run=self.describe_run(code.edition),
            titles={article.number: article.title for article in code.articles},
            selection=selection,
            out_of_scope=math.exp(relevance.out_of_scope),
            unknown=unknown,
            repealed=repealed,
            notices=(
                *notices,
                *find_notices(
                    resolved.whole,
                    code.edition.code,
                    code.articles,
                    answered=answer.outcome == "answered",
                ),
            ),
            answer=answer,
            related=add_pages(related, pages),
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

    def _answer_small_talk(self, question: ResolvedQuestion, edition: Edition, load_seconds: float) -> Report:
        """The report of a question that asks nothing: no article is read, and all scores are 0."""
        articles = [article for article in self.store.editions.articles(edition) if not article.repealed]
        return Report(
            question=question.asked,
            resolved_question=question.asked,
            run=self.describe_run(edition),
            titles={article.number: article.title for article in articles},
            selection=Selection({article.number: 0.0 for article in articles}, (), 0, 0.0, self.settings.top),
            out_of_scope=1.0,
            unknown=(),
            answer=answer_small_talk(edition.code),
            related=(),
            tokens=Tokens(0, 0, 0),
            seconds=Seconds(load_seconds, 0.0, 0.0, 0.0, 0.0, load_seconds),
            peak_memory_bytes=peak_memory_bytes(),
        )

    def evaluate(
        self, cases: Sequence[Case], *, edition: Edition | None = None, out: Path | None = None
    ) -> list[Report]:
        """The report of every case, in order; with `out`, an interrupted run resumes from that file."""
        edition = edition or self.current_edition()
        questions = [case.question for case in cases]
        ahead: set[str] = set()

        def ask(question: str) -> Report:
            if question not in ahead:
                start = questions.index(question)
                ahead.update(questions[start : start + READ_AHEAD])
                self._read_ahead(edition, questions[start : start + READ_AHEAD])
            return self.ask(question, edition=edition)

        return evaluate_cases(
            cases,
            ask,
            run=self.describe_run(edition),
            out=out,
            show_more=count_up(self.progress, "questions asked", len(cases)),
        )

    def describe_run(self, edition: Edition) -> Run:
        """What answers from `edition` depend on besides the question."""
        info, encoder = self.models.engine.info, self.models.encoder.name
        return describe_run(edition, info, encoder, self.method.name, self.settings)

    def _understand(self, question: ResolvedQuestion, code: PreparedCode) -> tuple[str, tuple[str, ...]]:
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

    def _read_ahead(self, edition: Edition, questions: Sequence[str]) -> None:
        """Let a server read each article for all these questions at once."""
        engine, method = self.models.engine, self.method
        if not engine.info.server_url or method.name == "shortlist":
            return
        resolved = []
        for question in questions:
            with suppress(QuestionError):  # which `ask` raises when it is this question's turn
                resolved.append(resolve_question(question, None))
        with self.prepare(edition) as code:
            if not code.large:
                understood = [self._understand(question, code)[0] for question in resolved]
                scoring = "generated" if method.scoring == "generated" else engine.scoring_mode
                show_read = count_up(self.progress, "articles read for the next questions", len(code.windows))
                engine.read_ahead(code.windows, understood, scoring=scoring, show_read=show_read)

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


def _inspect_act(path: Path, code: str) -> Inspection:
    """The act of that name in a file; its only or largest one if the code was renamed."""
    try:
        return inspect_file(path, act=code, name=code)
    except NoArticlesError:
        return inspect_file(path, name=code)


@dataclass(frozen=True)
class _Answered:
    answer: Answer
    first_token_at: float | None = None  # perf_counter() time; None for an answer that was not generated
    prompt_tokens: int = 0
    generated_tokens: int = 0


@contextmanager
def open_assistant(settings: Settings, progress: Progress | None = None) -> Iterator[Assistant]:
    """An assistant with the database that the settings name, for the local user. Raises StoreError."""
    erase_old_conversations(settings)
    with Store(settings.database) as store:
        yield Assistant(settings, store, progress=progress)


def erase_old_conversations(settings: Settings) -> None:
    """Erase the conversations and lists of questions of all owners that are older than `keep_days`.

    Raises StoreError.
    """
    if settings.keep_days is not None:
        with Store(settings.database, owner=None) as store:
            store.conversations.erase_older(settings.keep_days)
        oldest = time.time() - settings.keep_days * 86_400
        for path in settings.lists.rglob("list"):
            if path.parent.stat().st_mtime < oldest:
                shutil.rmtree(path.parent)
