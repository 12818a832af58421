"""Prints what was recognised in a file before it is stored."""

from collections.abc import Sequence

from labourqa.cli.output import print_result
from labourqa.ingestion import CONFIDENCE_SENTENCES, Inspection, describe_findings, describe_law
from labourqa.law.references import show_number

_SHOWN_CHARACTERS = 70  # of a line that is part of no article
_LABEL_WIDTH = 24


def print_confidence(inspection: Inspection) -> None:
    """The confidence with its reasons."""
    report = inspection.report
    if report.confidence == "good" and report.reasons:
        print_result("Confidence: good")
    else:
        print_result(f"Confidence: {CONFIDENCE_SENTENCES[report.confidence]}")
    for reason in report.reasons:
        print_result(f"  - {reason}")


def print_inspection(inspection: Inspection) -> None:
    """Everything in the report on a file."""
    print_confidence(inspection)
    report = inspection.report
    print_result(f"\n{report.name}")
    _print_rows(describe_law(inspection))
    if len(report.acts) > 1:
        print_result("\nActs in the file (--act reads another one)")
        for act in report.acts:
            mark = "*" if act.number == report.chosen_act else " "
            print_result(f"{mark} {act.number}: {act.name or 'without a name'}, {act.articles} articles")
    print_result("\nFindings")
    _print_rows(describe_findings(inspection))
    for line in report.unassigned_examples:
        print_result(f"{'':<{_LABEL_WIDTH + 4}}{_shorten(line)}")
    print_result("\nThree articles to look at")
    lengths = {article.number: len(article.text) for article in inspection.code.articles}
    for sample in report.samples:
        title = f"  {sample.title}" if sample.title else ""
        print_result(f"\n  Art. {show_number(sample.number)}{title}")
        more = "…" if len(sample.beginning) < lengths[sample.number] else ""
        for line in f"{sample.beginning}{more}".splitlines():
            print_result(f"      {line}")


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    for label, text in rows:
        print_result(f"  {label:<{_LABEL_WIDTH}}  {text}")


def _shorten(line: str) -> str:
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
