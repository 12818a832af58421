"""A file as it lies on disk -> its text: plain text, PDF and Word documents, told apart by content."""

import hashlib
import io
import logging
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from labourqa.errors import DocumentError

# A labour code is a megabyte or two; the file is untrusted, so the work on it has a bound.
MAX_BYTES = 50_000_000

_PAGE_NUMBER = re.compile(r"(?:page )?(?:[-–] ?)?\d{1,4}(?: ?[-–])?(?: of \d{1,4})?", re.IGNORECASE)
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SUPPORTED = "UTF-8 text (.txt, .md), PDF and Word documents (.docx) can be read"


@dataclass(frozen=True)
class Document:
    """A document's text and where it came from; the checksum names the exact file an answer rests on."""

    text: str  # NFC, "\n" line ends, no form feeds or page numbers; lines stay as printed
    source: str  # the file's name
    sha256: str  # of the file's bytes


def read_document(path: Path) -> Document:
    """Read a document; raises DocumentError, whose sentence names the file and says what to do."""
    data = _read_bytes(path)
    try:
        text = _read_text(data)
    except DocumentError as error:
        raise DocumentError(f"{path.name} {error}") from error
    return Document(text, path.name, hashlib.sha256(data).hexdigest())


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DocumentError(f"{path} is a folder; name a file in it.")
        if not path.exists():
            raise DocumentError(f"{path} does not exist; check the path.")
        if not path.is_file():  # a device or a pipe may never end
            raise DocumentError(f"{path} is not a regular file; name a document.")
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(
                f"{path} is larger than {MAX_BYTES // 1_000_000} MB; give the law's text alone."
            )
        return path.read_bytes()
    except PermissionError as error:
        raise DocumentError(f"{path} may not be read by you; change its permissions.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DocumentError(f"{path} cannot be read: {error}.") from error


def _read_text(data: bytes) -> str:
    """Errors raised from here on lack the file's name, which `read_document` puts before them."""
    if b"%PDF-" in data[:1024]:  # the standard lets junk stand before the header
        text = _normalise(_read_pdf(data))
        advice = "has no text, only pictures of pages; run it through text recognition (OCR) first."
    elif data.startswith(b"PK\x03\x04"):
        text = unicodedata.normalize("NFC", _read_docx(data))  # no pages, so no page numbers
        advice = "has no text; name another file."
    else:
        text = _normalise(_decode(data))
        advice = "is empty; name another file."
    if not text.strip():
        raise DocumentError(advice)
    return text


def _decode(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(f"is neither UTF-8 text nor another known kind; {_SUPPORTED}.") from error
    if "\0" in text or text.lstrip()[:9].lower().startswith(("{\\rtf", "<html", "<!doctype")):
        raise DocumentError(f"is of a kind that is not known; {_SUPPORTED}.")
    return text


def _read_pdf(data: bytes) -> str:
    from pypdf import PdfReader  # imported here: `--help` must be fast

    # pypdf logs each flaw of a file it can still read; the user can act on none of them.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    pages: list[str] = []
    characters = 0
    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not reader.decrypt("")
        for page in () if locked else reader.pages:
            pages.append(_read_page(page.extract_text))
            characters += len(pages[-1])
            if characters > MAX_BYTES:  # a few kilobytes can unpack to any amount of text
                break
    except Exception as error:  # a damaged file makes pypdf raise nearly anything
        raise DocumentError("is a damaged PDF; open it in a viewer and save it anew.") from error
    if locked:
        raise DocumentError("is locked with a password; save a copy without one.")
    if characters > MAX_BYTES:
        raise DocumentError("holds more text than any law; give the law's text alone.")
    return "\f".join(pages)


def _read_page(extract_text: Callable[..., str]) -> str:
    """A page's text in which a raised digit after a digit is marked: 72^1 would otherwise read 721."""
    pieces: list[str] = []
    body_size = 0.0

    def add_piece(
        text: str, page_matrix: Sequence[float], text_matrix: Sequence[float], _font: object, font_size: float
    ) -> None:
        nonlocal body_size
        size = font_size * abs(page_matrix[3] * text_matrix[3] or 1)
        raised = text.strip().isdigit() and size < 0.8 * body_size
        if raised and pieces and pieces[-1][-1:].isdigit():
            pieces.append("^")
        elif text.strip() and not raised:
            body_size = size
        if text:
            pieces.append(text)

    extract_text(visitor_text=add_piece)
    return "".join(pieces)


def _read_docx(data: bytes) -> str:
    """The paragraphs of a Word document, one a line."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("word/document.xml") as file:
            xml = file.read(MAX_BYTES + 1).decode()
        if len(xml) > MAX_BYTES or "<!DOCTYPE" in xml:  # Word declares no entities; a bomb of them would
            raise DocumentError("is not a document that Word wrote; save it as PDF.")
        body = ElementTree.fromstring(xml)  # noqa: S314 - without a DOCTYPE there is nothing to expand
    except KeyError as error:
        raise DocumentError(f"is an archive of an unknown kind; {_SUPPORTED}.") from error
    # ValueError: not UTF-8; RuntimeError: encrypted; NotImplementedError: an exotic compression
    except (
        zipfile.BadZipFile,
        zlib.error,
        ElementTree.ParseError,
        EOFError,
        ValueError,
        RuntimeError,
    ) as error:
        raise DocumentError("is a damaged Word document; open it in Word and save it anew.") from error
    paragraphs = body.iter(f"{_WORD}p")
    return "\n".join("".join(map(_read_run, paragraph.iter(f"{_WORD}r"))) for paragraph in paragraphs)


def _read_run(run: ElementTree.Element) -> str:
    marks = {f"{_WORD}tab": "\t", f"{_WORD}br": "\n"}
    text = "".join((part.text or "") if part.tag == f"{_WORD}t" else marks.get(part.tag, "") for part in run)
    raised = run.find(f"{_WORD}rPr/{_WORD}vertAlign[@{_WORD}val='superscript']") is not None
    return f"^{text}" if raised and text.isdigit() else text


def _normalise(text: str) -> str:
    """One spelling of letters and line ends, and no page numbers."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    pages = [page.split("\n") for page in text.split("\f")]
    if len(pages) == 1:  # where a page ends cannot be known, so any line with only a number counts
        return "\n".join(line for line in pages[0] if not _PAGE_NUMBER.fullmatch(line.strip()))
    return "\n".join(line for page in pages for line in _trim_page(page))


def _trim_page(lines: list[str]) -> list[str]:
    """A page without page numbers and blank lines at its edges: its last sentence runs on over the page."""
    printed = [i for i, line in enumerate(map(str.strip, lines)) if line and not _PAGE_NUMBER.fullmatch(line)]
    return lines[printed[0] : printed[-1] + 1] if printed else []
