"""Word documents (.docx): their paragraphs, one a line."""

import io
import unicodedata
import zipfile
import zlib
from xml.etree import ElementTree

from labourqa.documents.content import Content
from labourqa.documents.limits import MAX_BYTES
from labourqa.documents.text import SUPPORTED
from labourqa.errors import DocumentError

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def read_word(data: bytes) -> Content:
    """The text of a Word document; raises DocumentError where it is damaged, empty, or another archive."""
    body = _read_body(data)
    paragraphs = body.iter(f"{_WORD}p")
    text = "\n".join("".join(map(_read_run, paragraph.iter(f"{_WORD}r"))) for paragraph in paragraphs)
    if not text.strip():
        raise DocumentError("has no text; name another file.")
    return Content(format="Word", text=unicodedata.normalize("NFC", text))


def _read_body(data: bytes) -> ElementTree.Element:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("word/document.xml") as file:
            xml = file.read(MAX_BYTES + 1).decode()
        if len(xml) > MAX_BYTES or "<!DOCTYPE" in xml:  # Word declares no entities; a bomb of them would
            raise DocumentError("is not a document that Word wrote; save it as PDF.")
        return ElementTree.fromstring(xml)  # noqa: S314 - without a DOCTYPE there is nothing to expand
    except KeyError as error:
        raise DocumentError(f"is an archive of an unknown kind; {SUPPORTED}.") from error
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


def _read_run(run: ElementTree.Element) -> str:
    marks = {f"{_WORD}tab": "\t", f"{_WORD}br": "\n"}
    text = "".join((part.text or "") if part.tag == f"{_WORD}t" else marks.get(part.tag, "") for part in run)
    raised = run.find(f"{_WORD}rPr/{_WORD}vertAlign[@{_WORD}val='superscript']") is not None
    return f"^{text}" if raised and text.isdigit() else text
