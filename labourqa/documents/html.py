"""Web pages: headings, paragraphs, lists with their numbers and table rows, one a line, without scripts and menus."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from labourqa.documents.content import Content, LeftOut
from labourqa.documents.decoding import Decoded
from labourqa.documents.markup import MarkupError, read_html_events
from labourqa.documents.text import clean_text
from labourqa.documents.word_numbering import write_number
from labourqa.errors import DocumentError

_START = re.compile(
    r"<(?:!doctype\s+html|html|head|body|meta|title|div|p|h[1-6]|table|ol|ul|center|font|span|article|section|main)\b",
    re.IGNORECASE,
)
_SILENT = frozenset(
    ["script", "style", "title", "template", "svg", "math", "object", "select", "button", "textarea"]
)
_VOID = frozenset(
    ["br", "hr", "img", "input", "link", "meta", "wbr", "col", "area", "base", "embed", "source", "track"]
)
_PARAGRAPHS = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ol", "ul", "dl", "hr"]
)
_LINES = frozenset(["div", "li", "dt", "dd", "tr", "section", "article", "header", "footer", "main", "aside", "body",
                    "caption", "figcaption", "address", "center", "fieldset", "form", "thead", "tbody"])  # fmt: skip
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_NUMBERED = re.compile(r"\(?\w{1,5}[.)] ")  # an item that brings its own number, which its list hides
_LIST_FORMATS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}


def is_html(text: str) -> bool:
    """Whether a text begins as a web page does, after an XML declaration and comments."""
    start = re.sub(r"<\?xml[^>]*>|<!--.*?-->", "", text[:10_000], flags=re.DOTALL).lstrip("\ufeff \t\r\n")
    return _START.match(start) is not None


def read_html(decoded: Decoded) -> Content:
    """The text of a web page; raises DocumentError where it cannot be taken apart."""
    page = _Page()
    try:
        read_html_events(clean_text(decoded.text), page)
    except MarkupError as error:
        raise DocumentError("is a damaged web page; save it as text or PDF.") from error
    page.end_line()
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(page.lines)).strip("\n")
    return Content(
        format="HTML",
        text=text,
        left_out=tuple(page.left_out),
        encoding=decoded.encoding,
        encoding_is_certain=decoded.is_certain,
    )


@dataclass
class _List:
    ordered: bool
    next: int = 1
    format: str = "decimal"
    step: int = 1


@dataclass
class _Row:
    cells: list[list[str]] = field(default_factory=list)  # the lines of each


@dataclass
class _Skipped:
    kind: str  # "" where it is nothing that a reader sees
    depth: int = 1
    pieces: list[str] = field(default_factory=list)


class _Page:
    """Collects lines from the events of a page."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.left_out: list[LeftOut] = []
        self.pieces: list[str] = []  # of the line being read
        self.lists: list[_List] = []
        self.rows: list[_Row] = []
        self.skipped: _Skipped | None = None
        self.marker = ""  # of a list item whose text has not begun
        self.raised = 0  # elements of superscript open
        self.raised_text: list[str] = []
        self.is_mark = False  # the raised text is a link to a note
        self.links_within = 0  # links open that lead to a place on the page itself
        self.link_has_text = False
        self.preformatted = 0  # elements open in which line ends count

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.skipped:
            self.skipped.depth += 1
        elif name in _SILENT:
            self.skipped = _Skipped("")
        elif name == "nav":
            self.skipped = _Skipped("navigation")
        elif name not in _VOID and ("hidden" in attributes or _HIDDEN.search(attributes.get("style", ""))):
            self.skipped = _Skipped("hidden text")
        elif name == "br":
            self.end_line()
        elif name in ("td", "th"):
            self.end_line()
            if self.rows:
                self.rows[-1].cells.append([])
        elif name in _PARAGRAPHS or name in _LINES:
            self._start_block(name, attributes)
        elif name == "sup":
            self.raised += 1
            self.is_mark = self.links_within > 0 and not self.link_has_text
        elif name == "a" and attributes.get("href", "").startswith("#"):
            self.links_within += 1
            self.link_has_text = False
            self.is_mark = self.raised > 0

    def _start_block(self, name: str, attributes: Mapping[str, str]) -> None:
        self.end_line()
        if name in _PARAGRAPHS and not self.marker:
            self._add_line("")
        if name == "pre":
            self.preformatted += 1
        if name in ("ol", "ul"):
            ordered = name == "ol"
            one = _List(
                ordered, _read_int(attributes.get("start", ""), 1), step=-1 if "reversed" in attributes else 1
            )
            one.format = _LIST_FORMATS.get(attributes.get("type", ""), "decimal")
            self.lists.append(one)
        elif name == "li":
            self.marker += self._next_marker(attributes)
        elif name == "tr":
            self.rows.append(_Row())

    def _next_marker(self, attributes: Mapping[str, str]) -> str:
        one = self.lists[-1] if self.lists else _List(ordered=False)
        if not one.ordered:
            return "• "
        number = _read_int(attributes.get("value", ""), one.next)
        one.next = number + one.step
        form = _LIST_FORMATS.get(attributes.get("type", ""), one.format)
        return f"{write_number(number, form)}. "

    def end(self, name: str) -> None:
        if self.skipped:
            self.skipped.depth -= 1
            if not self.skipped.depth:
                text = " ".join("".join(self.skipped.pieces).split())
                if self.skipped.kind and text:
                    self.left_out.append(LeftOut(self.skipped.kind, text))
                self.skipped = None
        elif name == "sup":
            self.raised -= 1
            if not self.raised:
                self._add_raised()
        elif name == "a":
            self.links_within = max(0, self.links_within - 1)
        elif name == "tr" and self.rows:
            self.end_line()
            self._end_row(self.rows.pop())
        elif name in _PARAGRAPHS or name in _LINES:
            self.end_line()
            if name in ("ol", "ul") and self.lists:
                self.lists.pop()
            elif name == "li":
                self.marker = ""
            elif name == "pre":
                self.preformatted -= 1
            if name in _PARAGRAPHS:
                self._add_line("")

    def text(self, text: str) -> None:
        if self.skipped:
            if self.skipped.kind:
                self.skipped.pieces.append(text)
        elif self.raised:
            self.raised_text.append(text)
        elif self.preformatted:
            first, *others = text.split("\n")
            self.pieces.append(first)
            for line in others:
                self.end_line()
                self.pieces.append(line)
        else:
            self.pieces.append(text)
            self.link_has_text = self.link_has_text or bool(text.strip())

    def _add_raised(self) -> None:
        text = "".join(self.raised_text).strip()
        self.raised_text = []
        before = self.pieces[-1][-1:] if self.pieces else ""
        if self.is_mark and text:
            self.left_out.append(LeftOut("footnote mark", text))
        elif text[:1].isdigit() and before.isalnum():
            self.pieces.append(f"^{text}")
        else:
            self.pieces.append(text)

    def end_line(self) -> None:
        """End the line being read, if anything stands on it."""
        text = " ".join("".join(self.pieces).split())
        self.pieces = []
        if text:
            self._add_line(text if _NUMBERED.match(text) else self.marker + text)
            self.marker = ""

    def _add_line(self, line: str) -> None:
        target = self.rows[-1].cells[-1] if self.rows and self.rows[-1].cells else self.lines
        if line or (target and target[-1]):
            target.append(line)

    def _end_row(self, row: _Row) -> None:
        cells = [[line for line in cell if line] for cell in row.cells]
        if all(len(cell) <= 1 for cell in cells):
            self._add_line("\t".join(line for cell in cells for line in cell))
        else:  # a table that only arranges paragraphs side by side
            for line in (line for cell in row.cells for line in cell):
                self._add_line(line)


def _read_int(text: str, otherwise: int) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,6}", text.strip()) else otherwise
