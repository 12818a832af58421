"""Writes small PDFs for the tests: pages of text lines, each at its place and in its size, and rules."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    text: str
    size: float = 10


@dataclass(frozen=True)
class Bar:
    """A horizontal rule."""

    x: float
    y: float
    width: float


def make_pdf(*pages: Sequence[Text | Bar], content: bytes | None = None) -> bytes:
    """A PDF of A4 pages in Helvetica; with `content`, every page shows that stream instead."""
    streams = [content if content is not None else _draw(page) for page in pages]
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for i, stream in enumerate(streams):
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {5 + 2 * i} 0 R"
            "/Resources<</Font<</F 3 0 R>>>>>>".encode()
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    return join_objects(objects)


def join_objects(objects: list[bytes]) -> bytes:
    """A PDF file of these objects, numbered from 1; the first is the catalogue."""
    data = b"%PDF-1.7\n"
    places = []
    for number, item in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def _draw(page: Sequence[Text | Bar]) -> bytes:
    drawn = []
    for item in page:
        if isinstance(item, Bar):
            drawn.append(f"{item.x} {item.y} m {item.x + item.width} {item.y} l S".encode())
        else:
            text = (
                item.text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
            )
            drawn.append(f"BT /F {item.size} Tf {item.x} {item.y} Td (".encode() + text + b") Tj ET")
    return b"\n".join(drawn)


def paragraph(x: float, y: float, lines: list[str], size: float = 10, pitch: float = 12) -> list[Text]:
    return [Text(x, y - pitch * i, line, size) for i, line in enumerate(lines)]
