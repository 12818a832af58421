import json
from pathlib import Path
from typing import Any

import pytest

from labourqa.config import DATA, REFERENCE_CASES
from labourqa.errors import EvaluationError
from labourqa.evaluation.cases import Case, evaluate, read_cases, summarize

RUN = {"method": "shortlist", "version": "0"}


def report(question: str, *, selected: list[str], text: str = "", kind: str = "quoted") -> dict[str, Any]:
    """What `ask` would give on a code of the articles 1 to 30, the selected ones scored highest."""
    numbers = [str(n) for n in range(1, 31)]
    scores = {
        number: 100.0 - selected.index(number) if number in selected else -float(number) for number in numbers
    }
    return {
        "question": question,
        **RUN,
        "articles": [{"number": n, "score": scores[n], "selected": n in selected} for n in numbers],
        "selected": selected,
        "answer": {
            "kind": kind,
            "text": text,
            "citations": [{"supported": bool(text)}] if kind != "refused" else [],
        },
        "tokens": {"filter": 10},
        "seconds": {"total": 1.0},
        "peak_memory_bytes": 5,
    }


def case(name: str, grades: dict[str, int], *, answerable: bool = True) -> Case:
    return Case(
        name,
        f"question {name}?",
        answerable,
        "formal" if grades else "keywords",
        grades,
        [[["three", "3"]]] if grades else [],
        None,
    )


CASES = [case("a", {"7": 2, "8": 1}), case("b", {"9": 2, "10": 2}), case("c", {}, answerable=False)]
REPORTS = {
    "question a?": report("question a?", selected=["7"], text="It is 3 years."),
    "question b?": report("question b?", selected=["1", "9"]),
    "question c?": report("question c?", selected=[], kind="refused"),
}


def no_progress(_done: int) -> None:
    pass


def test_the_summary_is_the_mean_over_the_questions_for_which_a_measure_is_defined() -> None:
    reports = evaluate(CASES, REPORTS.__getitem__, run=RUN, show_done=no_progress)
    summary = summarize(CASES, reports)
    selection = summary["selection"]
    assert selection["recall"] == pytest.approx((1 + 0.5) / 2)
    assert selection["precision"] == pytest.approx((1 + 0.5) / 2)
    assert selection["all_needed"] == 0.5
    assert selection["mrr"] == pytest.approx((1 + 0.5) / 2)
    assert selection["selected"] == 1.5
    assert selection["recall_at_5"] == pytest.approx((1 + 0.5) / 2)
    assert selection["recall_at_20"] == 1
    assert summary["facts_stated"] == 0.5
    assert summary["citations_resolve"] == 0.5
    assert (summary["refused_rightly"], summary["refused_wrongly"]) == (1, 0)


def test_intervals_hold_the_mean_and_are_as_wide_as_the_questions_differ() -> None:
    summary = summarize(CASES * 10, list(REPORTS.values()) * 10)
    low, high = summary["intervals"]["recall"]
    assert low < summary["selection"]["recall"] < high
    assert high - low == pytest.approx(2 * 1.96 * 0.25 / 20**0.5, rel=0.2)
    assert summary["intervals"]["recall_at_20"] == (1, 1)


def test_measures_by_style_and_the_questions_that_miss_an_article() -> None:
    summary = summarize(CASES, list(REPORTS.values()))
    assert summary["by_style"]["formal"]["questions"] == 2
    assert summary["by_style"]["formal"]["selection"] == summary["selection"]
    assert summary["by_style"]["keywords"]["refused_rightly"] == 1
    assert [(one["id"], one["missed"]) for one in summary["worst"]] == [("b", {"10": 10})]


def test_without_an_unanswerable_question_right_refusals_are_undefined() -> None:
    summary = summarize(CASES[:1], [REPORTS["question a?"]])
    assert summary["refused_rightly"] is None
    assert summary["refused_wrongly"] == 0


def test_an_interrupted_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    asked: list[str] = []

    def ask(question: str) -> dict[str, Any]:
        asked.append(question)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return REPORTS[question]

    with pytest.raises(KeyboardInterrupt):
        evaluate(CASES, ask, run=RUN, out=out, show_done=no_progress)
    with out.open("a") as file:
        file.write('{"id": "c", "questi')  # killed in the middle of a line
    reports = evaluate(CASES, ask, run=RUN, out=out, show_done=no_progress)
    assert asked == ["question a?", "question b?", "question c?", "question c?"]
    assert [r["id"] for r in reports] == ["a", "b", "c"]
    assert [json.loads(line) for line in out.read_text().splitlines()] == reports


@pytest.mark.parametrize("text", ["Chapter 1\nIt was a dark night", "my only note", "Chapter 1\n"])
def test_a_file_that_is_no_list_of_reports_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    out = tmp_path / "thesis.txt"
    out.write_text(text)
    with pytest.raises(EvaluationError, match="choose another file for --out"):
        evaluate(CASES, REPORTS.__getitem__, run=RUN, out=out, show_done=no_progress)
    assert out.read_text() == text


def test_a_question_may_hold_any_separator(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps({"question": "a\u2028b?"}, ensure_ascii=False) + "\n")
    assert read_cases(tmp_path / "q.jsonl")[0].question == "a\u2028b?"


def test_results_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    evaluate(CASES[:1], REPORTS.__getitem__, run=RUN, out=out, show_done=no_progress)
    before = out.read_text()
    with pytest.raises(EvaluationError, match="another method"):
        evaluate(CASES, REPORTS.__getitem__, run={**RUN, "method": "x"}, out=out, show_done=no_progress)
    other = Case("a", "another?", True, "", {}, [], None)
    with pytest.raises(EvaluationError, match="another question"):
        evaluate([other], REPORTS.__getitem__, run=RUN, out=out, show_done=no_progress)
    assert out.read_text() == before


def test_results_that_cannot_be_written_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    def ask(question: str) -> dict[str, Any]:
        raise AssertionError(question)

    with pytest.raises(EvaluationError, match="cannot be written: No such file"):
        evaluate(CASES, ask, run=RUN, out=tmp_path / "missing" / "results.jsonl", show_done=no_progress)


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
    dev = read_cases(DATA / "questions-dev.jsonl")
    assert len(dev) == 350
    assert sum(not case.answerable for case in dev) == 35
    assert len(read_cases(DATA / "questions-train.jsonl")) == 1560
