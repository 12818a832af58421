"""The report's JSON, which other programs read."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given

from labourqa.answering.conversation import Turn
from labourqa.answering.report import Report, Seconds, Tokens
from labourqa.errors import LabourQAError
from labourqa.law.references import Reference
from tests.samples import make_refusal, make_report
from tests.strategies import reports


def rounded(report: Report) -> Report:
    """The report with the precision that its JSON has."""
    seconds = Seconds(**{stage: round(value, 4) for stage, value in asdict(report.seconds).items()})
    return replace(report, seconds=seconds, out_of_scope=round(report.out_of_scope, 4))


@given(report=reports())
def test_any_report_is_read_back_from_its_json(report: Report) -> None:
    document = json.loads(json.dumps(report.to_json()))
    found = Report.from_json(document)
    assert found == rounded(report)
    assert found.to_json() == document
    assert list(found.titles) == list(report.titles)  # in the code's order


def test_the_names_of_the_json_fields_do_not_change() -> None:
    """docs/report.md describes them, and version 0.1 stored them."""
    document = make_report().to_json()
    assert list(document) == [
        "question", "understood", "edition", "model", "encoder", "method", "settings", "version", "prompts_sha256",
        "threshold", "top", "articles", "read", "unread", "selected", "outside", "unknown", "repealed", "outcome",
        "notices", "answer", "related", "tokens", "seconds", "peak_memory_bytes",
    ]  # fmt: skip
    assert list(document["edition"]) == ["code", "date", "source", "sha256"]
    assert list(document["model"]) == ["name", "sha256", "dtype", "device", "parameters"]
    assert list(document["articles"][0]) == ["number", "title", "score", "selected"]
    assert list(document["answer"]) == [
        "kind", "text", "complete", "short", "conditions", "citations", "statements",
    ]  # fmt: skip
    assert list(document["answer"]["citations"][0]) == [
        "article", "paragraph", "point", "quote", "supported", "page",
    ]  # fmt: skip
    assert list(document["answer"]["statements"][0]) == ["text", "references", "doubts", "omitted"]
    assert set(document["tokens"]) == {
        "filter", "answer_prompt", "answer_generated", "with_cache", "without_cache"
    }  # fmt: skip
    assert set(document["seconds"]) == {"load", "tokenize", "filter", "answer_first_token", "answer", "total"}


def test_a_report_of_version_0_2_is_still_read() -> None:
    document = make_report().to_json()
    del document["answer"]["statements"][0]["omitted"], document["outcome"], document["notices"]
    del (
        document["answer"]["short"],
        document["answer"]["conditions"],
        document["answer"]["citations"][0]["page"],
    )
    assert Report.from_json(document) == rounded(make_report())
    refusal = make_refusal().to_json()
    del refusal["outcome"]
    assert Report.from_json(refusal).answer.outcome == "outside"


@pytest.mark.parametrize(
    "field",
    [name for name in make_report().to_json() if name not in ("repealed", "unread", "outcome", "notices")],
)  # since 0.2 and 0.3
def test_a_document_without_a_field_is_not_a_report(field: str) -> None:
    document = make_report().to_json()
    del document[field]
    with pytest.raises((KeyError, TypeError, ValueError, LabourQAError)):
        Report.from_json(document)


def test_articles_are_ranked_by_score_and_the_turn_is_the_resolved_question() -> None:
    report = make_report(resolved_question="How is work paid? At night?")
    assert report.ranked_numbers == ["2", "1", "2^1"]
    assert report.turn == Turn("How is work paid? At night?", ("2",))


def test_unknown_references_are_printed_as_people_write_them() -> None:
    report = make_report(unknown=(Reference("72^1", "3"), Reference("999")))
    assert report.to_json()["unknown"] == ["Art. 72¹(3)", "Art. 999"]


@pytest.mark.parametrize(
    ("prompt", "generated", "with_cache", "without_cache"),
    [
        (0, 0, 0, 0),
        (10, 1, 10, 10),
        (10, 3, 12, 33),  # 10 + 11 + 12
        (100, 50, 149, sum(range(100, 150))),
    ],
)
def test_without_a_cache_every_token_reads_the_whole_text_again(
    prompt: int, generated: int, with_cache: int, without_cache: int
) -> None:
    tokens = Tokens(0, prompt, generated)
    assert (tokens.with_cache, tokens.without_cache) == (with_cache, without_cache)
