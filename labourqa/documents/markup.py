"""XML and HTML from an untrusted file, read as a stream of events within bounds of size, depth and number.

No tree is built, so memory does not grow with the number of elements; entities and external files are never read.
"""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from labourqa.documents.limits import MAX_CHARACTERS, MAX_DEPTH, MAX_ELEMENTS
from labourqa.errors import DocumentError

if TYPE_CHECKING:
    from lxml import etree


class Handler(Protocol):
    """What is told of each element; a name in a namespace is written "{namespace}name"."""

    def start(self, name: str, attributes: Mapping[str, str], /) -> None: ...

    def end(self, name: str, /) -> None: ...

    def text(self, text: str, /) -> None: ...


class MarkupError(Exception):
    """The file is not well-formed XML."""


def read_xml_events(data: bytes, handler: Handler) -> None:
    """Tell the handler what is in an XML file; raises MarkupError, or DocumentError where it is a bomb."""
    from lxml import etree  # imported here: `--help` must be fast

    parser = etree.XMLParser(
        target=_Bounded(handler), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    _parse(data, parser)


def read_html_events(text: str, handler: Handler) -> None:
    """Tell the handler what is in an HTML page, in which tags may be missing or crossed."""
    from lxml import etree

    parser = etree.HTMLParser(
        target=_Bounded(handler, is_html=True), no_network=True, huge_tree=False, encoding="utf-8"
    )
    _parse(text.encode("utf-8", errors="replace"), parser)


def _parse(data: bytes, parser: "etree._FeedParser") -> None:
    from lxml import etree

    try:
        # Not parser.feed: piecemeal, libxml2 takes a time that grows with the square of a run of "&".
        etree.parse(io.BytesIO(data), parser)
    except etree.LxmlError as error:
        raise MarkupError(str(error)) from error


class _Bounded:
    """Passes lxml's events on and counts them."""

    def __init__(self, handler: Handler, *, is_html: bool = False) -> None:
        self.handler = handler
        self.is_html = is_html  # many a page forgets to close its elements, and may begin with a DOCTYPE
        self.depth = self.elements = self.characters = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH and not self.is_html:
            raise DocumentError(f"nests its elements more than {MAX_DEPTH} deep; save it as PDF.")
        if self.elements > MAX_ELEMENTS:
            raise DocumentError("has more elements than any law; give the law's text alone.")
        self.handler.start(name, attributes)

    def end(self, name: str) -> None:
        self.depth -= 1
        self.handler.end(name)

    def data(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > MAX_CHARACTERS:
            raise DocumentError("holds more text than any law; give the law's text alone.")
        self.handler.text(text)

    def doctype(self, *_identifiers: str | None) -> None:
        if not self.is_html:
            raise DocumentError("declares XML entities, which no law needs; save it as PDF.")

    def comment(self, _text: str) -> None:
        pass

    def pi(self, *_instruction: str | None) -> None:
        pass

    def close(self) -> None:
        pass
