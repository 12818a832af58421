"""What is read from a document, whatever its format: the text, where it is printed, and what is not in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from labourqa.law.places import Box
from labourqa.law.structure import Code


@dataclass(frozen=True)
class LeftOut:
    """A line that is printed in the document but is no part of the law's running text."""

    kind: str  # "running header", "running footer", "page number", "footnote", "deleted text", ...
    text: str
    page: int = 0  # from 1; 0 where the format has no pages


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a reader found in a file."""

    format: str  # "PDF", "Word", "HTML", "Akoma Ntoso", "Markdown", "plain text"
    text: str  # NFC, "\n" line ends, no form feeds or page numbers; lines stay as printed
    pages: tuple[
        int, ...
    ] = ()  # for each line of the text, the page it stands on, from 1; () where none are known
    boxes: tuple[Box | None, ...] = ()  # where each line of the text stands on its page; () where unknown
    page_count: int = 0
    pages_without_text: tuple[int, ...] = ()  # from 1; each holds at most a picture
    left_out: tuple[LeftOut, ...] = ()
    undecoded_characters: int = (
        0  # characters of a PDF whose font does not say what they are: U+FFFD in the text
    )
    encoding: str = ""  # of the file's characters, where the format does not fix it: "utf-8", "cp1257"
    encoding_is_certain: bool = True  # False where the encoding was guessed from the letters
    code: Code | None = (
        None  # where the format states the law's structure, it need not be parsed from the text
    )

    @property
    def lines(self) -> Sequence[str]:
        """The text's lines, as `pages` counts them."""
        return self.text.split("\n")
