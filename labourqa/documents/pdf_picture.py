"""The process that reads one PDF from standard input and prints one of its pages as a PNG picture.

`pdf.py` starts it as `python -m labourqa.documents.pdf_picture PAGE`, with the page's number from 1. It prints nothing
where the page cannot be drawn.
"""

import io
import sys

import pypdfium2

from labourqa.documents.child import limit_resources

_DOTS_PER_INCH = 150  # readable at twice the width of a column on the screen; 100 to 300 kB a page
_COLOURS = 64  # enough for smooth letters and coloured headings, at a third of the bytes of all colours
_MOST_PIXELS = 3_000  # of the longer side: a poster is drawn more coarsely


def main() -> None:
    limit_resources()
    sys.stdout.buffer.write(_draw(sys.stdin.buffer.read(), int(sys.argv[1])))


def _draw(data: bytes, number: int) -> bytes:
    try:
        page = pypdfium2.PdfDocument(data)[number - 1]
        scale = min(_DOTS_PER_INCH / 72, _MOST_PIXELS / max(page.get_size()))
        picture = page.render(scale=scale).to_pil()
    except (pypdfium2.PdfiumError, IndexError, ZeroDivisionError):
        return b""
    written = io.BytesIO()
    picture.quantize(_COLOURS).save(written, "PNG")
    return written.getvalue()


if __name__ == "__main__":
    main()
