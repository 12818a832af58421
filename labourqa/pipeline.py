"""The whole program in two functions: `ingest` a code, `ask` it a question."""

import gc
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Protocol

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
from labourqa.answering.language import foreign_language, identifier
from labourqa.answering.report import Report, Seconds, Tokens, describe_run, peak_memory_bytes, prompts_sha256
from labourqa.answering.selection import select_articles
from labourqa.config import DEFAULT_EDITION, Settings
from labourqa.documents.document import read_document
from labourqa.engine.base import READINGS, Engine, Evidence, Judgement, count_read
from labourqa.engine.remote import RemoteEngine, is_server
from labourqa.errors import QuestionError
from labourqa.law.citations import related_places, resolve_reference
from labourqa.law.parser import parse_code
from labourqa.law.references import Reference, find_mentions
from labourqa.law.structure import Article
from labourqa.models.relevance import Relevance, TrainedRelevance
from labourqa.store.database import Edition, Store

if TYPE_CHECKING:
    from labourqa.models.encoder import (
        SentenceEncoder,  # torch is imported when models are loaded, not before
    )

ENCODER = "minilm-l6-v2"
QUESTION_CHARACTERS = 2_000
NULL_QUESTION = "N/A"


class Progress(Protocol):
    """Where long work tells how far it is. The command line draws bars, tests and libraries may stay silent."""

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        """`done` of `total` things, or without a total the part that is done, 0 to 1."""

    def show_text(self, piece: str) -> None:
        """The next piece of a written answer."""


class SilentProgress:
    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        pass

    def show_text(self, piece: str) -> None:
        pass


@dataclass(frozen=True)
class Models:
    """What is loaded once a process and shared by all questions."""

    engine: Engine
    encoder: "SentenceEncoder"
    trained: TrainedRelevance
    reason: str  # why this model, in a few words
    load_seconds: float


def name_model(settings: Settings) -> tuple[str, str]:
    """The model that the settings mean, and in one line why."""
    if settings.model != "auto":
        return settings.model, "as you chose"
    import torch

    from labourqa.models.weights import choose_model

    return choose_model(settings.models, has_cuda=torch.cuda.is_available())


def load_models(settings: Settings, progress: Progress) -> Models:
    """Find or fetch the models, and load them. Raises WeightsError."""
    started = time.perf_counter()
    Thread(target=identifier, daemon=True).start()  # its model is decompressed while others are imported
    with _no_collecting():
        from labourqa.models.weights import fetch_weights

        encoder_weights = fetch_weights(ENCODER, settings.models, show_progress=progress.show_done)
        name, reason = name_model(settings)
        engine: Engine
        if is_server(name):
            engine = RemoteEngine(name, api_key=settings.api_key)
        else:
            from labourqa.engine.local import LocalEngine

            weights = fetch_weights(name, settings.models, show_progress=progress.show_done)
            engine = LocalEngine(weights, precision=settings.precision)

        from labourqa.models.encoder import SentenceEncoder

        trained = TrainedRelevance()
        encoder = SentenceEncoder(encoder_weights, trained)
    return Models(engine, encoder, trained, reason, time.perf_counter() - started)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """What imports leave is no garbage: to look for some takes a seventh of a cold start, and longer on the way out."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()


def ingest(store: Store, path: Path | None = None) -> Edition:
    """Keep the code in the file at `path` (by default the embedded edition) as the current edition."""
    document = read_document(path or DEFAULT_EDITION)
    return store.save_code(parse_code(document.text), source=document.source, sha256=document.sha256)


def open_edition(store: Store) -> Edition:
    """The current edition; the embedded one is ingested the first time."""
    return store.current_edition() if store.editions() else ingest(store)


def prepare(
    store: Store,
    edition: Edition,
    articles: Sequence[Article],
    *,
    settings: Settings,
    models: Models,
    progress: Progress,
) -> NDArray[np.float32]:
    """Count tokens, embed paragraphs and fill the article cache: once for each edition, model and encoder.

    Returns the embeddings of the edition's paragraphs and points, (texts, dimensions), in order.
    """
    tokenizer, encoder = models.engine.tokenizer_name, models.encoder
    if not store.token_counts(edition, tokenizer):
        counts = models.engine.count_tokens([article.format() for article in articles])
        numbers = [article.number for article in articles]
        store.save_token_counts(edition, tokenizer, dict(zip(numbers, counts, strict=True)))
    vectors = store.embeddings(edition, encoder.name)
    if vectors is None:
        vectors = models.trained.embed(
            articles,
            partial(
                encoder.encode,
                show_fraction=lambda fraction: progress.show_done("preparing the code for search", fraction),
            ),
        )
        store.save_embeddings(edition, encoder.name, vectors)
    if choose_method(settings.method, models.engine) == "article-cache":
        models.engine.keep_articles(
            articles,
            evidence=models.engine.evidence,
            folder=settings.article_cache,
            bits=settings.cache_bits,
            show_fraction=lambda fraction: progress.show_done("reading the code once", fraction),
        )
    return vectors


def check_question(question: str) -> str:
    """The question without space around it. Raises QuestionError."""
    question = question.strip()
    if not any(character.isalnum() for character in question):
        raise QuestionError(
            'The question is empty; ask one in plain words, such as "How long is annual leave?"'
        )
    if len(question) > QUESTION_CHARACTERS:
        raise QuestionError(
            f"The question has {len(question):,} characters; ask it in at most {QUESTION_CHARACTERS:,}."
        )
    return question


def ask(
    question: str,
    *,
    settings: Settings,
    store: Store,
    models: Models,
    progress: Progress,
    load_seconds: float = 0.0,
    before: Turn | None = None,
    edition: Edition | None = None,
) -> Report:
    """Read `edition`, by default the current one, for `question`, select articles, answer from them alone.

    `before` is the turn of a conversation that the question may follow up.
    """
    asked = check_question(question)
    question = check_question(resolve_follow_up(asked, before))
    edition = edition or open_edition(store)
    articles = store.articles(edition)
    vectors = prepare(store, edition, articles, settings=settings, models=models, progress=progress)
    started = time.perf_counter()
    relevance = models.trained.judge(articles, vectors, models.encoder.encode([question])[0])
    method = choose_method(settings.method, models.engine)
    named, unknown = resolve_mentions(question, articles)
    candidates = before.selected if before and question != asked else ()
    foreign = None if named else _foreign_language(question, articles, models.engine)
    read = () if foreign else _articles_to_read(articles, relevance, candidates, method, settings)
    reading = _read(question, read, method, settings, store, edition, models.engine, progress)
    selection = select_articles(
        reading.scores,
        relevance,
        evidence=reading.evidence,
        threshold=settings.threshold,
        top=settings.top,
        named=[reference.article for reference in named],
    )
    filtered = time.perf_counter()
    by_number = {article.number: article for article in articles}
    selected = [by_number[number] for number in selection.selected]
    if foreign:
        answering = _Answering(refuse_language(edition.code, *foreign))
    elif not selected:
        answering = _Answering(refuse_answer(edition.code, articles))
    elif choose_kind(settings.answer, models.engine.info) == "written":
        answering = _write(question, selected, settings, models.engine, progress)
    else:
        answering = _Answering(quote_answer(selected, selection.scores, relevance.paragraphs, named))
    answered = time.perf_counter()

    return Report(
        question=asked,
        understood=question,
        run=describe_run(edition, models.engine.info, models.encoder.name, method, settings),
        articles=articles,
        selection=selection,
        outside=math.exp(relevance.out_of_scope),
        unknown=unknown,
        answer=answering.answer,
        related=related_places(answering.answer.citations, articles, selection.selected),
        tokens=Tokens(reading.tokens, answering.prompt_tokens, answering.generated_tokens),
        seconds=Seconds(
            load=load_seconds,
            tokenize=reading.tokenize_seconds,
            filter=filtered - started - reading.tokenize_seconds,
            answer_first_token=(answering.first_token_at or answered) - filtered,
            answer=answered - filtered,
            total=load_seconds + answered - started,
        ),
        peak_memory_bytes=peak_memory_bytes(),
    )


def resolve_mentions(
    question: str, articles: Sequence[Article]
) -> tuple[tuple[Reference, ...], tuple[Reference, ...]]:
    """The places of the code that the question names, and those it names that the code does not have.

    Of Art. 144(99) the article is there and the paragraph is not.
    """
    named: list[Reference] = []
    unknown: list[Reference] = []
    for mention in find_mentions(question):
        if resolve_reference(mention, articles).supported:
            named.append(mention)
            continue
        unknown.append(mention)
        if any(article.number == mention.article for article in articles):
            named.append(Reference(mention.article))
    return tuple(named), tuple(unknown)


def choose_method(wanted: str, engine: Engine) -> str:
    """The article cache wherever it can be kept; a model too large for that on a CPU reads a shortlist."""
    if wanted != "auto":
        return wanted
    if engine.can_keep:
        return "article-cache"
    return "shortlist" if engine.info.device == "cpu" else "token-batches-logits"


def _foreign_language(question: str, articles: Sequence[Article], engine: Engine) -> tuple[str, str] | None:
    """The languages of question and code, if a small model, which reads one, is to read another."""
    if engine.evidence != "likelihood":
        return None
    return foreign_language(question, "\n".join(article.title for article in articles))


@dataclass(frozen=True)
class _Reading:
    evidence: Evidence
    scores: Mapping[str, float]  # by number, of the articles that the model read
    tokens: int
    tokenize_seconds: float


@dataclass(frozen=True)
class _Answering:
    answer: Answer
    first_token_at: float | None = None  # perf_counter() time; None when the answer came at once
    prompt_tokens: int = 0
    generated_tokens: int = 0


def _articles_to_read(
    articles: tuple[Article, ...],
    relevance: Relevance,
    candidates: Collection[str],
    method: str,
    settings: Settings,
) -> tuple[Article, ...]:
    """All of them, but for a shortlist: the most relevant ones, and the `candidates` from the question before."""
    if method != "shortlist":
        return articles
    nearest = sorted(
        articles, key=lambda article: (article.number not in candidates, -relevance.articles[article.number])
    )
    return tuple(nearest[: max(settings.shortlist, len(candidates))])


def _read(
    question: str,
    articles: tuple[Article, ...],
    method: str,
    settings: Settings,
    store: Store,
    edition: Edition,
    engine: Engine,
    progress: Progress,
) -> _Reading:
    """Let the model read `articles` by `method`."""
    reading, in_words = READINGS[method]
    evidence: Evidence = "word" if in_words else engine.evidence
    if not articles:
        return _Reading(evidence, {}, 0, 0.0)

    def judge(some: Sequence[Article], asked: str, what: str) -> Judgement:
        progress.show_done(what, 0, len(some))
        return engine.judge(
            some,
            asked,
            evidence=evidence,
            reading=reading,
            batch_tokens=settings.batch_tokens,
            batch_articles=settings.batch_articles,
            show_read=count_read(progress.show_done, what, len(some)),
        )

    judgement = judge(articles, question, "articles read")
    scores = judgement.scores
    if evidence == "yes-no" and not is_server(engine.info.device):  # a server's requests may cost money
        # How much the model is for each article when nothing is asked (Zhao et al., arXiv 2102.09690): read once.
        model = f"{engine.info.name} {engine.info.revision} {engine.info.dtype} {prompts_sha256()}"
        margins = store.null_margins(edition, model)
        if missing := [article for article in articles if article.number not in margins]:
            margins |= (new := judge(missing, NULL_QUESTION, "articles read without a question").scores)
            store.save_null_margins(edition, model, new)
        scores = {number: margin - margins[number] for number, margin in scores.items()}
    tokens = sum(decision.tokens for decision in judgement.decisions)
    return _Reading(evidence, scores, tokens, judgement.tokenize_seconds)


def _write(
    question: str, selected: list[Article], settings: Settings, engine: Engine, progress: Progress
) -> _Answering:
    """Let the model write from as many of the selected articles, best first, as its context holds."""
    room = engine.info.context_tokens - settings.answer_tokens
    shown = selected
    while len(shown) > 1 and engine.count_prompt_tokens(answer_prompt(question, shown)) > room:
        shown = shown[:-1]
    prompt = answer_prompt(question, shown)
    pieces: list[str] = []
    first_token_at = None
    generated = 0
    for piece, tokens in engine.generate(prompt, max_tokens=settings.answer_tokens):
        first_token_at = first_token_at or time.perf_counter()
        generated += tokens
        pieces.append(piece)
        progress.show_text(piece)
    answer = read_answer("".join(pieces), shown, complete=generated < settings.answer_tokens)
    return _Answering(answer, first_token_at, engine.count_prompt_tokens(prompt), generated)
