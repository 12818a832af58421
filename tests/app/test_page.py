"""The page's behaviour, run by Streamlit without a browser, on the real embedded model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labourqa.config import REFERENCE_CASES, Settings
from labourqa.engine.startup import Models
from labourqa.evaluation.cases import read_cases
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.app.driver import ask, labels, open_page, page_server, texts, wait_for_answer

pytestmark = pytest.mark.model
NIGHT = "I am working in shifts. Sometimes I have to work at night. Do they need to pay more for working at night?"


@pytest.fixture(scope="module")
def server_home(prepared_home: Path) -> Iterator[Path]:
    """The data folder of one server, which all tests visit."""
    with page_server(prepared_home, model="smollm2-135m"):
        yield prepared_home


@pytest.fixture
def home(server_home: Path) -> Path:
    with Store(server_home / "labourqa.db") as store:
        store.conversations.erase_all()
    return server_home


def test_a_reference_case_is_one_click_and_its_answer_cites(home: Path) -> None:
    app = open_page()
    assert "not legal advice" in texts(app)
    app.button(key="example-case-2").click().run()
    wait_for_answer(app)
    assert not app.exception
    assert "one and a half times" in texts(app)
    assert "[Art. 144(3)](reader?code=" in texts(app)
    assert "257 of 257 articles read" in app.expander[0].label
    with Store(home / "labourqa.db") as store:
        [conversation] = store.conversations.search()
    assert conversation.title == NIGHT
    assert app.query_params["conversation"] == str(conversation.id)


def test_the_reports_of_the_page_are_those_of_the_other_interfaces(home: Path, models: Models) -> None:
    settings = Settings(home=home, model="smollm2-135m")
    measured = ("seconds", "peak_memory_bytes")
    for case in read_cases(REFERENCE_CASES):
        ask(open_page(), case.question)
        with Store(settings.database) as store:
            assistant = Assistant(settings, store, models=models)
            expected = assistant.ask(case.question).to_json()
            report = store.conversations.latest_report(case.question, assistant.method.name)
        assert report is not None
        stored = report.to_json()
        assert [stored.pop(name) and expected.pop(name) for name in measured]
        assert stored == expected


def test_a_follow_up_question_continues_the_conversation(home: Path) -> None:
    app = open_page()
    ask(app, "How long is the notice when I resign?")
    ask(app, "And if I am ill?")
    assert not app.exception
    assert "Understood as: How long is the notice when I resign? And if I am ill?" in texts(app)
    with Store(home / "labourqa.db") as store:
        [conversation] = store.conversations.search()
        assert len(store.conversations.answers(conversation.id)) == 2


def test_a_refusal_cites_nothing(home: Path) -> None:
    app = open_page()
    ask(app, "How much income tax do I pay?")
    assert "answers this question" in app.info[0].value
    assert "[Art." not in texts(app)
    suggested = [label for label in labels(app) if label.startswith("What are the rules on ")]
    assert len(suggested) == 2


def test_a_written_answer_shows_its_doubts(home: Path) -> None:
    app = open_page("settings")
    app.segmented_control(key="answer-kind").set_value("written").run()
    app.switch_page("app_pages/ask.py").run()
    ask(app, "How is night work paid?")
    assert not app.exception
    assert "Not supported by the law" in texts(app)


def test_a_bad_question_is_one_sentence(home: Path) -> None:
    app = open_page()
    ask(app, "???")
    assert "The question is empty" in app.error[0].value
    assert not app.exception


def test_a_conversation_is_opened_again_renamed_and_deleted(home: Path) -> None:
    app = open_page()
    ask(app, "How long is annual leave?")
    conversation = str(app.query_params["conversation"])
    again = open_page(conversation=conversation)
    assert "How long is annual leave?" in texts(again)
    again.text_input(key="search-conversations").set_value("xyzzy").run()
    assert "No conversation has these words" in texts(again)
    again.text_input(key="search-conversations").set_value("").run()
    with Store(home / "labourqa.db") as store:
        store.conversations.erase(int(conversation))
    erased = open_page(conversation=conversation)
    assert "How long is annual leave?" not in texts(erased)
    ask(erased, "How is night work paid?")
    assert "one and a half times" in texts(erased)


def test_another_threshold_shows_what_it_would_have_selected(home: Path) -> None:
    app = open_page()
    ask(app, "How long is annual leave?")
    assert not app.slider  # the details are computed when they are opened
    app.session_state[f"answer-{app.query_params['conversation']}-0-details"] = True
    app.run()
    slider = app.slider[0]
    before = texts(app)
    slider.set_value(slider.min).run()
    assert "12 would be selected" in texts(app)
    assert "would be selected" not in before


def test_an_article_has_an_address_and_links(home: Path) -> None:
    app = open_page("reader", article="57", paragraph="3")
    assert not app.exception
    assert "Article 57." in app.header[0].value.replace("\\", "")
    assert any(label.startswith("Art. ") for label in labels(app))


@pytest.mark.parametrize(("number", "paragraph"), [("999", ""), ("57", "99"), ("<b>", "")])
def test_an_address_that_does_not_exist_is_one_sentence(home: Path, number: str, paragraph: str) -> None:
    app = open_page("reader", article=number, paragraph=paragraph)
    assert not app.exception
    assert "has no" in app.error[0].value


def test_the_code_is_searched_by_words_and_by_number(home: Path) -> None:
    app = open_page("reader")
    app.text_input(key="search").set_value("night work").run()
    assert "yellow-background" in "".join(element.value for element in app.markdown)
    app.button(key="found-117").click().run()
    assert "Article 117." in app.header[0].value.replace("\\", "")
    app.text_input(key="search").set_value("144(4)").run()
    assert "Article 144." in app.header[0].value.replace("\\", "")
    app.text_input(key="search").set_value("xyzzy").run()
    assert "No article contains" in app.error[0].value


def test_feedback_is_stored(home: Path) -> None:
    app = open_page()
    ask(app, "How long is annual leave?")
    conversation = str(app.query_params["conversation"])
    app.feedback[0].set_value(0).run()
    app.text_input(key=f"answer-{conversation}-0-reason").set_value("too short").run()
    with Store(home / "labourqa.db") as store:
        [answer] = store.conversations.answers(int(conversation))
    assert (answer.helpful, answer.reason) == (False, "too short")


def test_the_reference_cases_are_run_and_opened_again(home: Path) -> None:
    app = open_page("evaluate")
    app.button(key="run").click().run(timeout=300)
    assert not app.exception
    assert "Compared with the published figures" in app.subheader[0].value
    again = open_page("evaluate")
    again.selectbox(key="evaluation").select_index(1).run()
    assert "Compared with the published figures" in again.subheader[0].value
