"""A conversation as a file to keep or send: Markdown, Word or JSON, with references, edition and date."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labourqa.law.references import Reference
from labourqa.store.database import Edition, LoggedAnswer

NOTICE = "Information, not legal advice."


def to_json(title: str, answers: Sequence[LoggedAnswer]) -> str:
    """The reports as docs/report.md describes them."""
    conversation = [{"asked_at": answer.asked_at, "report": answer.report} for answer in answers]
    return json.dumps({"title": title, "answers": conversation}, ensure_ascii=False, indent=2)


def to_markdown(title: str, answers: Sequence[LoggedAnswer]) -> str:
    """What the model or a document says is escaped: a reader of Markdown shows it as it stands."""
    lines = [f"# {escape_markdown(title)}"]
    for answer in answers:
        lines.append(f"## {escape_markdown(answer.report['question'])}")
        for text, references, doubts in _passages(answer.report):
            cited = f" **[{references}]**" if references else ""
            lines.append(escape_markdown(text).replace("\n", "  \n") + cited)
            lines += [f"> Not borne out by the law: {escape_markdown(doubt)}" for doubt in doubts]
        lines.append(f"*{escape_markdown(_describe_source(answer))}*")
    return "\n\n".join([*lines, NOTICE]) + "\n"


def to_docx(title: str, answers: Sequence[LoggedAnswer]) -> bytes:
    """A Word document."""
    from docx import Document

    document = Document()
    document.add_heading(_printable(title), 0)
    for answer in answers:
        document.add_heading(_printable(answer.report["question"]), 1)
        for text, references, doubts in _passages(answer.report):
            paragraph = document.add_paragraph(_printable(text))
            if references:
                paragraph.add_run(f" [{references}]").bold = True
            for doubt in doubts:
                document.add_paragraph(
                    f"Not borne out by the law: {_printable(doubt)}", style="Intense Quote"
                )
        document.add_paragraph().add_run(_printable(_describe_source(answer))).italic = True
    document.add_paragraph(NOTICE)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def describe_edition(report: Mapping[str, Any]) -> str:
    """The edition that a report's answer rests on, by name."""
    edition = report["edition"]
    return str(Edition(0, **edition))


def escape_markdown(text: str) -> str:
    """So that Markdown shows `text` as it stands: no formatting, links, pictures or HTML."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _passages(report: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Each piece of the answer: its text, its references as printed, its doubts."""
    for unknown in report["unknown"]:
        yield f"The {report['edition']['code']} has no {unknown}.", "", ()
    answer = report["answer"]
    if not answer["statements"]:
        yield answer["text"], "", ()
    for statement in answer["statements"]:
        references = (str(Reference(**reference)) for reference in statement["references"])
        yield statement["text"], ", ".join(references), statement["doubts"]


def _describe_source(answer: LoggedAnswer) -> str:
    """In one line: when, from which edition, read how."""
    report = answer.report
    return (
        f"Asked on {answer.asked_at[:10]}. {describe_edition(report)}; {report['read']} of "
        f"{len(report['articles'])} articles read by {report['model']['name']}, {len(report['selected'])} selected."
    )


def _printable(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")
