"""One answer on one page, as PDF or Word: the question, the short answer, the cited paragraphs, how it was found."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labourqa.answering.export import NOTICE
from labourqa.answering.report import LoggedAnswer, Report
from labourqa.law.references import Reference
from labourqa.text import printable

_MARGIN = 20  # mm, of an A4 page
_TEXT_SIZES = (10, 8)  # points
_LEAST_CHARACTERS = 200  # of a cited paragraph that is cut
_HEADING_CHARACTERS = 200  # for which the heading of a paragraph takes the place
_ALL_CHARACTERS = 1_000_000
_PAGE_CHARACTERS = (
    6_500,
    5_500,
    4_000,
    2_000,
)  # of the cited paragraphs, which a page may hold in small letters
_WORD_CHARACTERS = 3_400  # which Word's page holds in 10 points
_FAMILY = "DejaVu"


@dataclass(frozen=True)
class Passage:
    heading: str  # "Art. 144(3), page 98. Payment for work at night"
    text: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """What stands on the page."""

    question: str
    notes: tuple[str, ...]  # before the answer
    short: str
    passages: tuple[Passage, ...]
    source: str  # edition and file
    how: str  # when and how the answer was found


def make_sheet(answer: LoggedAnswer) -> Sheet:
    report = answer.report
    notes = [f"The {report.run.edition.code} has no {unknown}." for unknown in report.unknown]
    notes += [f"{repealed} is repealed." for repealed in report.repealed]
    edition, selection = report.run.edition, report.selection
    sheet = Sheet(
        question=report.question,
        notes=(*notes, *report.notices),
        short=" ".join(f"{one.quote} [{one.reference}]" for one in report.answer.short),
        passages=tuple(_passages(report)),
        source=f"{edition}, SHA-256 {edition.sha256[:16]}",
        how=f"Asked on {answer.asked_at[:10]}. {selection.read:,} of {len(report.titles):,} articles were read by "
        f"{report.run.model.name} on this server, {len(selection.selected)} selected. {NOTICE}",
    )
    return _map_texts(sheet)


def to_pdf(answer: LoggedAnswer) -> bytes:
    """The sheet on one page of A4; where it is too long, in smaller letters, and then with paragraphs cut at "…"."""
    sheet = make_sheet(answer)
    large, small = _TEXT_SIZES
    drawn = _draw(sheet, large)
    for characters in (_ALL_CHARACTERS, *_PAGE_CHARACTERS):
        if drawn.pages_count == 1:
            break
        drawn = _draw(_fit(sheet, characters), small)
    return bytes(drawn.output())


def to_word(answer: LoggedAnswer) -> bytes:
    """The sheet as a Word document."""
    from docx import Document
    from docx.shared import Mm, Pt

    sheet = _fit(make_sheet(answer), _WORD_CHARACTERS)
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(_MARGIN)
    normal: Any = document.styles["Normal"]
    normal.font.size = Pt(10)
    normal.paragraph_format.space_after = Pt(4)
    document.add_heading(sheet.question, 1)
    for note in sheet.notes:
        document.add_paragraph(note)
    if sheet.short:
        document.add_paragraph().add_run(sheet.short).bold = True
    for passage in sheet.passages:
        if passage.heading:
            heading = document.add_paragraph()
            heading.paragraph_format.keep_with_next = True
            heading.add_run(passage.heading).bold = True
        document.add_paragraph(passage.text)
        for doubt in passage.doubts:
            document.add_paragraph().add_run(f"Not supported by the law: {doubt}").italic = True
    for line in (sheet.source, sheet.how):
        run = document.add_paragraph().add_run(line)
        run.italic, run.font.size = True, Pt(8)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _passages(report: Report) -> Iterator[Passage]:
    if not report.answer.statements:
        yield Passage("", report.answer.text)
    for statement in report.answer.statements:
        heading = "; ".join(_head(report, reference) for reference in statement.references)
        yield Passage(heading, statement.text, statement.doubts)


def _head(report: Report, reference: Reference) -> str:
    page = report.page_of(reference)
    title = report.titles.get(reference.article, "")
    return f"{reference}{f', page {page}' if page else ''}{f'. {title}' if title else ''}"


def _map_texts(sheet: Sheet) -> Sheet:
    """The sheet without control characters, which a PDF and XML cannot hold."""
    return Sheet(
        printable(sheet.question),
        tuple(map(printable, sheet.notes)),
        printable(sheet.short),
        tuple(
            Passage(printable(one.heading), printable(one.text), tuple(map(printable, one.doubts)))
            for one in sheet.passages
        ),
        printable(sheet.source),
        printable(sheet.how),
    )


def _fit(sheet: Sheet, characters: int) -> Sheet:
    """The sheet with at most so many characters of paragraphs: the longest are cut, then the last are only named."""
    passages = list(sheet.passages)
    longest = max((len(one.text) for one in passages), default=0)
    while longest > _LEAST_CHARACTERS and _count(passages) > characters:
        longest = max(_LEAST_CHARACTERS, longest * 9 // 10)
        passages = [replace(one, text=_shorten(one.text, longest)) for one in passages]
    named: list[str] = []
    while len(passages) > 1 and _count(passages) > characters:
        named.insert(0, passages.pop().heading)
    notes = (*sheet.notes, _shorten(f"Not shown here: {'; '.join(named)}", 300)) if named else sheet.notes
    return replace(sheet, passages=tuple(passages), notes=notes)


def _count(passages: Sequence[Passage]) -> int:
    return sum(len(one.text) + _HEADING_CHARACTERS for one in passages)


def _shorten(text: str, characters: int) -> str:
    if len(text) <= characters:
        return text
    return text[: characters - 1].rsplit(" ", 1)[0] + "…"


def _draw(sheet: Sheet, size: int) -> Any:
    """An fpdf.FPDF with the sheet; it may have more than one page."""
    from fpdf import FPDF

    document = FPDF(format="A4")
    document.set_title(sheet.question[:200])
    document.set_creator("labourqa")
    document.set_margins(_MARGIN, _MARGIN, _MARGIN)
    document.set_auto_page_break(True, margin=_MARGIN)
    for style, name in (("", "DejaVuSans"), ("B", "DejaVuSans-Bold"), ("I", "DejaVuSans-Oblique")):
        document.add_font(_FAMILY, style, _fonts() / f"{name}.ttf")
    document.add_page()

    def write(text: str, style: str = "", points: float = size, *, after: float = 1.5) -> None:
        document.set_font(_FAMILY, style, points)
        document.multi_cell(0, points * 0.48, text, align="L", new_x="LMARGIN", new_y="NEXT")
        document.ln(after)

    write(sheet.question, "B", size + 3, after=3)
    for note in sheet.notes:
        write(note, "I")
    if sheet.short:
        write(sheet.short, "B", size + 1, after=3)
    for passage in sheet.passages:
        if passage.heading:
            write(passage.heading, "B", size - 1, after=0.5)
        write(passage.text, after=2)
        for doubt in passage.doubts:
            write(f"Not supported by the law: {doubt}", "I")
    for line in (sheet.source, sheet.how):
        write(line, "I", size - 2, after=0.5)
    return document


def _fonts() -> Path:
    """The folder of DejaVu Sans, which has Latin, Cyrillic, Greek and more letters; it comes with matplotlib."""
    spec = find_spec("matplotlib")
    assert spec is not None, "matplotlib is a dependency"
    assert spec.origin is not None
    return Path(spec.origin).with_name("mpl-data") / "fonts" / "ttf"
