"""Plain text: its encoding, its spelling of letters and line ends, and the page numbers printed in it."""

import re
import unicodedata

from labourqa.documents.content import Content
from labourqa.errors import DocumentError

SUPPORTED = "UTF-8 text (.txt, .md), PDF and Word documents (.docx) can be read"

PAGE_NUMBER = re.compile(r"(?:page )?(?:[-–] ?)?\d{1,4}(?: ?[-–])?(?: of \d{1,4})?", re.IGNORECASE)


def read_text(data: bytes) -> Content:
    """The text of a text file; raises DocumentError where it is not text, or empty."""
    text = clean_text(_decode(data))
    if not text.strip():
        raise DocumentError("is empty; name another file.")
    return Content(format="plain text", text=text)


def _decode(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(f"is neither UTF-8 text nor another known kind; {SUPPORTED}.") from error
    if "\0" in text or text.lstrip()[:9].lower().startswith(("{\\rtf", "<html", "<!doctype")):
        raise DocumentError(f"is of a kind that is not known; {SUPPORTED}.")
    return text


def clean_text(text: str) -> str:
    """One spelling of letters and line ends, and no page numbers."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    pages = [page.split("\n") for page in text.split("\f")]
    if len(pages) == 1:  # where a page ends cannot be known, so any line with only a number counts
        return "\n".join(line for line in pages[0] if not PAGE_NUMBER.fullmatch(line.strip()))
    return "\n".join(line for page in pages for line in _trim_page(page))


def _trim_page(lines: list[str]) -> list[str]:
    """A page without page numbers and blank lines at its edges: its last sentence runs on over the page."""
    printed = [i for i, line in enumerate(map(str.strip, lines)) if line and not PAGE_NUMBER.fullmatch(line)]
    return lines[printed[0] : printed[-1] + 1] if printed else []
