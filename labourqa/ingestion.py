"""Ingestion: a file becomes a code, with a report on what was found in it and what a person should check."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from labourqa.documents.document import Document, read_document
from labourqa.errors import NoArticlesError
from labourqa.law.inspection import Confidence, FoundAct, IngestionReport, inspect_law
from labourqa.law.parser import parse_law
from labourqa.law.places import Place, find_places
from labourqa.law.references import show_number
from labourqa.law.source import prepare_source
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.law.titles import is_repealed

CONFIDENCES: tuple[Confidence, ...] = ("good", "check", "poor")
CONFIDENCE_SENTENCES: dict[Confidence, str] = {
    "good": "good: nothing unusual was found",
    "check": "check: look at what is named below",
    "poor": "poor: this is probably not read as it is printed",
}
POOR_SHARE_OF_PAGES = 0.3  # without text
_SHOWN_NUMBERS = 12  # articles named in a finding


@dataclass(frozen=True)
class Inspection:
    """A code as it was recognised in a file, before it is stored."""

    document: Document
    code: Code
    report: IngestionReport

    @cached_property
    def places(self) -> dict[tuple[str, str], Place]:
        """Where each paragraph stands in the file, by the numbers of article and paragraph."""
        document = self.document
        return find_places(self.code.articles, document.lines, document.pages, document.boxes)

    def to_json(self) -> dict[str, Any]:
        """The document of `ingest --json`."""
        document = self.document
        return {
            "source": document.source,
            "sha256": document.sha256,
            "format": document.format,
            "encoding": document.encoding,
            "encoding_is_certain": document.encoding_is_certain,
            "pages": document.page_count,
            "pages_without_text": list(document.pages_without_text),
            "left_out": dict(Counter(one.kind for one in document.left_out)),
            "undecoded_characters": document.undecoded_characters,
            **self.report.to_json(),
        }


def inspect_file(path: Path, *, act: str | None = None, name: str = "") -> Inspection:
    """Read a file and recognise the law in it: the act of that number or name, by default the largest.

    The code's name is `name`, or the law's own, or the file's. Raises DocumentError and NoArticlesError.
    """
    document = read_document(path)
    if document.code is not None:  # the format states the structure
        code, report = _inspect_stated_code(document.code, document.text, act)
    else:
        law = parse_law(document.text, act)
        code, report = law.code, law.report
    code = replace(code, name=name or code.name or Path(document.source).stem)
    return Inspection(document, code, _add_document_findings(replace(report, name=code.name), document))


def _inspect_stated_code(stated: Code, text: str, act: str | None) -> tuple[Code, IngestionReport]:
    """The code that a format with structure states, as the parser would give it, and the report on it."""
    if act is not None and act != "1" and act.casefold() not in stated.name.casefold():
        raise NoArticlesError(f'The file has no act "{act}"; its only act is {stated.name}.')
    articles: dict[str, Article] = {}
    repeated: list[str] = []
    unassigned: list[str] = []
    for article in stated.articles:
        lines = article.text.splitlines()
        if not article.number:
            unassigned += filter(None, [article.title, *lines])
        elif article.number in articles:
            repeated.append(article.number)
            articles[article.number] = _append_text(articles[article.number], [article.title, *lines])
        else:
            articles[article.number] = replace(article, repealed=is_repealed(article.title, lines))
    if not articles:
        raise NoArticlesError("No article of the file has a number; save it as text, PDF or Word.")
    code = replace(stated, articles=tuple(articles.values()))
    report = inspect_law(
        code,
        (FoundAct(1, code.name, len(code.articles)),),
        chosen_act=1,
        language=prepare_source(text).language.code,
        repeated_numbers=repeated,
        front_lines=0,
        dropped_lines=0,
        unassigned=unassigned,
    )
    return code, report


def _append_text(article: Article, lines: Sequence[str]) -> Article:
    """The article with these lines at the end of its last paragraph."""
    text = "\n".join(filter(None, lines))
    if not article.paragraphs:
        return replace(article, paragraphs=(Paragraph("", text),))
    *others, last = article.paragraphs
    return replace(article, paragraphs=(*others, replace(last, text=f"{last.text}\n{text}")))


def _add_document_findings(report: IngestionReport, document: Document) -> IngestionReport:
    """What the file itself gives reason to check, in front of what the law does."""
    findings: list[tuple[Confidence, str]] = []
    if document.pages_without_text:
        count = len(document.pages_without_text)
        share = count / max(1, document.page_count)
        grade: Confidence = "poor" if share > POOR_SHARE_OF_PAGES else "check"
        findings.append((grade, f"{count} of {document.page_count} pages have no text."))
    if document.undecoded_characters:
        findings.append(("check", f"{document.undecoded_characters:,} characters could not be decoded."))
    if not document.encoding_is_certain:
        findings.append(("check", f"The encoding was guessed: {document.encoding}."))
    confidence = max([report.confidence, *(grade for grade, _ in findings)], key=CONFIDENCES.index)
    return replace(report, confidence=confidence, reasons=(*(text for _, text in findings), *report.reasons))


def describe_law(inspection: Inspection) -> list[tuple[str, str]]:
    """What the file and the law in it are: pairs of a label and what was recognised."""
    report, document = inspection.report, inspection.document
    pages = f", {document.page_count} pages" if document.page_count else ""
    first, last = show_number(report.first_number), show_number(report.last_number)
    return [
        ("file", f"{document.source} ({document.format}{pages})"),
        ("SHA-256", document.sha256),
        ("language", report.language or "unknown"),
        ("date of the version", report.date or "none stated"),
        ("articles", f"{report.articles}, Art. {first} to {last}"),
    ]


def describe_findings(inspection: Inspection) -> list[tuple[str, str]]:
    """What a person should compare with the file: pairs of a label and what was found."""
    report, document = inspection.report, inspection.document
    left_out = Counter(one.kind for one in document.left_out)
    taken_out = [f"page headers and notes {report.dropped_lines}"]
    taken_out += [f"{kind} {count}" for kind, count in left_out.items()]
    rows = [
        ("missing numbers", _list(report.missing_numbers)),
        ("numbers used twice", _list(report.repeated_numbers)),
        ("without text", _list(report.without_text)),
        ("without a title", _list(report.without_own_title)),
        ("unusually long", _list(report.unusually_long)),
        ("unusually short", _list(report.unusually_short)),
        ("repealed", _list(report.repealed)),
    ]
    if document.page_count:
        rows.append(("pages without text", _list(list(map(str, document.pages_without_text)))))
    if document.encoding:
        rows.append(("encoding", document.encoding + ("" if document.encoding_is_certain else " (guessed)")))
    if document.undecoded_characters:
        rows.append(("undecoded characters", f"{document.undecoded_characters:,}"))
    return [
        *rows,
        ("lines before the law", f"{report.front_lines}"),
        ("lines taken out", ", ".join(taken_out)),
        ("lines in no article", f"{report.unassigned_lines}"),
    ]


def _list(numbers: Sequence[str]) -> str:
    shown = ", ".join(map(show_number, numbers[:_SHOWN_NUMBERS]))
    more = len(numbers) - _SHOWN_NUMBERS
    return (shown or "none") + (f" and {more} more" if more > 0 else "")
