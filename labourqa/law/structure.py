"""What a law consists of: articles, their paragraphs and points, under the headings of parts, chapters and sections."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from labourqa.errors import UnknownArticleError
from labourqa.law.references import show_number


@dataclass(frozen=True)
class Point:
    number: str  # as printed: "1", "2^1", "a"
    text: str  # without the number


@dataclass(frozen=True)
class Paragraph:
    number: str  # "1", "2^1"; "" where the article's text is not numbered
    text: str  # without the number; each point on a line of its own, as printed
    points: tuple[Point, ...] = ()

    @property
    def lead(self) -> str:
        """The text before the first point."""
        if not self.points:
            return self.text
        first = self.points[0].number
        return re.split(rf"^\(?{re.escape(first)}\) ", self.text, maxsplit=1, flags=re.MULTILINE)[0].rstrip()

    @property
    def tail(self) -> str:
        """The text after the last point."""
        if not self.points:
            return ""
        last_line = self.points[-1].text.rpartition("\n")[2]
        _, found, after = self.text.rpartition(last_line)
        return after.strip() if found else ""


@dataclass(frozen=True)
class Article:
    number: str  # "57", "72^1"
    title: str
    paragraphs: tuple[Paragraph, ...]
    part: str = ""  # headings on one line: "PART II. INDIVIDUAL EMPLOYMENT RELATIONS"
    chapter: str = ""
    section: str = ""
    repealed: bool = False  # the law says of this number only that it is deleted, repealed or omitted
    title_is_own: bool = True  # False where the law gives no title and this one is its chapter's

    @property
    def text(self) -> str:
        """The paragraphs with their numbers, without the title."""
        return format_paragraphs(self.paragraphs)

    def format(self) -> str:
        """Number, title and text, as models see them."""
        heading = f"Article {self.number}. {self.title}" if self.title else f"Article {self.number}."
        return f"{heading}\n{self.text}"

    def paragraph(self, number: str) -> Paragraph:
        for paragraph in self.paragraphs:
            if paragraph.number == number:
                return paragraph
        raise UnknownArticleError(
            f"Article {show_number(self.number)} has no paragraph {show_number(number)}."
        )


@dataclass(frozen=True)
class Code:
    name: str  # the title as printed; capitals become title case
    date: str  # ISO date of the version, "" where the text states none
    articles: tuple[Article, ...]
    preliminary: tuple[Article, ...] = ()  # articles of an approval law printed before the code
    annex: str = ""


def format_paragraphs(paragraphs: Sequence[Paragraph]) -> str:
    return "\n".join(f"{one.number}. {one.text}" if one.number else one.text for one in paragraphs)
