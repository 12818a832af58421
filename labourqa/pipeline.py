"""The whole program in one class: an `Assistant` ingests codes, answers questions and evaluates its answers."""

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Thread

from labourqa.answerer import Answerer, report_small_talk
from labourqa.answering.conversation import Turn, resolve_question
from labourqa.answering.language import load_identifier
from labourqa.answering.question import is_small_talk
from labourqa.answering.report import Report, Run, describe_run
from labourqa.config import DEFAULT_EDITION, Settings, read_data
from labourqa.engine.startup import Models, choose_method, load_models
from labourqa.errors import QuestionError, UncertainCodeError
from labourqa.evaluation.cases import Case
from labourqa.evaluation.results import evaluate_cases
from labourqa.ingestion import Inspection, inspect_file
from labourqa.law.comparison import Comparison, compare_articles, count_unchanged, is_another_text
from labourqa.law.edition import Edition
from labourqa.methods import Method
from labourqa.preparation import CodePreparer, PreparedCode, check_text
from labourqa.progress import Progress, SilentProgress, count_up
from labourqa.restoration import restore_lost_editions
from labourqa.store import Store
from labourqa.store.originals import Original

READ_AHEAD = 16  # questions of an evaluation that a server reads each article for, before the next article
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
        restore_lost_editions(self.store, self.settings)
        if not editions.has_ready():
            self.ingest()
        return editions.find(self.settings.code) if self.settings.code else editions.current()

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
        edition = edition or self.current_edition()
        if is_small_talk(resolved.asked):
            return report_small_talk(
                resolved,
                edition,
                self.store.editions.articles(edition),
                run=self.describe_run(edition),
                load_seconds=load_seconds,
            )
        answerer = self._answerer()
        candidates = previous.selected if previous and resolved.follows_up else ()
        with self.prepare(edition) as code:
            found = answerer.find(resolved, code, candidates)
        return answerer.answer(found, code, run=self.describe_run(edition), load_seconds=load_seconds)

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

    def _answerer(self) -> Answerer:
        return Answerer(self.settings, self.store, self.models, self.method, self.progress)

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
                answerer = self._answerer()
                understood = [answerer.understand(question, code)[0] for question in resolved]
                scoring = "generated" if method.scoring == "generated" else engine.scoring_mode
                show_read = count_up(self.progress, "articles read for the next questions", len(code.windows))
                engine.read_ahead(code.windows, understood, scoring=scoring, show_read=show_read)


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
