import json
from pathlib import Path

import pytest

from labourqa.config import DATA, REFERENCE_CASES
from labourqa.errors import EvaluationError
from labourqa.evaluation.cases import published_figures, read_cases


def test_a_question_may_hold_any_separator(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps({"question": "a\u2028b?"}, ensure_ascii=False) + "\n")
    assert read_cases(tmp_path / "q.jsonl")[0].question == "a\u2028b?"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no question"),
        ('{"question": "a?"}\nnot json', "Line 2 of"),
        ('{"id": "x"}', "Line 1 of"),
        ('["question"]', "Line 1 of"),
        ('{"question": "a?", "articles": {"1": "high"}}', "Line 1 of"),
        ('{"question": "a?", "id": 1}\n{"question": "b?", "id": 1}', "uses an id twice"),
    ],
)
def test_a_file_that_is_no_list_of_questions_is_one_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=sentence):
        read_cases(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read: No such file"):
        read_cases(tmp_path / "q.jsonl")


def test_the_shipped_files_can_be_read() -> None:
    assert [case.id for case in read_cases(REFERENCE_CASES)] == ["case-1", "case-2", "case-3", "case-4"]
    published = published_figures()
    assert published.answer_seconds[0] < published.answer_seconds[1]
    dev = read_cases(DATA / "questions-dev.jsonl")
    assert len(dev) == 350
    assert sum(not case.answerable for case in dev) == 35
    assert len(read_cases(DATA / "questions-train.jsonl")) == 1560
