"""A question is answered once it was sent, whatever happens to the page that sent it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from labourqa.config import Settings
from labourqa.store import Store
from tests.app.browsing import DESKTOP, ask, serve_page, visit, visitors
from tests.app.driver import ask as ask_app
from tests.app.driver import labels, open_page, page_server, texts, wait_for_answer
from tests.conftest import small_code
from tests.fakes import FakeEngine, fake_models
from tests.samples import make_report

QUESTION = "How is night work paid?"

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Store(Settings(home=tmp_path).database) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    return tmp_path


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The engine scores no article before this is set."""
    gate = threading.Event()

    class WaitingEngine(FakeEngine):
        def score_articles(self, *arguments, **options):  # type: ignore[no-untyped-def]
            gate.wait(30)
            return super().score_articles(*arguments, **options)

    models = fake_models(WaitingEngine())
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: models)
    return gate


@pytest.fixture
def server(home: Path, gate: threading.Event) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(gate.set)
        stack.enter_context(page_server(home, answer="quoted"))
        yield


def test_a_reload_finds_the_question_while_it_is_answered_and_then_the_answer(
    server: None, gate: threading.Event
) -> None:
    app = open_page()
    app.chat_input[0].set_value(QUESTION).run()
    assert app.chat_input[0].disabled
    reloaded = open_page(conversation=str(app.query_params["conversation"]))
    assert QUESTION in texts(reloaded)
    assert "Stop" in labels(reloaded)
    gate.set()
    for one in (reloaded, app):
        wait_for_answer(one)
        assert "one and a half times" in texts(one)


def test_a_question_whose_server_ended_stays_and_can_be_asked_again(
    server: None, gate: threading.Event, home: Path
) -> None:
    with Store(Settings(home=home).database) as store:
        _, conversation = store.conversations.open_question(QUESTION)
        assert [one.title for one in store.conversations.search()] == [QUESTION]
    gate.set()
    app = open_page(conversation=str(conversation))
    assert "There is no answer to this question yet." in texts(app)
    next(button for button in app.button if button.label == "Ask again").click().run()
    wait_for_answer(app)
    assert "one and a half times" in texts(app)
    with Store(Settings(home=home).database) as store:
        [found] = store.conversations.search()
        assert store.conversations.open_questions(found.id) == []


def test_a_stopped_question_leaves_the_engine_and_can_be_removed(
    server: None, gate: threading.Event, home: Path
) -> None:
    app = open_page()
    app.chat_input[0].set_value(QUESTION).run()
    app.button(key="stop").click().run()
    gate.set()
    wait_for_answer(app)
    assert "Stopped before there was an answer." in texts(app)
    next(button for button in app.button if button.label == "Remove").click().run()
    assert QUESTION not in texts(app)
    with Store(Settings(home=home).database) as store:
        assert store.conversations.search() == []


def test_an_answer_whose_conversation_was_erased_meanwhile_is_not_lost(
    server: None, gate: threading.Event, home: Path
) -> None:
    app = open_page()
    app.chat_input[0].set_value(QUESTION).run()
    with Store(Settings(home=home).database) as store:
        store.conversations.erase_all()
    gate.set()
    wait_for_answer(app)
    assert "one and a half times" in texts(app)
    with Store(Settings(home=home).database) as store:
        assert len(store.conversations.search()) == 1


def test_an_answer_that_cannot_be_stored_is_shown_with_the_reason(
    server: None, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labourqa.errors import StoreError

    def fail(*arguments: object, **options: object) -> None:
        raise StoreError("The disk is full; free some space.")

    gate.set()
    monkeypatch.setattr("labourqa.store.conversations.Conversations.log", fail)
    app = open_page()
    ask_app(app, QUESTION)
    assert "one and a half times" in texts(app)
    assert "were not stored. The disk is full; free some space." in texts(app)


def test_a_question_that_cannot_be_stored_is_answered_all_the_same(
    server: None, gate: threading.Event, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.set()
    monkeypatch.setattr("labourqa.store.database.BUSY_SECONDS", 1)  # threads of the page wait for each other
    app = open_page()
    with sqlite3.connect(Settings(home=home).database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # as another program does that writes for long
        ask_app(app, QUESTION)
        other.execute("ROLLBACK")
    assert "one and a half times" in texts(app)
    assert "were not stored." in texts(app)
    assert "is in use by another program" in texts(app)


def test_a_visitor_has_a_bounded_number_of_questions_at_the_same_time(
    server: None, gate: threading.Event
) -> None:
    for _ in range(3):
        open_page().chat_input[0].set_value(QUESTION).run()
    fourth = open_page()
    fourth.chat_input[0].set_value(QUESTION).run()
    assert "Your earlier questions are still being answered" in texts(fourth)


def test_a_question_that_is_too_long_is_shown_with_a_sentence(server: None) -> None:
    app = open_page()
    app.chat_input[0].set_value("How is night work paid? " * 200).run()
    assert not app.exception
    assert "ask it in at most 2,000." in texts(app)
    assert "How is night work paid? How is night work paid?" in texts(app)


def test_closing_a_question_reaches_only_ones_own() -> None:
    with Store() as store:
        question, conversation = store.conversations.open_question(QUESTION)
        other = type(store.conversations)(store._database, "ada")
        assert other.open_questions(conversation) == []
        other.close_question(question)
        assert [one.id for one in store.conversations.open_questions(conversation)] == [question]
        store.conversations.log(make_report(QUESTION), conversation, open_question=question)
        assert store.conversations.open_questions(conversation) == []


@pytest.mark.browser
def test_a_page_that_was_closed_finds_its_answer_which_one_click_copies(
    browser: Browser, home: Path, tmp_path: Path
) -> None:
    log = tmp_path / "server.log"
    with (
        serve_page("tests.app.fake_page", home, log, LABOURQA_ANSWER="quoted") as address,
        visitors(browser, log) as new_visitor,
    ):
        visitor = new_visitor(DESKTOP)
        page = visit(visitor, address)
        ask(page, QUESTION)
        page.wait_for_url("**conversation=*")
        sent_to = page.url
        page.close()
        again = visitor.new_page()
        again.goto(sent_to)
        expect(again.get_by_text("one and a half times").first).to_be_visible()
        visitor.grant_permissions(["clipboard-read", "clipboard-write"])
        again.get_by_role("button", name="Copy", exact=True).click()
        expect(again.get_by_text("Copied")).to_be_visible()
        copied = again.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(QUESTION)
        assert "one and a half times" in copied
        assert "Labour Code of Nowhere, version of 2025-01-01" in copied
