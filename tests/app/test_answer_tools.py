"""What can be done with an answer on the page, with models that need no torch and two editions of a small code."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labourqa.config import Settings
from labourqa.law.structure import Article, Paragraph
from labourqa.store import Store
from tests.app.driver import ask, open_page, page_server, texts
from tests.conftest import small_code
from tests.fakes import fake_models

pytestmark = pytest.mark.slow
QUESTION = "How is night work paid?"
OLD = Article("2", "Night Work", (Paragraph("", "Night work is paid at one and a quarter times the pay."),))


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: fake_models())
    database = Settings(home=tmp_path).database
    code = small_code()
    with Store(database) as store:
        store.editions.save(
            replace(code, date="2020-07-01", articles=(code.articles[0], OLD)),
            source="old.txt",
            sha256="1" * 64,
        )
        store.editions.save(code, source="new.txt", sha256="0" * 64)
    with page_server(tmp_path, answer="quoted"):
        yield database


def test_an_answer_is_shared_by_a_link_until_it_is_withdrawn(database: Path) -> None:
    app = open_page()
    ask(app, QUESTION)
    app.session_state["answer-1-0-tools"] = True  # opened
    app.run()
    app.toggle(key="answer-1-0-shared").set_value(True).run()
    [link] = [code.value for code in app.code]
    token = link.partition("/shared?answer=")[2]
    shared = open_page("shared", answer=token)
    assert shared.title[0].value == QUESTION
    assert "one and a half times the pay" in texts(shared)
    assert not shared.feedback
    app.toggle(key="answer-1-0-shared").set_value(False).run()
    assert not app.code
    assert "This link leads to no answer" in texts(open_page("shared", answer=token))
    assert "This link leads to no answer" in texts(open_page("shared"))


def test_a_thumbs_down_with_the_right_article_is_asked_by_the_evaluation(database: Path) -> None:
    app = open_page()
    ask(app, QUESTION)
    app.feedback[0].set_value(0).run()
    app.text_input(key="answer-1-0-right").set_value("no article").run()
    assert app.error
    app.text_input(key="answer-1-0-right").set_value("1(2)").run()
    assert not app.error
    evaluation = open_page("evaluate")
    evaluation.checkbox(key="add-feedback").check().run()
    evaluation.button(key="run").click().run()
    [table] = [frame.value for frame in evaluation.dataframe]
    assert list(table["from"]) == ["labelled"] * 4 + ["feedback"]
    assert list(table["needed"])[-1] == "1"


def test_one_question_is_asked_to_two_editions_side_by_side(database: Path) -> None:
    app = open_page("side_by_side", question=QUESTION)
    app.button(key="ask-both").click().run()
    assert not app.exception
    left, right = (" ".join(text.value for text in column.markdown) for column in app.columns[-2:])
    assert "half times" in left
    assert "quarter times" in right
    with Store(database) as store:
        assert store.conversations.search() == []


def test_a_list_of_questions_is_answered_on_the_page(database: Path) -> None:
    app = open_page("lists")
    app.file_uploader[0].upload(
        "team.csv", f"question\n{QUESTION}\nIs there VAT?\n".encode(), "text/csv"
    ).run()
    assert "2 questions can be asked." in texts(app)
    app.button(key="ask-list").click().run()
    assert not app.exception
    [table] = [frame.value for frame in app.dataframe]
    assert list(table["question"]) == [QUESTION, "Is there VAT?"]
    assert "one and a half times" in table["answer"][0]
    folder = database.parent / "lists"
    assert [path.name for path in folder.glob("*/list")] == ["list"]
    app.button(key="remove-list").click().run()
    assert list(folder.iterdir()) == []
