"""The process that reads one PDF from standard input and prints what is in it as one JSON document.

`pdf.py` starts it as `python -m labourqa.documents.pdf_child`. It prints {"error": sentence} for a file that cannot be
read, and ends with another exit status than 0 where PDFium crashes or asks for too much memory.
"""

import json
import re
import sys
import unicodedata
from dataclasses import astuple
from typing import Any

from pypdfium2 import PdfiumError

from labourqa.documents.child import limit_resources
from labourqa.documents.limits import MAX_CHARACTERS
from labourqa.documents.pdf_layout import arrange_pages
from labourqa.documents.pdf_pages import Page, read_pages

_DAMAGED = "is a damaged PDF; open it in a viewer and save it anew."
_LOCKED = "is locked with a password; save a copy without one."
_SCANNED = "has no text, only pictures of pages; run it through text recognition (OCR) first."
_TOO_LONG = "holds more text than any law; save the pages of the law alone as a PDF."
_UNDECODED = (
    "has fonts that do not say which letters they print; run it through text recognition (OCR) first."
)
_MOST_UNDECODED = 0.05  # of the characters: more is no longer the law's text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")


def main() -> None:
    limit_resources()
    sys.stdout.write(json.dumps(_read(sys.stdin.buffer.read())))


def _read(data: bytes) -> dict[str, Any]:
    pages: list[Page] = []
    characters = 0
    try:
        for page in read_pages(data):
            pages.append(page)
            characters += page.characters
            if characters > MAX_CHARACTERS:
                return {"error": _TOO_LONG}
    except PdfiumError as error:
        return {"error": _LOCKED if "password" in str(error).lower() else _DAMAGED}
    undecoded = sum(page.undecoded for page in pages)
    if undecoded > _MOST_UNDECODED * characters:
        return {"error": _UNDECODED}
    layout = arrange_pages(pages)
    if not any(layout.lines):
        return {"error": _SCANNED}
    printed = set(layout.pages)
    return {
        "text": "\n".join(map(_clean, layout.lines)),
        "pages": layout.pages,
        "boxes": [box and astuple(box) for box in layout.boxes],
        "page_count": len(pages),
        "pages_without_text": [page.number for page in pages if page.number not in printed],
        "left_out": [(line.kind, _clean(line.text), line.page) for line in layout.left_out],
        "undecoded_characters": undecoded,
    }


def _clean(line: str) -> str:
    return _CONTROL.sub("", unicodedata.normalize("NFC", line)).strip()


if __name__ == "__main__":
    main()
