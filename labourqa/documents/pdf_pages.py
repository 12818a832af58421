"""The pages of a PDF as PDFium decodes them: runs of characters with their place and size on the page.

Coordinates are in points (1/72 inch) from the page's lower left corner, as the PDF standard (ISO 32000) has them.
"""

import ctypes
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium

_LIGATURES = {ord(one): unicodedata.normalize("NFKC", one) for one in "ﬀﬁﬂﬃﬄﬅﬆ"}
# The Symbol font's own codes of what stands in laws: signs that it shares with ASCII, a bullet, a piece of a rule.
_SYMBOLS = {0xF000 + ord(sign): ord(sign) for sign in "!%()*+,./0123456789:;<=>?[]_{|}"}
_SYMBOLS |= {0xF02D: ord("-"), 0xF0B7: ord("•"), 0xF0BE: ord("_"), 0xF0B0: ord("°"), 0xF0B4: ord("×")}
_DRAWN_RULE = re.compile(r"([_—–-])\1{7,}")  # a rule made of characters
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_WORD_GAP = 0.25  # of the type size: a wider gap between two characters is a space
_THINNEST_RULE = 3.0  # points; a thicker bar is decoration
_POINTS, _PIXELS = 1_000, 1_000_000  # between which places on a page and in its picture are compared


@dataclass(slots=True)
class Run:
    """Characters that follow each other on one baseline in one size: a word, or a part of one."""

    text: str
    left: float
    right: float
    baseline: float
    size: float  # of the type, in points
    glued: bool = False  # follows the run before it without a space


@dataclass(frozen=True)
class Rule:
    """A horizontal line, as printed above footnotes or around a table's rows."""

    left: float
    right: float
    y: float


@dataclass(slots=True)
class Page:
    number: int  # from 1
    width: float
    height: float
    runs: list[Run]
    rules: list[Rule] = field(default_factory=list)
    rotated: str = ""  # text that runs in another direction than the page's: watermarks, spine titles
    characters: int = 0
    undecoded: int = 0  # characters whose font does not say which letters they are
    # From the coordinates of the runs to shares of the page as it is shown, from its upper left corner:
    # (a, b, c, d, e, f) gives x' = a x + b y + c and y' = d x + e y + f.
    placement: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True)
class _Character:
    text: str
    left: float
    right: float
    baseline: float
    size: float
    after_space: bool


def read_pages(data: bytes) -> Iterator[Page]:
    """Each page in order; raises pypdfium2.PdfiumError where the file cannot be opened."""
    document = pypdfium2.PdfDocument(data)
    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:  # the page tree names a page that is not there
            yield Page(index + 1, 0, 0, [])
            continue
        yield _read_page(page, index + 1)
        page.close()


def _read_page(page: pypdfium2.PdfPage, number: int) -> Page:
    text_page = page.get_textpage()
    angles: dict[int, list[_Character]] = {}
    read = Page(number, page.get_width(), page.get_height(), [])
    for angle, character in _read_characters(text_page, read):
        angles.setdefault(angle, []).append(character)
    text_page.close()
    # A page set across, such as a wide table, is turned upright; what then still stands askew is no running text.
    main = max(angles, key=lambda angle: len(angles[angle]), default=0)
    runs = _make_runs(angles.pop(main, []))
    read.placement = _find_placement(page, main)
    drawn = [run for run in runs if _DRAWN_RULE.fullmatch(run.text)]
    read.runs = [run for run in runs if not _DRAWN_RULE.fullmatch(run.text)]
    read.rotated = " ".join(run.text for characters in angles.values() for run in _make_runs(characters))
    read.rules = list(_read_rules(page)) if main == 0 else []
    read.rules += [Rule(run.left, run.right, run.baseline) for run in drawn]
    return read


def _read_characters(text_page: pypdfium2.PdfTextPage, page: Page) -> Iterator[tuple[int, _Character]]:
    """Each printed character with the angle of its baseline in quarter turns; PDFium puts them in reading order."""
    x, y, box, matrix = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    x_at, y_at, box_at, matrix_at = map(ctypes.byref, (x, y, box, matrix))
    handle = text_page.raw
    space = False
    high = 0  # the first half of a character outside the basic plane
    for index in range(pdfium.FPDFText_CountChars(handle)):
        code = pdfium.FPDFText_GetUnicode(handle, index)
        if code in (0x20, 0x09, 0xA0):
            space = True
            continue
        if code in (0x0A, 0x0D):
            continue  # where a line ends is told by the baselines
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00) if high else 0xFFFD
            high = 0
        page.characters += 1
        if code in (0x02, 0xFFFE):  # how PDFium writes a hyphen at a line's end
            code = 0x2D
        elif code in _SYMBOLS:
            code = _SYMBOLS[code]
        elif code < 0x20 or code == 0xFFFD or 0xE000 <= code < 0xF900 or code > 0x10FFFF:
            page.undecoded += 1
            code = 0xFFFD
        pdfium.FPDFText_GetCharOrigin(handle, index, x_at, y_at)
        pdfium.FPDFText_GetLooseCharBox(handle, index, box_at)
        pdfium.FPDFText_GetMatrix(handle, index, matrix_at)
        size = pdfium.FPDFText_GetFontSize(handle, index) * math.hypot(matrix.c, matrix.d)
        turn = round(pdfium.FPDFText_GetCharAngle(handle, index) * 57.29578 / 90) % 4
        left, right, bottom, top = box.left, box.right, box.bottom, box.top
        origin_x, origin_y = x.value, y.value
        if turn == 3:  # PDFium counts clockwise: upwards, so turn the page to the right
            left, right, bottom, top = bottom, top, -right, -left
            origin_x, origin_y = origin_y, -origin_x
        elif turn == 2:
            left, right, bottom, top = -right, -left, -top, -bottom
            origin_x, origin_y = -origin_x, -origin_y
        elif turn == 1:
            left, right, bottom, top = -top, -bottom, left, right
            origin_x, origin_y = -origin_y, origin_x
        text = chr(code).translate(_LIGATURES)
        # A font may overhang its box on the left; the origin is where the writer put the character.
        yield turn, _Character(text, max(left, origin_x), right, origin_y, size, space)
        space = False


def _find_placement(page: pypdfium2.PdfPage, turn: int) -> tuple[float, ...]:
    """`Page.placement` of a page whose runs were turned upright by so many quarter turns."""
    x, y = ctypes.c_int(), ctypes.c_int()
    shown: list[tuple[float, float]] = []
    for right, up in ((0, 0), (_POINTS, 0), (0, _POINTS)):
        # The inverse of what `_read_characters` does.
        user_x, user_y = ((right, up), (-up, right), (-right, -up), (up, -right))[turn]
        # PDFium knows how the page is cropped and turned, and gives whole pixels of a picture of this size.
        pdfium.FPDF_PageToDevice(
            page.raw, 0, 0, _PIXELS, _PIXELS, 0, user_x, user_y, ctypes.byref(x), ctypes.byref(y)
        )
        shown.append((x.value / _PIXELS, y.value / _PIXELS))
    (c, f), (right_x, right_y), (up_x, up_y) = shown
    return (
        (right_x - c) / _POINTS,
        (up_x - c) / _POINTS,
        c,
        (right_y - f) / _POINTS,
        (up_y - f) / _POINTS,
        f,
    )


def _make_runs(characters: list[_Character]) -> list[Run]:
    runs: list[Run] = []
    for before, one in pairwise([None, *characters]):
        assert one is not None
        last = runs[-1] if runs else None
        if before is None or last is None:
            runs.append(Run(one.text, one.left, one.right, one.baseline, one.size))
            continue
        size = max(one.size, last.size)
        drop = abs(one.baseline - last.baseline)
        # PDFium gives the letters of a ligature ("fi") as characters at one and the same place.
        leftward = RIGHT_TO_LEFT.match(one.text) and RIGHT_TO_LEFT.match(before.text)
        gap = last.left - one.right if leftward else one.left - last.right
        joined = -0.5 * size < gap < _WORD_GAP * size or one.left == before.left
        glued = joined and not one.after_space and drop < 0.6 * size
        if glued and drop < 0.05 * size and 0.85 < one.size / (last.size or 1) < 1.18:
            last.text += one.text
            last.left, last.right = min(last.left, one.left), max(last.right, one.right)
        else:
            runs.append(Run(one.text, one.left, one.right, one.baseline, one.size, glued))
    return runs


def _read_rules(page: pypdfium2.PdfPage) -> Iterator[Rule]:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for index in range(min(pdfium.FPDFPage_CountObjects(page.raw), 5_000)):
        item = pdfium.FPDFPage_GetObject(page.raw, index)
        if pdfium.FPDFPageObj_GetType(item) != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        if pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            thin = top.value - bottom.value < _THINNEST_RULE
            if thin and right.value - left.value > 20:
                yield Rule(left.value, right.value, (top.value + bottom.value) / 2)


def most_common_size(runs: list[Run]) -> float:
    """The size in which most characters are set, rounded to a tenth of a point; 0 where there are none."""
    sizes: Counter[float] = Counter()
    for run in runs:
        sizes[round(run.size, 1)] += len(run.text)
    return max(sizes, key=lambda size: sizes[size], default=0.0)
