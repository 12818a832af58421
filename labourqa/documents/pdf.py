"""PDF documents: the text of each page, with raised digits marked."""

import io
import logging
from collections.abc import Callable, Sequence

from labourqa.documents.limits import MAX_BYTES
from labourqa.documents.text import clean_text
from labourqa.errors import DocumentError


def read_pdf(data: bytes) -> str:
    """The text of a PDF; raises DocumentError where it is damaged, locked, scanned or too long."""
    text = clean_text("\f".join(_read_pages(data)))
    if not text.strip():
        raise DocumentError(
            "has no text, only pictures of pages; run it through text recognition (OCR) first."
        )
    return text


def _read_pages(data: bytes) -> list[str]:
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
    return pages


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
