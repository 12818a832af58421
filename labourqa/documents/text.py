"""Plain text: its line ends and the spelling of its letters, and the page numbers printed in it."""

import re
import unicodedata
from collections.abc import Iterator

from labourqa.documents.content import Content, LeftOut
from labourqa.documents.decoding import Decoded

PAGE_NUMBER = re.compile(r"(?:page )?(?:[-–] ?)?\d{1,4}(?: ?[-–])?(?: of \d{1,4})?", re.IGNORECASE)

_LINE_END = re.compile("\r\n|[\r\x0b\x85\u2028\u2029]")


def read_text(decoded: Decoded) -> Content:
    """The text of a text file, without the page numbers; form feeds say where its pages end."""
    pages = [page.split("\n") for page in clean_text(decoded.text).rstrip("\x1a").split("\f")]
    lines: list[str] = []
    numbers: list[int] = []
    left_out: list[LeftOut] = []
    for number, page in enumerate(pages, 1):
        kept = set(_kept_lines(page, is_only_page=len(pages) == 1))
        for index, line in enumerate(page):
            if index in kept:
                lines.append(line)
                numbers.append(number)
            elif line.strip():
                left_out.append(LeftOut("page number", line.strip(), number if len(pages) > 1 else 0))
    paged = len(pages) > 1
    printed = {number for number, line in zip(numbers, lines, strict=True) if line.strip()}
    return Content(
        format="plain text",
        text="\n".join(lines),
        pages=tuple(numbers) if paged else (),
        page_count=len(pages) if paged else 0,
        pages_without_text=tuple(n for n in range(1, len(pages) + 1) if n not in printed) if paged else (),
        left_out=tuple(left_out),
        encoding=decoded.encoding,
        encoding_is_certain=decoded.is_certain,
    )


def clean_text(text: str) -> str:
    """One spelling of letters (NFC) and of line ends."""
    return unicodedata.normalize("NFC", _LINE_END.sub("\n", text))


def _kept_lines(lines: list[str], *, is_only_page: bool) -> Iterator[int]:
    """The positions of a page's lines without its number and the blank lines at its edges: a sentence may run on."""
    is_number = [PAGE_NUMBER.fullmatch(line.strip()) is not None for line in lines]
    if is_only_page:  # where a page ends cannot be known, so any line with only a number counts
        yield from (index for index, number in enumerate(is_number) if not number)
        return
    printed = [index for index, line in enumerate(lines) if line.strip() and not is_number[index]]
    yield from range(printed[0], printed[-1] + 1) if printed else ()
