import json
from dataclasses import replace

import pytest

from labourqa.answering.report import Seconds
from labourqa.evaluation.summary import MEASURES, SELECTION_MEASURES, summarize
from tests.evaluation.samples import CASES, REPORTS

RESULTS = list(REPORTS.values())


def test_the_summary_is_the_mean_over_the_questions_for_which_a_measure_is_defined() -> None:
    summary = summarize(CASES, RESULTS)
    selection = summary.means.selection
    assert selection["recall"] == pytest.approx((1 + 0.5) / 2)
    assert selection["precision"] == pytest.approx((1 + 0.5) / 2)
    assert selection["all_needed"] == 0.5
    assert selection["mrr"] == pytest.approx((1 + 0.5) / 2)
    assert selection["selected"] == 1.5
    assert selection["recall_at_5"] == pytest.approx((1 + 0.5) / 2)
    assert selection["recall_at_20"] == 1
    assert (summary.means.facts, summary.means.facts_stated) == (2, 0.5)
    assert (summary.means.citations, summary.means.citations_resolve) == (2, 0.5)
    assert (summary.means.refused_rightly, summary.means.refused_wrongly) == (1, 0)
    assert (summary.questions, summary.answerable) == (3, 2)


def test_intervals_contain_the_mean_and_are_as_wide_as_the_questions_differ() -> None:
    summary = summarize(CASES * 10, RESULTS * 10)
    low, high = summary.intervals["recall"]
    assert low < summary.means.selection["recall"] < high
    assert high - low == pytest.approx(2 * 1.96 * 0.25 / 20**0.5, rel=0.2)
    assert summary.intervals["recall_at_20"] == (1, 1)


def test_measures_by_style_and_the_questions_that_miss_an_article() -> None:
    summary = summarize(CASES, RESULTS)
    questions, means = summary.by_style["formal"]
    assert questions == 2
    assert means.selection == summary.means.selection
    assert summary.by_style["keywords"][1].refused_rightly == 1
    assert [(one.id, one.missed, one.selected) for one in summary.worst] == [("b", {"10": 10}, ["1", "9"])]


def test_without_an_unanswerable_question_right_refusals_are_undefined() -> None:
    summary = summarize(CASES[:1], RESULTS[:1])
    assert summary.means.refused_rightly is None
    assert "refused_rightly" not in summary.intervals
    assert summary.means.refused_wrongly == 0


def test_without_an_answerable_question_no_measure_of_selection_is_defined() -> None:
    summary = summarize(CASES[2:], RESULTS[2:])
    assert summary.means.selection == {}
    assert summary.means.refused_rightly == 1
    assert summary.worst == []


def test_seconds_are_medians_and_tokens_are_sums() -> None:
    results = [
        replace(report, seconds=Seconds(0, 0, 0, 0, 0, total), peak_memory_bytes=int(total))
        for report, total in zip(RESULTS, (1.0, 9.0, 2.0), strict=True)
    ]
    summary = summarize(CASES, results)
    assert summary.median_seconds["total"] == 2
    assert summary.tokens["filter"] == 90
    assert summary.peak_memory_bytes == 9


def test_the_json_has_every_measure_once() -> None:
    document = json.loads(json.dumps(summarize(CASES, RESULTS).to_json()))
    assert set(document["selection"]) == set(SELECTION_MEASURES)
    assert set(MEASURES) - set(SELECTION_MEASURES) <= set(document)
    assert document["by_style"]["formal"]["questions"] == 2
    assert document["by_style"]["formal"]["selection"] == document["selection"]
    assert document["worst"][0]["id"] == "b"
    assert document["intervals"]["recall_at_20"] == [1, 1]
