"""Codes that are not read whole: the best articles are read as the time allows, and everything computed is kept."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from labourqa.answering.report import Report
from labourqa.config import Settings
from labourqa.large_code import FIRST_QUESTION_FACTOR, WHOLE_CODE_CHARACTERS, is_large
from labourqa.law.edition import Edition
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.fakes import LARGE, SMALL, FakeEncoder, FakeEngine, RecordingProgress, fake_models

ARTICLES = 300
NIGHT = "How is work at night on a trawler paid?"
TRADES = ("baker", "teacher", "miner", "farmer", "driver", "printer", "tailor", "waiter", "porter", "roofer")

MakeAssistant = Callable[..., Assistant]


def large_code() -> Code:
    """Articles of which only the 250th answers the question."""
    articles = [
        Article(
            str(i), f"Rules for a {TRADES[i % 10]}", (Paragraph("1", f"A {TRADES[i % 10]} works {i} hours."),)
        )
        for i in range(1, ARTICLES + 1)
    ]
    text = "Night work on a trawler is paid at one and a half times the pay."
    articles[249] = Article("250", "Trawlers at Night", (Paragraph("1", text),))
    articles[99] = dataclasses.replace(articles[99], repealed=True)
    return Code("Code of All Trades", "2025-01-01", tuple(articles))


@pytest.fixture
def edition(store: Store) -> Edition:
    return store.editions.save(large_code(), source="trades.txt", sha256="a" * 64)


@pytest.fixture
def progress() -> RecordingProgress:
    return RecordingProgress()


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def make_assistant(
    store: Store, edition: Edition, progress: RecordingProgress, encoder: FakeEncoder, tmp_path: Path
) -> MakeAssistant:
    """An assistant that may keep nothing on disk, for which every code is therefore large."""
    assert edition.code

    def make(engine: FakeEngine | None = None, **settings: object) -> Assistant:
        changed = dataclasses.replace(Settings(home=tmp_path, cache_size=0.0), **settings)  # type: ignore[arg-type]
        return Assistant(changed, store, models=fake_models(engine, encoder), progress=progress)

    return make


def slow_engine(parameters: int = SMALL) -> FakeEngine:
    """It computes about 30 prefixes in the first question's time, if a question has 3 ms."""
    engine = FakeEngine(parameters=parameters)
    engine.prefix_seconds = 0.0015
    return engine


def read_numbers(report: Report) -> set[str]:
    return set(report.titles) - report.selection.unread


def test_a_code_is_large_by_its_characters() -> None:
    article = Article("1", "", (Paragraph("", "a" * 10_000),))
    whole = [article] * (WHOLE_CODE_CHARACTERS // 10_000)
    assert not is_large(whole)
    assert is_large([*whole, article])


def test_a_code_that_fits_the_disk_is_read_whole(make_assistant: MakeAssistant) -> None:
    report = make_assistant(cache_size=None).ask(NIGHT)
    assert report.selection.read == ARTICLES - 1  # one is repealed
    assert (report.reading_limit, report.selection.unread) == ("", frozenset())


@pytest.mark.parametrize("parameters", [SMALL, LARGE])
def test_the_best_articles_are_read_first_and_the_report_says_how_many(
    make_assistant: MakeAssistant, parameters: int
) -> None:
    engine = slow_engine(parameters)
    report = make_assistant(engine, read_seconds=0.003, answer="quoted").ask(NIGHT)
    assert report.selection.selected[0] == "250"
    assert "Night work on a trawler is paid" in report.answer.text
    assert 12 <= report.selection.read < ARTICLES - 1
    assert f"{report.selection.read} of 299 articles read" in report.reading_limit
    scores = report.selection.scores
    assert len(scores) == 299
    read = read_numbers(report)
    assert len(read) == report.selection.read
    assert min(scores[number] for number in read) > max(scores[number] for number in report.selection.unread)
    assert set(report.selection.selected) <= read
    document = report.to_json()
    assert document["unread"] == [number for number in report.titles if number not in read]
    assert Report.from_json(document).selection.unread == report.selection.unread


def test_a_later_question_reads_what_is_stored_and_adds_to_it(make_assistant: MakeAssistant) -> None:
    engine = slow_engine()
    assistant = make_assistant(engine, read_seconds=0.003)
    first = assistant.ask(NIGHT)
    stored = len(engine.computed_prefixes)
    assert stored == first.selection.read
    second = assistant.ask("How many hours does a roofer work?")
    new = len(engine.computed_prefixes) - stored
    assert 0 < new <= 12  # a later question takes a fraction of the first one's time
    assert FIRST_QUESTION_FACTOR > 2
    assert len(read_numbers(second) - read_numbers(first)) == new
    assert all(cache.is_open is False for cache in engine.prefix_caches)


def test_no_vector_is_computed_twice(make_assistant: MakeAssistant, encoder: FakeEncoder) -> None:
    assistant = make_assistant()
    assistant.ask(NIGHT)
    encoder.texts.clear()
    assistant.ask(NIGHT)
    assert encoder.texts == [NIGHT]


def test_articles_without_vectors_are_ranked_by_their_words(
    make_assistant: MakeAssistant, monkeypatch: pytest.MonkeyPatch, encoder: FakeEncoder
) -> None:
    monkeypatch.setattr("labourqa.large_code.CANDIDATES", 0)
    report = make_assistant().ask("How many hours does a roofer work?")
    assert [text for text in encoder.texts if "works" in text and "roofer" not in text] == []
    assert all("roofer" in report.titles[number] for number in report.ranked_numbers[:5])


def test_an_article_that_the_question_names_is_read_and_selected(make_assistant: MakeAssistant) -> None:
    report = make_assistant(slow_engine(), read_seconds=0.0, answer="quoted").ask("What does Art. 17 say?")
    assert report.selection.selected[0] == "17"
    assert "17" in read_numbers(report)
    assert "works 17 hours" in report.answer.text


def test_the_articles_of_the_question_before_are_read_again(make_assistant: MakeAssistant) -> None:
    assistant = make_assistant(slow_engine(), read_seconds=0.0)
    first = assistant.ask(NIGHT)
    second = assistant.ask("And for a waiter?", previous=first.turn)
    assert set(first.selection.selected) <= read_numbers(second)


def test_a_method_that_is_chosen_reads_every_article(make_assistant: MakeAssistant) -> None:
    for method in ("article-cache", "packed"):
        report = make_assistant(slow_engine(), read_seconds=0.0, method=method).ask(NIGHT)
        assert report.selection.read == ARTICLES - 1
        assert report.reading_limit == ""


def test_an_engine_without_prefix_cache_reads_as_the_time_allows(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine(supports_prefix_cache=False, server_url="http://127.0.0.1:1/v1")
    assistant = make_assistant(engine, read_seconds=0.0)
    many = Code("Long", "", tuple(dataclasses.replace(a, paragraphs=(Paragraph("", "word " * 900),))
                                  for a in large_code().articles))  # fmt: skip
    edition = assistant.store.editions.save(many, source="long.txt", sha256="b" * 64)
    report = assistant.ask(NIGHT, edition=edition)
    assert report.selection.read == 12
    assert report.reading_limit


def test_a_question_in_another_language_reads_nothing(make_assistant: MakeAssistant) -> None:
    report = make_assistant(slow_engine()).ask("Kiek dienų per metus trunka darbuotojo kasmetinės atostogos?")
    assert (report.selection.read, report.reading_limit) == (0, "")
    assert report.answer.kind == "refused"


def test_progress_names_search_and_reading(
    make_assistant: MakeAssistant, progress: RecordingProgress
) -> None:
    make_assistant().ask(NIGHT)
    assert progress.names == ["articles prepared for search", "articles read"]


def test_all_vectors_can_be_computed_before_and_an_interruption_loses_none(
    make_assistant: MakeAssistant,
    edition: Edition,
    encoder: FakeEncoder,
    progress: RecordingProgress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assistant = make_assistant()
    show_done = progress.show_done

    def interrupt(what: str, done: float, total: int | None = None) -> None:
        if done >= 100:
            raise KeyboardInterrupt
        show_done(what, done, total)

    with monkeypatch.context() as patch:
        patch.setattr(progress, "show_done", interrupt)
        with pytest.raises(KeyboardInterrupt):
            assistant.precompute(edition)
    half = len(encoder.texts)
    assert 100 <= half < 200
    assistant.precompute(edition)
    assert len(encoder.texts) == ARTICLES - 1  # one vector for each article, the repealed one without
    encoder.texts.clear()
    assistant.ask(NIGHT)
    assert encoder.texts == [NIGHT]


def test_a_long_article_is_read_in_windows_and_counts_once(
    make_assistant: MakeAssistant, store: Store
) -> None:
    long = Article("301", "Trawlers", tuple(Paragraph(str(i), "night work " * 300) for i in range(1, 12)))
    code = dataclasses.replace(large_code(), articles=(*large_code().articles, long))
    edition = store.editions.save(code, source="long.txt", sha256="b" * 64)
    engine = FakeEngine(parameters=SMALL)
    report = make_assistant(engine).ask(NIGHT, edition=edition)
    assert report.selection.read == ARTICLES
    assert sum(call.articles.count("301") for call in engine.score_calls) > 1
