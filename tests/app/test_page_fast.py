"""The page's behaviour around the model, with models that need no torch and a code of three articles."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labourqa.config import Settings
from labourqa.engine.startup import Models
from labourqa.errors import WeightsError
from labourqa.store import Store
from tests.app.driver import ask, labels, open_page, page_server, texts, wait_for_answer
from tests.conftest import small_code
from tests.fakes import FakeEngine, fake_models

QUESTION = "How is night work paid?"

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with the small code; what loads models gives fake ones."""
    with Store(Settings(home=tmp_path).database) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: fake_models())
    return tmp_path


@pytest.fixture
def no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the settings, the part that describes the machine imports torch and is left out."""
    monkeypatch.setattr("labourqa.doctor.describe_installation", lambda settings, store: {})


@pytest.fixture
def server(home: Path) -> Iterator[None]:
    with page_server(home):
        yield


def run_until_loaded(app: AppTest) -> None:
    """Run the page until the models are loaded, or their loading has failed."""
    deadline = time.monotonic() + 10
    while any("Getting ready" in progress.proto.text for progress in app.get("progress")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        app.run()


def test_models_that_cannot_be_loaded_are_one_sentence_and_are_tried_again(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: Settings, progress: object) -> Models:
        raise WeightsError("The model [x] cannot be fetched; check the network.")

    with monkeypatch.context() as patch:
        patch.setattr("labourqa.pipeline.load_models", fail)
        app = open_page()
        ask(app, QUESTION)
        assert "The model [x] cannot be fetched; check the network." in texts(app)
        assert not app.exception
    app.run()
    app.button(key="load-again").click().run()
    run_until_loaded(app)
    next(button for button in app.button if button.label == "Ask again").click().run()
    wait_for_answer(app)
    assert not app.exception
    assert not app.error
    assert "one and a half times" in texts(app)


def test_a_click_is_not_lost_when_the_models_are_ready_at_that_moment(server: None) -> None:
    class ReadyAfterFirstLook(threading.Event):
        looked = False

        def is_set(self) -> bool:
            looked, self.looked = self.looked, True
            return looked

    app = open_page()
    run_until_loaded(app)
    from server import server as page_server  # from app/, which is on the path here

    page_server().loading.finished = ReadyAfterFirstLook()
    page_server().loading.finished.set()
    app.button(key="example-case-2").click().run()
    wait_for_answer(app)
    assert "Nothing in the Labour Code of Nowhere answers this question" in texts(app)


def test_too_little_memory_is_one_sentence(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings, progress: object) -> Models:
        raise MemoryError

    monkeypatch.setattr("labourqa.pipeline.load_models", fail)
    app = open_page()
    ask(app, QUESTION)
    assert "choose a smaller model" in texts(app)
    assert not app.exception


def test_an_answer_that_is_not_logged_takes_no_feedback(home: Path) -> None:
    with page_server(home, log="false"):
        app = open_page()
        ask(app, QUESTION)
        assert "one and a half times" in texts(app)
        assert not app.feedback
    with Store(Settings(home=home).database) as store:
        assert store.conversations.search() == []


def test_a_written_answer_that_was_cut_short_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine(reply="Night work is paid at one and a half times the pay [Art. 2].")
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: fake_models(engine))
    with page_server(home, answer_tokens="5"):
        app = open_page()
        ask(app, QUESTION)
    assert "stopped at its limit of 5 tokens" in texts(app)


def test_the_short_answer_is_the_laws_words_with_their_reference(home: Path) -> None:
    with page_server(home, answer="quoted"):
        app = open_page()
        ask(app, QUESTION)
    short, heading, paragraph = (one.value.replace("\\", "") for one in app.markdown)
    assert short.startswith("Night work is paid at one and a half times the pay. [Art. 2](reader?")
    assert heading.startswith("**Article 2. Night Work**")
    assert paragraph.startswith("**Night work is paid at one and a half times the pay.** [Art. 2](reader?")


def test_an_article_that_the_code_does_not_have_is_named(server: None) -> None:
    app = open_page()
    ask(app, "What does Article 99 say on night work?")
    assert "The Labour Code of Nowhere has no Art. 99." in texts(app)


def test_the_settings_of_a_visitor_do_not_reach_others(server: None, no_installation: None) -> None:
    app, other = open_page("settings"), open_page("settings")
    app.number_input(key="top").set_value(1).run()
    other.run()
    app.switch_page("app_pages/ask.py").run()
    app.switch_page("app_pages/settings.py").run()
    assert app.number_input(key="top").value == 1
    assert other.number_input(key="top").value is None


def test_the_citations_of_an_answer_open_while_its_edition_is_stored(server: None, home: Path) -> None:
    app = open_page()
    ask(app, QUESTION)

    def can_be_opened() -> bool:
        return "[Art. 2](reader?code=" in texts(app.run())

    assert can_be_opened()
    with Store(Settings(home=home).database) as store:
        store.editions.rename_code("Labour Code of Nowhere", "Code of Nowhere")
        assert can_be_opened()
        store.editions.remove(store.editions.current())
        assert not can_be_opened()


def test_an_interrupted_evaluation_is_continued(server: None, home: Path) -> None:
    app = open_page("evaluate")
    app.button(key="run").click().run()
    [reports] = home.glob("evaluations/*/reports.jsonl")
    lines = reports.read_text().splitlines(keepends=True)
    assert len(lines) == 4
    reports.write_text("".join(lines[:3]) + '{"id": "cut sh')
    app.run()
    assert "3 of 4 questions have been asked." in texts(app)
    app.button(key="continue").click().run()
    assert not app.exception
    assert "questions have been asked" not in texts(app)
    assert [json.loads(line)["id"] for line in reports.read_text().splitlines()] == [
        json.loads(line)["id"] for line in lines
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"question": "How long is leave?"}\nno JSON', "Line 2 of"),
        (b"\xff", "is not UTF-8"),
        (b"", "no question"),
    ],
)
def test_a_file_without_questions_is_one_sentence_and_is_not_stored(
    server: None, home: Path, content: bytes, sentence: str
) -> None:
    app = open_page("evaluate")
    app.file_uploader(key="questions").upload("my questions.jsonl", content).run()
    app.button(key="run").click().run()
    assert sentence in texts(app)
    assert "my-questions.jsonl" in texts(app)
    assert not app.exception
    assert not (home / "evaluations").exists()


def test_links_lead_through_the_code(server: None) -> None:
    app = open_page("reader", article="1")
    assert "Art. 2¹  Study" in labels(app)  # referred to in Article 1
    app.button(key="next-2").click().run()
    assert "Article 2. Night Work" in texts(app)
    app.button(key="contents").click().run()
    assert "article" not in app.query_params
