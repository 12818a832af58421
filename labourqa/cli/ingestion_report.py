"""Prints what was recognised in a file before it is stored."""

from collections import Counter
from collections.abc import Iterator, Sequence

from labourqa.cli.output import print_result
from labourqa.ingestion import Inspection
from labourqa.law.references import show_number

_CONFIDENCES = {
    "good": "good: nothing unusual was found",
    "check": "check: look at what is named below",
    "poor": "poor: this is probably not read as it is printed",
}
_SHOWN_NUMBERS = 12
_SHOWN_CHARACTERS = 70  # of a line that is part of no article
_LABEL_WIDTH = 24


def print_confidence(inspection: Inspection) -> None:
    """The confidence with its reasons."""
    report = inspection.report
    if report.confidence == "good" and report.reasons:
        print_result("Confidence: good")
    else:
        print_result(f"Confidence: {_CONFIDENCES[report.confidence]}")
    for reason in report.reasons:
        print_result(f"  - {reason}")


def print_inspection(inspection: Inspection) -> None:
    """Everything in the report on a file."""
    print_confidence(inspection)
    report, document = inspection.report, inspection.document
    print_result(f"\n{report.name}")
    _print_rows(
        [
            ("file", _describe_file(inspection)),
            ("SHA-256", document.sha256),
            ("language", report.language or "unknown"),
            ("date of the version", report.date or "none stated"),
            ("articles", _count_articles(inspection)),
        ]
    )
    if len(report.acts) > 1:
        print_result("\nActs in the file (--act reads another one)")
        for act in report.acts:
            mark = "*" if act.number == report.chosen_act else " "
            print_result(f"{mark} {act.number}: {act.name or 'without a name'}, {act.articles} articles")
    print_result("\nFindings")
    _print_rows(_findings(inspection))
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


def _describe_file(inspection: Inspection) -> str:
    document = inspection.document
    pages = f", {document.page_count} pages" if document.page_count else ""
    return f"{document.source} ({document.format}{pages})"


def _count_articles(inspection: Inspection) -> str:
    report = inspection.report
    return f"{report.articles}, Art. {show_number(report.first_number)} to {show_number(report.last_number)}"


def _findings(inspection: Inspection) -> Iterator[tuple[str, str]]:
    report, document = inspection.report, inspection.document
    yield "missing numbers", _list(report.missing_numbers)
    yield "numbers used twice", _list(report.repeated_numbers)
    yield "without text", _list(report.without_text)
    yield "without a title", _list(report.without_own_title)
    yield "unusually long", _list(report.unusually_long)
    yield "unusually short", _list(report.unusually_short)
    yield "repealed", _list(report.repealed)
    if document.page_count:
        yield "pages without text", _list(list(map(str, document.pages_without_text)))
    if document.encoding:
        yield "encoding", document.encoding + ("" if document.encoding_is_certain else " (guessed)")
    if document.undecoded_characters:
        yield "undecoded characters", f"{document.undecoded_characters:,}"
    yield "lines before the law", f"{report.front_lines}"
    left_out = Counter(one.kind for one in document.left_out)
    kinds = [f"{kind} {count}" for kind, count in left_out.items()]
    yield "lines taken out", ", ".join([f"page headers and notes {report.dropped_lines}", *kinds])
    yield "lines in no article", f"{report.unassigned_lines}"


def _list(numbers: Sequence[str]) -> str:
    shown = ", ".join(map(show_number, numbers[:_SHOWN_NUMBERS]))
    more = len(numbers) - _SHOWN_NUMBERS
    return (shown or "none") + (f" and {more} more (--json lists all)" if more > 0 else "")


def _print_rows(rows: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> None:
    for label, text in rows:
        print_result(f"  {label:<{_LABEL_WIDTH}}  {text}")


def _shorten(line: str) -> str:
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
