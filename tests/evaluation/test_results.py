import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from labourqa.answering.report import Report, Run
from labourqa.errors import EvaluationError
from labourqa.evaluation.cases import Case
from labourqa.evaluation.results import evaluate_cases, read_reports
from tests.evaluation.samples import CASES, REPORTS, make_result
from tests.samples import RUN, make_report
from tests.strategies import reports


def evaluate(cases: list[Case], out: Path | None = None, *, run: Run = RUN, **options: Any) -> list[Report]:
    """With the reports of `samples`, unless `ask` is given."""
    defaults: dict[str, Any] = {"ask": REPORTS.__getitem__, "show_more": lambda more: None}
    return evaluate_cases(cases, run=run, out=out, **(defaults | options))


def test_every_question_is_asked_and_reported_in_order() -> None:
    shown: list[int] = []
    assert evaluate(CASES, show_more=shown.append) == list(REPORTS.values())
    assert shown == [1, 1, 1]


def test_an_interrupted_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    asked: list[str] = []

    def ask(question: str) -> Report:
        asked.append(question)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return REPORTS[question]

    with pytest.raises(KeyboardInterrupt):
        evaluate(CASES, out, ask=ask)
    with out.open("a") as file:
        file.write('{"id": "c", "questi')  # killed in the middle of a line
    found = evaluate(CASES, out, ask=ask)
    assert asked == ["question a?", "question b?", "question c?", "question c?"]
    assert found == list(REPORTS.values())
    documents = [json.loads(line) for line in out.read_text().splitlines()]
    assert [document.pop("id") for document in documents] == ["a", "b", "c"]
    assert documents == [report.to_json() for report in found]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])  # the file is removed
@given(report=reports())
def test_any_report_is_read_back_from_the_file(tmp_path: Path, report: Report) -> None:
    out = tmp_path / "results.jsonl"
    out.unlink(missing_ok=True)
    case = Case("1", report.question, True, "", {}, [], None)
    evaluate([case], out, run=report.run, ask=lambda question: report)
    assert read_reports(out) == {"1": Report.from_json(report.to_json())}


@pytest.mark.parametrize("text", ["Chapter 1\nIt was a dark night", "my only note", "Chapter 1\n"])
def test_a_file_that_is_no_list_of_reports_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    out = tmp_path / "thesis.txt"
    out.write_text(text)
    with pytest.raises(EvaluationError, match="choose another file for --out"):
        evaluate(CASES, out)
    assert out.read_text() == text


DIFFERENT_RUNS = {
    "edition": replace(RUN.edition, date="2026-01-01"),
    "model": replace(RUN.model, dtype="bfloat16"),
    "encoder": "another",
    "method": "shortlist",
    "settings": replace(RUN.settings, top=3),
    "version": "9",
    "prompts_sha256": "c" * 64,
}


@pytest.mark.parametrize("field", [field.name for field in fields(Run)])
def test_results_of_another_run_are_not_mixed_in(tmp_path: Path, field: str) -> None:
    out = tmp_path / "results.jsonl"
    evaluate(CASES[:1], out)
    before = out.read_text()
    other = replace(RUN, **{field: DIFFERENT_RUNS[field]})  # type: ignore[arg-type]  # a value of that field
    with pytest.raises(EvaluationError, match=f"made with another {field.replace('_', ' ')}"):
        evaluate(CASES, out, run=other)
    assert out.read_text() == before


def test_results_of_other_questions_are_not_mixed_in(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    evaluate(CASES[:1], out)
    before = out.read_text()
    other = Case("a", "another?", True, "", {}, [], None)
    with pytest.raises(EvaluationError, match="another question"):
        evaluate([other], out)
    assert out.read_text() == before


def test_results_that_cannot_be_written_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    def ask(question: str) -> Report:
        raise AssertionError(question)

    with pytest.raises(EvaluationError, match="cannot be written: No such file"):
        evaluate(CASES, tmp_path / "missing" / "results.jsonl", ask=ask)


def test_a_question_with_any_separator_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    question = "a\u2028b\x85c?"
    case = Case("1", question, True, "", {}, [], None)
    evaluate([case], out, ask=lambda asked: make_result(asked, ("1",), "a\u2029b"))
    assert evaluate([case], out, ask=make_report)[0].question == question
    assert out.read_bytes().count(b"\n") == 1
