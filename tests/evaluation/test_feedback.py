"""What readers said becomes labelled questions that the evaluation reads."""

from pathlib import Path

import pytest

from labourqa.errors import UnknownArticleError
from labourqa.evaluation.cases import read_cases
from labourqa.evaluation.feedback import parse_right_articles, write_questions
from labourqa.law.references import Reference
from labourqa.store import Store
from tests.samples import make_report


def test_a_thumbs_down_with_the_right_articles_is_a_labelled_question(store: Store, tmp_path: Path) -> None:
    said = {"How long is rest?": (False, "144(4), 72^1"), "What is VAT?": (False, "none"),
            "No article named?": (False, ""), "Helpful?": (True, "2"), "Nothing said?": (None, "2")}  # fmt: skip
    for question, (helpful, right) in said.items():
        answer, _ = store.conversations.log(make_report(question))
        store.conversations.save_feedback(answer, helpful)
        store.conversations.save_right_articles(answer, right)
    path = tmp_path / "feedback.jsonl"
    path.write_text(write_questions(store.conversations.answers_with_feedback()), encoding="utf-8")
    rest, vat = read_cases(path)
    assert (rest.question, rest.answerable, dict(rest.grades)) == (
        "How long is rest?",
        True,
        {"144": 2, "72^1": 2},
    )
    assert (vat.question, vat.answerable, dict(vat.grades)) == ("What is VAT?", False, {})
    assert '"paragraphs": ["144(4)"]' in path.read_text()


def test_what_is_no_reference_is_refused() -> None:
    assert parse_right_articles(" 117; 144(4)") == (Reference("117"), Reference("144", "4"))
    assert parse_right_articles("") is None
    assert parse_right_articles("None") == ()
    with pytest.raises(UnknownArticleError):
        parse_right_articles("the one on leave")
