"""Answers, tables and costs as they are printed."""

from dataclasses import replace

import pytest

from labourqa.answering.answer import Answer
from labourqa.answering.report import Report
from labourqa.answering.verification import Statement
from labourqa.cli.output import print_model, print_report, print_table
from labourqa.law.citations import Citation
from labourqa.law.references import Reference
from tests.fakes import FakeEngine, fake_models
from tests.samples import make_refusal, make_report


def printed(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    print_report(report, as_json=False)
    return capsys.readouterr().out


def test_an_answer_is_printed_with_its_sources_edition_and_notice(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(make_report(), capsys) == (
        "Night work is paid at one and a half times the pay.\n"
        "\n"
        "Sources\n"
        "  Art. 2  Night Work\n"
        "\n"
        "Labour Code of Nowhere, version of 2025-01-01 (nowhere.txt). Information, not legal advice.\n"
    )


def test_costs_are_printed_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(make_report(), as_json=False)
    assert capsys.readouterr().err == (
        "3 of 3 articles read by the model (30 tokens, article-cache), 1 selected\n"
        "seconds: load 0.0, tokenize 0.1, filter 0.2, answer 0.3, total 0.6\n"
        "peak memory: 0.0 GB\n"
    )


def test_a_code_that_was_not_read_whole_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    report = make_report()
    titles = {str(number): f"Title {number}" for number in range(1, 10_001)}
    selection = replace(
        report.selection,
        scores={number: -float(number) for number in titles},
        read=1_200,
        unread=frozenset(list(titles)[1_200:]),
    )
    print_report(replace(report, titles=titles, selection=selection), as_json=False)
    shown = capsys.readouterr()
    assert "\n1,200 of 10,000 articles read, the best ones" in shown.out
    assert shown.err.startswith("1,200 of 10,000 articles read by the model")


def test_a_refusal_has_no_sources(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(make_refusal(), capsys)
    assert shown.startswith("Nothing in the code answers this.\n")
    assert "Sources" not in shown


def test_a_follow_up_is_printed_as_it_was_understood(capsys: pytest.CaptureFixture[str]) -> None:
    report = make_report("and on Sundays?", resolved_question="How is work paid? and on Sundays?")
    assert printed(report, capsys).startswith("Understood as: How is work paid? and on Sundays?\n\n")


def test_a_reference_that_the_code_does_not_have_is_named_first(capsys: pytest.CaptureFixture[str]) -> None:
    report = make_report(unknown=(Reference("999"), Reference("2", "7")))
    assert printed(report, capsys).startswith(
        "The Labour Code of Nowhere has no Art. 999.\nThe Labour Code of Nowhere has no Art. 2(7).\n"
    )


def test_related_articles_are_printed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    report = make_report(
        related=(Citation(Reference("2^1", "1"), "Study leave lasts ten days.", supported=True),)
    )
    assert "\nReferred to there\n  Art. 2¹(1)  Study\n" in printed(report, capsys)


def test_a_written_answer_is_not_printed_again_but_its_doubts_are(capsys: pytest.CaptureFixture[str]) -> None:
    doubtful = Statement("It is paid twice.", (Reference("2"),), ("no 2 there", "no twice there"))
    certain = Statement("Night work is paid.", (Reference("2"),), ())
    answer = Answer(
        "written", "Night work is paid. It is paid twice.", statements=(certain, doubtful), complete=False
    )
    shown = printed(make_report(answer=answer), capsys)
    assert shown.startswith("\n\nSources")  # the text was streamed; this ends its line
    assert "\nNot supported by the law\n  It is paid twice.\n    (no 2 there; no twice there)\n" in shown
    assert "stopped at its limit of 400 tokens; --answer-tokens raises it." in shown


def test_an_answer_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(make_report("q", "\x1b]0;title\x07[bold]pay[/bold] :pile_of_poo:"), capsys)
    assert "\x1b" not in shown
    assert shown.startswith("]0;title[bold]pay[/bold] :pile_of_poo:\n")


@pytest.mark.parametrize(
    ("server_url", "place"), [("", "cpu"), ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1")]
)
def test_the_model_is_named_with_its_device_or_server(
    capsys: pytest.CaptureFixture[str], server_url: str, place: str
) -> None:
    print_model(replace(fake_models(FakeEngine(server_url=server_url)), reason="as you chose"))
    shown = capsys.readouterr()
    assert shown.err == f"fake in float32 on {place} (as you chose)\n"
    assert shown.out == ""


def test_a_table_is_aligned_and_never_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([["method", "seconds"], ["m" * 200, "1.50"], ["packed", ""]])
    assert capsys.readouterr().out.splitlines() == [
        "method" + 194 * " " + "  seconds", "m" * 200 + "     1.50", "packed"
    ]  # fmt: skip
