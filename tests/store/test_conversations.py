import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given

from labourqa.answering.report import Report
from labourqa.errors import StoreError
from labourqa.store import Store
from tests.samples import make_report
from tests.strategies import reports


@given(report=reports())
def test_any_report_comes_back_as_its_json_says(report: Report) -> None:
    with Store() as store:
        answer, conversation = store.conversations.log(report)
        [logged] = store.conversations.answers(conversation)
        assert logged.id == answer
        assert logged.report == Report.from_json(json.loads(json.dumps(report.to_json())))
        assert store.conversations.title(conversation) == report.question
        [(asked_at, question)] = store.conversations.questions()
        assert (asked_at, question) == (logged.asked_at, report.question)
        assert store.conversations.latest_report(report.question, report.run.method) == logged.report


@pytest.mark.parametrize("everything", [True, False])
def test_erased_answers_are_not_left_in_the_file(tmp_path: Path, everything: bool) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        # On in some builds of SQLite, off in others; the store has no method for it.
        store._database._db.execute("PRAGMA secure_delete = OFF")
        _, conversation = store.conversations.log(make_report("Am I pregnant-and-fired-xyzzy?"))
        questions = [question for _, question in store.conversations.questions()]
        assert questions == ["Am I pregnant-and-fired-xyzzy?"]
        if everything:
            assert store.conversations.erase_all() == 1
        else:
            store.conversations.erase(conversation)
        assert store.conversations.questions() == []
        assert store.conversations.search() == []
    for file in tmp_path.iterdir():
        assert b"xyzzy" not in file.read_bytes()


def test_a_conversation_has_its_answers_in_order(store: Store) -> None:
    first, leave = store.conversations.log(make_report("How long is leave?"))
    _, night = store.conversations.log(make_report("Is night work paid more?"))
    second, same = store.conversations.log(make_report("And at 50?"), leave)
    assert same == leave
    answers = store.conversations.answers(leave)
    assert [answer.report.question for answer in answers] == ["How long is leave?", "And at 50?"]
    assert [answer.id for answer in answers] == [first, second]
    assert [one.id for one in store.conversations.search()] == [
        leave,
        night,
    ]  # the one continued last is first
    assert store.conversations.answers(999) == []


def test_a_conversation_is_renamed_and_erased_alone(store: Store) -> None:
    _, leave = store.conversations.log(make_report("How long is leave?"))
    _, night = store.conversations.log(make_report("Is night work paid more?"))
    store.conversations.rename(leave, "Leave")
    assert (store.conversations.title(leave), store.conversations.title(99)) == ("Leave", "")
    store.conversations.erase(night)
    assert [(one.id, one.title) for one in store.conversations.search()] == [(leave, "Leave")]
    assert store.conversations.answers(night) == []


def test_an_answer_to_an_erased_conversation_begins_a_new_one(store: Store) -> None:
    _, leave = store.conversations.log(make_report("How long is leave?"))
    _, another = store.conversations.log(make_report("And on Sundays?"), 999)
    assert another not in (leave, 999)
    assert [one.title for one in store.conversations.search()] == ["And on Sundays?", "How long is leave?"]
    assert len(store.conversations.answers(another)) == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [("LEAVE", True), ("renamed", True), ("twenty", True), ("night", False), ("%", False), ("_ong", False)],
)
def test_conversations_are_found_by_title_question_and_answer(store: Store, words: str, found: bool) -> None:
    _, leave = store.conversations.log(make_report("How long is leave?", "At least twenty days."))
    store.conversations.rename(leave, "Renamed")
    assert bool(store.conversations.search(words)) == found


@pytest.mark.parametrize("helpful", [True, False])
def test_feedback_is_stored_with_its_answer(store: Store, helpful: bool) -> None:
    answer, conversation = store.conversations.log(make_report("How long is leave?"))
    assert store.conversations.answers(conversation)[0].helpful is None
    store.conversations.save_feedback(answer, helpful, "the wrong article")
    [logged] = store.conversations.answers(conversation)
    assert (logged.helpful, logged.reason) == (helpful, "the wrong article")
    store.conversations.save_feedback(answer, None)
    assert store.conversations.answers(conversation)[0].helpful is None


def test_the_latest_report_is_of_this_question_and_method(store: Store) -> None:
    for text, method in (("old", "token-batches"), ("new", "token-batches"), ("other", "article-cache")):
        store.conversations.log(make_report("Why?", text, method=method))
    found = store.conversations.latest_report("Why?", "token-batches")
    assert found is not None
    assert found.answer.text == "new"
    assert store.conversations.latest_report("Why?", "packed") is None
    assert store.conversations.latest_report("Why not?", "token-batches") is None


@pytest.mark.parametrize("content", ['{"question": "Why?"}', "not json", "[1]"])
def test_an_answer_in_another_format_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.db"
    with Store(path) as store:
        answer, conversation = store.conversations.log(make_report())
    with sqlite3.connect(path) as db:
        db.execute("UPDATE answers SET report = ?, checksum = NULL", [content])
    with (
        Store(path) as store,
        pytest.raises(StoreError, match=f"Answer {answer} .* delete its conversation"),
    ):
        store.conversations.answers(conversation)
