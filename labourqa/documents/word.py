"""Word documents (.docx): their paragraphs and table rows, one a line, with the numbers that Word generates."""

import io
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from labourqa.documents.content import Content, LeftOut
from labourqa.documents.limits import MAX_BYTES
from labourqa.documents.markup import MarkupError, read_xml_events
from labourqa.documents.word_numbering import Numbering, NumberingReader
from labourqa.errors import DocumentError

_TRANSITIONAL = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
_W = f"{{{_TRANSITIONAL}}}"
_MOST_FILES = 10_000  # in the archive; each costs memory before any is read
# What is no text of the law: earlier formatting, another program's copy of a drawing, a field's instruction.
_SKIPPED = frozenset(["Fallback", "instrText", "delInstrText", "pPrChange", "rPrChange", "sectPrChange", "tblPrChange",
                      "trPrChange", "tcPrChange", "tblPrExChange", "tblGridChange", "numberingChange"])  # fmt: skip
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": "\u00ad"}
_SIDE_PARTS = (("footnotes", "footnote"), ("endnotes", "endnote"), ("header", "running header"),
               ("footer", "running footer"))  # fmt: skip


def read_word(data: bytes) -> Content:
    """The text of a Word document; raises DocumentError where it is damaged, empty, or another archive."""
    try:
        content = _read_archive(data)
    except (
        zipfile.BadZipFile,
        zlib.error,
        MarkupError,
        EOFError,
        ValueError,  # an impossible offset
        RuntimeError,  # encrypted
        NotImplementedError,  # an unusual compression
    ) as error:
        raise DocumentError("is a damaged Word document; open it in Word and save it anew.") from error
    if not content.text.strip():
        raise DocumentError("has no text; name another file.")
    return content


def _read_archive(data: bytes) -> Content:
    if data.count(b"PK\x01\x02") > _MOST_FILES:
        raise DocumentError("is an archive of too many files; give the document alone.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if "word/document.xml" not in names:
            raise DocumentError(
                "is an archive but no Word document; give the document itself, as .docx or PDF."
            )
        numbering = Numbering()
        for name in ("word/styles.xml", "word/numbering.xml"):
            if name in names:
                read_xml_events(_read_part(archive, name, MAX_BYTES // 10), NumberingReader(numbering))
        body = _BodyReader(numbering)
        read_xml_events(_read_part(archive, "word/document.xml", MAX_BYTES), body)
        left_out = body.left_out
        budget = MAX_BYTES // 10  # for all side parts together
        for start, kind in _SIDE_PARTS:
            for name in sorted(
                name for name in names if name.startswith(f"word/{start}") and name.endswith(".xml")
            ):
                xml = _read_part(archive, name, budget)
                budget -= len(xml)
                side = _BodyReader(Numbering())
                read_xml_events(xml, side)
                left_out += [LeftOut(kind, line.strip()) for line in side.lines if line.strip()]
    return Content(
        format="Word", text=unicodedata.normalize("NFC", "\n".join(body.lines)), left_out=tuple(left_out)
    )


def _read_part(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    with archive.open(name) as file:
        xml = file.read(most_bytes + 1)
    if len(xml) > most_bytes:
        raise DocumentError("unpacks to more than any law; save it as PDF.")
    return xml.replace(_STRICT, _TRANSITIONAL.encode())


@dataclass
class _Run:
    is_raised: bool = False
    is_hidden: bool = False


@dataclass
class _Paragraph:
    pieces: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    style: str = ""
    list_id: str | None = None
    level: int | None = None
    runs_on: bool = False  # its end was deleted: the next paragraph belongs to it
    ended_raised: bool = False


@dataclass
class _Table:
    rows: list[str] = field(default_factory=list)  # lines of the finished rows
    cells: list[list[str]] = field(default_factory=list)  # lines of each cell of the row being read


class _BodyReader:
    """Collects lines from the events of `word/document.xml` or of a part like it."""

    def __init__(self, numbering: Numbering) -> None:
        self.numbering = numbering
        self.lines: list[str] = []
        self.left_out: list[LeftOut] = []
        self.path: list[str] = []
        self.skipped = 0  # elements open, the outermost of which is skipped
        self.deleted = 0  # elements open around text that a tracked change deleted or moved away
        self.paragraphs: list[_Paragraph] = []  # a text box stands inside a paragraph
        self.tables: list[_Table] = []
        self.run = _Run()
        self.unfinished: _Paragraph | None = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.rpartition("}")[2]
        parent = self.path[-1] if self.path else ""
        self.path.append(name)
        if self.skipped or name in _SKIPPED:
            self.skipped += 1
        elif name in ("del", "moveFrom") and parent not in ("rPr", "trPr"):
            self.deleted += 1
        elif name in _OPENED:
            _OPENED[name](self)
        elif self.paragraphs:
            self._read_property(name, parent, attributes)

    def _read_property(self, name: str, parent: str, attributes: Mapping[str, str]) -> None:
        paragraph = self.paragraphs[-1]
        value = attributes.get(f"{_W}val", "")
        if name in _SIGNS and parent == "r":
            self._add(_SIGNS[name])
        elif name == "sym":
            self._add(_read_symbol(attributes.get(f"{_W}char", "")))
        elif name == "pStyle":
            paragraph.style = value
        elif name == "numId" and parent == "numPr":
            paragraph.list_id = value
        elif name == "ilvl" and parent == "numPr":
            paragraph.level = int(value) if value.isdigit() and len(value) < 3 else 0
        elif name == "del" and parent == "rPr" and self.path[-3:-2] == ["pPr"]:
            paragraph.runs_on = True
        elif parent == "rPr" and self.path[-3:-2] == ["r"]:
            if name == "vertAlign":
                self.run.is_raised = value == "superscript"
            elif name == "rStyle":
                self.run.is_raised = self.numbering.is_raised(value)
            elif name == "position":
                self.run.is_raised = value.isdigit() and int(value[:4]) >= 4  # half-points
            elif name in ("vanish", "webHidden"):
                self.run.is_hidden = value not in ("0", "false")

    def end(self, name: str) -> None:
        name = name.rpartition("}")[2]
        self.path.pop()
        if self.skipped:
            self.skipped -= 1
        elif (
            name in ("del", "moveFrom")
            and self.deleted
            and (not self.path or self.path[-1] not in ("rPr", "trPr"))
        ):
            self.deleted -= 1
        elif name in _CLOSED:
            _CLOSED[name](self)

    def text(self, text: str) -> None:
        if not self.skipped and self.path and self.path[-1] in ("t", "delText"):
            self._add(text)

    def _add(self, text: str) -> None:
        if not self.paragraphs:
            return
        paragraph = self.paragraphs[-1]
        if self.deleted:
            paragraph.deleted.append(text)
        elif self.run.is_hidden:
            paragraph.hidden.append(text)
        else:
            before = paragraph.pieces[-1][-1:] if paragraph.pieces else ""
            if self.run.is_raised and text[:1].isdigit() and before.isalnum() and not paragraph.ended_raised:
                paragraph.pieces.append("^")
            paragraph.pieces.append(text)
            paragraph.ended_raised = self.run.is_raised

    def open_paragraph(self) -> None:
        self.paragraphs.append(_Paragraph())
        self.run = _Run()

    def open_run(self) -> None:
        self.run = _Run()

    def open_table(self) -> None:
        self.tables.append(_Table())

    def open_cell(self) -> None:
        if self.tables:
            self.tables[-1].cells.append([])

    def close_paragraph(self) -> None:
        paragraph = self.paragraphs.pop()
        self.run = _Run()
        for kind, pieces in (("deleted text", paragraph.deleted), ("hidden text", paragraph.hidden)):
            if text := "".join(pieces).strip():
                self.left_out.append(LeftOut(kind, text))
        text = "".join(paragraph.pieces)
        if self.unfinished:
            start, self.unfinished = self.unfinished, None
            paragraph.list_id, paragraph.level, paragraph.style = start.list_id, start.level, start.style
            text = "".join(start.pieces) + text
        if paragraph.runs_on:
            paragraph.pieces = [text]
            self.unfinished = paragraph
            return
        number = ""
        if text.strip():
            number = self.numbering.next_number(paragraph.list_id, paragraph.level, paragraph.style)
        self._target().append(number + text)

    def close_row(self) -> None:
        if not self.tables:
            return
        table = self.tables[-1]
        cells = [[line for line in cell if line.strip()] for cell in table.cells]
        if all(len(cell) <= 1 for cell in cells):
            table.rows.append("\t".join(line for cell in cells for line in cell))
        else:  # a table that only arranges paragraphs side by side
            table.rows += [line for cell in table.cells for line in cell]
        table.cells = []

    def close_table(self) -> None:
        table = self.tables.pop()
        self._target().extend(table.rows)

    def _target(self) -> list[str]:
        """Where a finished line belongs: to the innermost open cell, or to the text."""
        if self.tables and self.tables[-1].cells:
            return self.tables[-1].cells[-1]
        return self.lines


_OPENED: dict[str, Callable[[_BodyReader], None]] = {
    "p": _BodyReader.open_paragraph,
    "r": _BodyReader.open_run,
    "tbl": _BodyReader.open_table,
    "tc": _BodyReader.open_cell,
}
_CLOSED: dict[str, Callable[[_BodyReader], None]] = {
    "p": _BodyReader.close_paragraph,
    "tr": _BodyReader.close_row,
    "tbl": _BodyReader.close_table,
}


def _read_symbol(code: str) -> str:
    """A sign of a symbol font, which Word stores by its place in the font: a bullet, where it is not ASCII."""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    number -= 0xF000 if 0xF000 <= number <= 0xF0FF else 0
    return chr(number) if 0x20 <= number < 0x7F else "•"
