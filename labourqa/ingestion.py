"""Ingestion: a file becomes a code, with a report on what was found in it and what a person should check."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labourqa.documents.document import Document, read_document
from labourqa.law.inspection import Confidence, FoundAct, IngestionReport, inspect_law
from labourqa.law.parser import parse_law
from labourqa.law.structure import Code

CONFIDENCES: tuple[Confidence, ...] = ("good", "check", "poor")
POOR_SHARE_OF_PAGES = 0.3  # without text


@dataclass(frozen=True)
class Inspection:
    """A code as it was recognised in a file, before it is stored."""

    document: Document
    code: Code
    report: IngestionReport

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
        code = document.code
        report = inspect_law(
            code,
            (FoundAct(1, code.name, len(code.articles)),),
            chosen_act=1,
            language="",
            repeated_numbers=(),
            front_lines=0,
            dropped_lines=0,
            unassigned=(),
        )
    else:
        law = parse_law(document.text, act)
        code, report = law.code, law.report
    code = replace(code, name=name or code.name or Path(document.source).stem)
    return Inspection(document, code, _add_document_findings(replace(report, name=code.name), document))


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
