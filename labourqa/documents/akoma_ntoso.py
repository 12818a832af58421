"""Akoma Ntoso, the XML in which parliaments publish laws (OASIS LegalDocML, versions 2.0 and 3.0) -> a `Code`.

What is an article, a paragraph or a point is said by the elements, so nothing is told from the look of the text.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from labourqa.documents.content import Content, LeftOut
from labourqa.documents.markup import MarkupError, read_xml_events
from labourqa.errors import DocumentError
from labourqa.law.structure import Article, Code, Paragraph, Point, format_paragraphs

_ROOT = re.compile(rb"<(?:[\w.-]{1,40}:)?akomaNtoso[\s/>]")
_PARTS = frozenset(["book", "tome", "part", "subpart", "title", "subtitle"])
_CHAPTERS = frozenset(["chapter", "subchapter"])
_SECTIONS = frozenset(["section", "subsection", "division", "subdivision"])
_UNITS = frozenset(["article", "section", "subsection", "paragraph", "subparagraph", "clause", "subclause", "rule",
                    "subrule", "level", "sublist", "point", "indent", "item", "alinea", "proviso"])  # fmt: skip
_POINTS = frozenset(["point", "indent", "item", "subparagraph"])
_LINES = frozenset(["p", "block", "listIntroduction", "listWrapUp", "listConclusion", "li", "tr", "heading",
                    "subheading", "docTitle", "longTitle", "shortTitle", "tocItem"])  # fmt: skip
_LEFT_OUT = {"authorialNote": "footnote", "remark": "editor's note", "del": "deleted text"}
_REMOVED = frozenset(["removed", "repealed", "deleted"])  # values of an element's status


@dataclass(slots=True)
class _Node:
    name: str  # without its namespace
    attributes: Mapping[str, str]
    children: list["_Node | str"] = field(default_factory=list)

    def nodes(self) -> Iterator["_Node"]:
        return (child for child in self.children if isinstance(child, _Node))

    def child(self, name: str) -> "_Node | None":
        return next((one for one in self.nodes() if one.name == name), None)

    def all(self, *names: str) -> Iterator["_Node"]:
        """Every element of these names inside this one, in order, except in law text that is quoted."""
        for one in self.nodes():
            if one.name in names:
                yield one
            if one.name != "quotedStructure":
                yield from one.all(*names)


class _TreeBuilder:
    def __init__(self) -> None:
        self.open = [_Node("", {})]

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.rpartition("}")[2]
        node = _Node(attributes.get("name", name) if name == "hcontainer" else name, dict(attributes))
        self.open[-1].children.append(node)
        self.open.append(node)

    def end(self, _name: str) -> None:
        self.open.pop()

    def text(self, text: str) -> None:
        self.open[-1].children.append(text)


def is_akoma_ntoso(data: bytes) -> bool:
    """Whether a file's first element is Akoma Ntoso's, in UTF-8 or UTF-16."""
    return _ROOT.search(data[:8192].replace(b"\0", b"")) is not None


def read_akoma_ntoso(data: bytes) -> Content:
    """The text and structure of a law; raises DocumentError where the XML is damaged or holds no text."""
    builder = _TreeBuilder()
    try:
        read_xml_events(data, builder)
    except MarkupError as error:
        raise DocumentError("is damaged XML; fetch it anew.") from error
    reader = _LawReader(builder.open[0])
    articles = tuple(article for _, article in reader.articles)
    code = Code(reader.name, reader.date, articles, annex=reader.annex) if articles else None
    text = unicodedata.normalize("NFC", "\n".join(reader.write_lines()))
    if not text.strip():
        raise DocumentError("has no text; name another file.")
    return Content(format="Akoma Ntoso", text=text, left_out=tuple(reader.left_out), code=code)


class _LawReader:
    def __init__(self, root: _Node) -> None:
        self.left_out: list[LeftOut] = []
        self.body = next(root.all("body", "mainBody"), root)
        self.unit = "article" if next(self.body.all("article"), None) else "section"
        self.articles = list(self._read_articles(self.body, ("", "", "")))
        self.name = self._read_name(root)
        self.date = _read_date(root)
        attached = [node for node in root.all("attachments", "components", "annex") if node.name != "body"]
        self.annex = "\n".join(line for node in attached[:1] for line in self._all_lines(node))

    def write_lines(self) -> Iterator[str]:
        """The law as it is printed, from its title to its annex."""
        if not self.articles:
            yield from self._all_lines(self.body)
            return
        yield from filter(None, [self.name])
        above = ("", "", "")
        for label, article in self.articles:
            headings = article.part, article.chapter, article.section
            for heading, last in zip(headings, above, strict=True):
                if heading and heading != last:
                    yield from ("", heading)
            above = headings
            yield from (
                "",
                f"{label} {article.title}".strip(),
                *format_paragraphs(article.paragraphs).split("\n"),
            )
        if self.annex:
            yield from ("", "ANNEX", self.annex)

    # The law's parts

    def _read_articles(self, node: _Node, above: tuple[str, str, str]) -> Iterator[tuple[str, Article]]:
        """Each article with its printed label, under the headings of part, chapter and section."""
        for one in node.nodes():
            if one.name == self.unit:
                yield self._read_article(one, above)
            elif one.name in ("quotedStructure", "meta"):
                continue
            else:
                yield from self._read_articles(one, self._headings(one, above))

    def _headings(self, node: _Node, above: tuple[str, str, str]) -> tuple[str, str, str]:
        part, chapter, section = above
        heading = self._heading(node)
        if not heading:
            return above
        if node.name in _PARTS:
            return (f"{part} / {heading}" if part else heading), "", ""
        if node.name in _CHAPTERS:
            return part, (f"{chapter} / {heading}" if chapter else heading), ""
        if node.name in _SECTIONS:
            return part, chapter, (f"{section} / {heading}" if section else heading)
        return above

    def _heading(self, node: _Node) -> str:
        """Label and title on one line: "PART II. INDIVIDUAL EMPLOYMENT RELATIONS"."""
        label = self._text(node.child("num")).rstrip(" .:–—-")
        return ". ".join(filter(None, [label, self._text(node.child("heading"))]))

    def _read_article(self, node: _Node, above: tuple[str, str, str]) -> tuple[str, Article]:
        label = self._text(node.child("num"))
        number = _read_number(label) or _read_number(
            node.attributes.get("eId", node.attributes.get("id", ""))
        )
        paragraphs = _make_paragraphs(list(self._read_rows(node, 0)))
        if not paragraphs and node.attributes.get("status", "") in _REMOVED:
            paragraphs = (Paragraph("", "(Repealed)"),)
        label = label or f"{self.unit.capitalize()} {number}"
        article = Article(number, self._text(node.child("heading")), paragraphs, *above)
        return (label if label.endswith(".") else f"{label}."), article

    # What stands in an article

    def _read_rows(self, node: _Node, depth: int) -> Iterator["_Row"]:
        """The lines inside an article or one of its units, each with how deep its unit is numbered."""
        for one in node.nodes():
            if one.name in ("num", "heading", "subheading"):
                continue
            if one.name in _UNITS and (mark := self._text(one.child("num"))):
                yield _Row(depth + 1, mark, self._text(one.child("heading")), one.name in _POINTS)
                yield from self._read_rows(one, depth + 1)
            elif one.name in _LINES:
                yield _Row(depth, "", self._text(one))
            elif one.name == "quotedStructure":
                yield from (_Row(depth, "", line) for line in self._all_lines(one))
            else:
                yield from self._read_rows(one, depth)

    def _all_lines(self, node: _Node) -> Iterator[str]:
        """Every line in an element, a label or number before the line that it belongs to."""
        number = ""
        for one in node.nodes():
            if one.name == "num":
                number = self._text(one)
            elif one.name in _LINES:
                text = f"{number} {self._text(one)}".strip()
                number = ""
                if text:
                    yield text
            elif one.name != "meta":
                lines = list(self._all_lines(one))
                if number and lines:
                    lines[0] = f"{number} {lines[0]}"
                    number = ""
                yield from lines

    def _text(self, node: _Node | None) -> str:
        return " ".join("".join(self._pieces(node)).split()) if node else ""

    def _pieces(self, node: _Node) -> Iterator[str]:
        before = ""
        for one in node.children:
            if isinstance(one, str):
                before = one or before
                yield one
            elif kind := _LEFT_OUT.get(one.name):
                if text := " ".join("".join(self._pieces(one)).split()):
                    self.left_out.append(LeftOut(kind, text))
            elif one.name in ("noteRef", "meta"):
                continue
            else:
                text = "".join(self._pieces(one))
                if one.name == "sup" and text[:1].isdigit() and before[-1:].isalnum():
                    text = f"^{text}"
                elif one.name in ("br", "eol", "p", "td", "th"):
                    text = f" {text} "
                before = text or before
                yield text

    def _read_name(self, root: _Node) -> str:
        for name in ("docTitle", "shortTitle", "longTitle"):
            if title := self._text(next(root.all(name), None)):
                return title
        return next(
            (node.attributes["value"] for node in root.all("FRBRalias") if "value" in node.attributes), ""
        )


def _read_date(root: _Node) -> str:
    """The date of the version that the file holds, else that of the work."""
    for level in ("FRBRExpression", "FRBRWork"):
        for node in root.all(level):
            for date in node.all("FRBRdate"):
                if match := re.match(r"\d{4}-\d\d-\d\d", date.attributes.get("date", "")):
                    return match[0]
    return ""


def _read_number(label: str) -> str:
    """The number in a label or an identifier: "57" in "Article 57.", "72^1" in "72^1 straipsnis", "60E" in "§ 60E"."""
    match = re.search(r"\d{1,4}(?:\^\d{1,2}|[A-Z]{1,3}(?![a-z])|bis|ter|quater)?", label)
    return match[0] if match else ""


@dataclass(frozen=True, slots=True)
class _Row:
    depth: int  # 0 in the article itself, 1 in its paragraphs, 2 in their points
    mark: str  # as printed: "1.", "(a)"; "" inside a unit
    text: str
    is_point: bool = False


@dataclass(slots=True)
class _Open:
    """A paragraph being made."""

    number: str
    lines: list[str]
    points: list[tuple[str, list[str]]] = field(default_factory=list)


def _make_paragraphs(rows: Sequence[_Row]) -> tuple[Paragraph, ...]:
    made: list[_Open] = []
    shift = 0  # points that stand in the article itself count as a paragraph's
    for row in _join_marks(rows):
        number = row.mark.strip(" .()[]–—-")
        if row.mark and row.depth == 1:
            shift = int(row.is_point or not number[:1].isdigit())
        depth = row.depth + shift if row.depth else 0
        if number and depth == 1:
            made.append(_Open(number, [row.text] if row.text else []))
            continue
        if not made or (depth == 0 and not row.mark):
            made.append(_Open("", []))
        if number and depth == 2:
            mark = row.mark if row.mark.endswith(")") else f"{number})"
            made[-1].lines.append(f"{mark} {row.text}")
            made[-1].points.append((number, [row.text]))
        else:
            line = f"{row.mark} {row.text}".strip()
            made[-1].lines.append(line)
            if depth >= 2 and made[-1].points:
                made[-1].points[-1][1].append(line)
    return tuple(
        Paragraph(
            one.number,
            "\n".join(one.lines),
            tuple(Point(number, "\n".join(lines)) for number, lines in one.points),
        )
        for one in made
    )


def _join_marks(rows: Sequence[_Row]) -> list[_Row]:
    """The rows, each number on one row with the text that follows it."""
    joined: list[_Row] = []
    for row in rows:
        last = joined[-1] if joined else None
        if last and last.mark and not last.text and not row.mark and row.depth == last.depth:
            joined[-1] = replace(last, text=row.text)
        elif row.mark or row.text:
            joined.append(row)
    return joined
