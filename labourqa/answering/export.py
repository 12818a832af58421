"""A conversation as Markdown, Word or JSON, with references, edition and date."""

import io
import json
from collections.abc import Iterator, Sequence

from labourqa.answering.report import LoggedAnswer, Report
from labourqa.law.references import Reference
from labourqa.text import escape_markdown, printable

NOTICE = "Information, not legal advice."


def to_json(title: str, answers: Sequence[LoggedAnswer]) -> str:
    """The reports as docs/report.md describes them."""
    conversation = [{"asked_at": answer.asked_at, "report": answer.report.to_json()} for answer in answers]
    return json.dumps({"title": title, "answers": conversation}, ensure_ascii=False, indent=2)


def to_text(report: Report) -> str:
    """Question, answer and edition."""
    return f"{report.question}\n\n{report.answer.text}\n\n{report.run.edition}. {NOTICE}"


def to_short_text(report: Report) -> str:
    """The short answer with its references in a few lines; without a short answer, the whole one."""
    short = [f"{citation.quote} ({citation.reference})" for citation in report.answer.short]
    return "\n".join([*(short or [report.answer.text]), f"{report.run.edition}. {NOTICE}"])


def to_email(report: Report) -> str:
    """The answer as the text of an e-mail, with the quoted paragraphs."""
    lines = ["Hello,", f"You asked: {report.question}"]
    lines += [f"{citation.quote} ({citation.reference})" for citation in report.answer.short]
    if report.answer.kind == "quoted":
        lines.append(f"This is what the {report.run.edition.code} says:")
        for statement in report.answer.statements[1:]:  # after the line that names the articles
            references = ", ".join(map(str, statement.references))
            lines.append(f"{statement.text} ({references})")
    else:
        lines.append(report.answer.text)
    return "\n\n".join([*lines, f"Source: {report.run.edition}. {NOTICE}", "Kind regards"])


def to_markdown(title: str, answers: Sequence[LoggedAnswer]) -> str:
    """The text of laws and models is escaped, so that a Markdown reader shows it unchanged."""
    lines = [f"# {escape_markdown(title)}"]
    for answer in answers:
        lines.append(f"## {escape_markdown(answer.report.question)}")
        for text, references, doubts in _passages(answer.report):
            cited = f" **[{references}]**" if references else ""
            # Lines that begin with four spaces would be code.
            lines.append("  \n".join(escape_markdown(line.strip()) for line in text.split("\n")) + cited)
            lines += [f"> Not supported by the law: {escape_markdown(doubt)}" for doubt in doubts]
        lines.append(f"*{escape_markdown(_describe_source(answer))}*")
    return "\n\n".join([*lines, NOTICE]) + "\n"


def to_docx(title: str, answers: Sequence[LoggedAnswer]) -> bytes:
    """A Word document."""
    from docx import Document

    document = Document()
    document.add_heading(printable(title), 0)
    for answer in answers:
        document.add_heading(printable(answer.report.question), 1)
        for text, references, doubts in _passages(answer.report):
            paragraph = document.add_paragraph(printable(text))
            if references:
                paragraph.add_run(f" [{references}]").bold = True
            for doubt in doubts:
                document.add_paragraph(f"Not supported by the law: {printable(doubt)}", style="Intense Quote")
        document.add_paragraph().add_run(printable(_describe_source(answer))).italic = True
    document.add_paragraph(NOTICE)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _passages(report: Report) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Each piece of the answer: its text, its references as printed, its doubts."""
    for unknown in report.unknown:
        yield f"The {report.run.edition.code} has no {unknown}.", "", ()
    for repealed in report.repealed:
        yield f"{repealed} is repealed.", "", ()
    for notice in report.notices:
        yield notice, "", ()
    for citation in report.answer.short:
        yield f"In short: {citation.quote}", _name_reference(report, citation.reference), ()
    if not report.answer.statements:
        yield report.answer.text, "", ()
    for statement in report.answer.statements:
        references = ", ".join(_name_reference(report, one) for one in statement.references)
        yield statement.text, references, statement.doubts
    for condition in report.answer.conditions:
        yield f"This depends on: {condition.quote}", _name_reference(report, condition.reference), ()


def _name_reference(report: Report, reference: Reference) -> str:
    """The reference with its page, where the document has pages: "Art. 144(4), page 88"."""
    page = report.page_of(reference)
    return f"{reference}, page {page}" if page else str(reference)


def _describe_source(answer: LoggedAnswer) -> str:
    """One line: when, from which edition, and how many articles were read by which model."""
    report = answer.report
    return (
        f"Asked on {answer.asked_at[:10]}. {report.run.edition}; {report.selection.read} of "
        f"{len(report.titles)} articles read by {report.run.model.name}, {len(report.selection.selected)} selected."
    )
