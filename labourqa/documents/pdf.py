"""PDF documents: child processes read the pages (`pdf_child.py`) and draw them (`pdf_picture.py`)."""

import json
from typing import Any

from labourqa.documents.child import run_child
from labourqa.documents.content import Content, LeftOut
from labourqa.errors import DocumentError
from labourqa.law.places import Box


def read_pdf(data: bytes) -> Content:
    """The text of a PDF; raises DocumentError where it is damaged, locked, scanned or too long."""
    if (
        b"startxref" not in data[-4096:]
    ):  # PDFium reads what is left of a file that was cut off, and says nothing
        raise DocumentError("is a damaged PDF: its end is missing; fetch or save it anew.")
    answer: dict[str, Any] = json.loads(run_child("labourqa.documents.pdf_child", data))
    if "error" in answer:
        raise DocumentError(answer["error"])
    return Content(
        format="PDF",
        text=answer["text"],
        pages=tuple(answer["pages"]),
        boxes=tuple(box and Box(*box) for box in answer["boxes"]),
        page_count=answer["page_count"],
        pages_without_text=tuple(answer["pages_without_text"]),
        left_out=tuple(LeftOut(*line) for line in answer["left_out"]),
        undecoded_characters=answer["undecoded_characters"],
    )


def draw_page(data: bytes, page: int) -> bytes:
    """A page of a PDF, counted from 1, as a PNG picture; raises DocumentError where it cannot be drawn."""
    picture = run_child("labourqa.documents.pdf_picture", data, str(page))
    if not picture:
        raise DocumentError(f"has no page {page} that can be drawn.")
    return picture
