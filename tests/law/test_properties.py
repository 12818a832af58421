"""Properties of the parser and of references that hold for any input, tried on generated ones."""

import contextlib
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from labourqa.errors import NoArticlesError, UnknownArticleError
from labourqa.law.parser import parse_code
from labourqa.law.references import Reference, find_mentions, find_references, parse_reference
from labourqa.law.structure import Code

ANY_TEXT = st.text(max_size=400)
# Pieces of which laws are made, so that generated texts reach the parser's inner branches.
PIECES = st.sampled_from(
    ["Article 1. ", "Article 2", "1 straipsnis. ", "Статья 3. ", "Section 5-8 (Deleted)", "60E. (1) ", "§ 5 ", "6. ",
     "PART I", "CHAPTER II. General", "(1) ", "1. ", "2^1. ", "a) ", "(a) ", "(i) ", "1) ", "\n", "\n\n", " ", "—", ".",
     "Title", "The employer pays the employee.", "APPROVED", "ANNEX", "[Footnote] 1. ", "¹", "-", "\xad", "\t"]
)  # fmt: skip
LAW_LIKE = st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT | LAW_LIKE)
@example("Article 2\nArticle 2\nb\nArticle 1\nARTICLE 0\nContents\na\n\n")  # a title after an empty line
def test_any_text_gives_a_code_or_one_sentence(text: str) -> None:
    with contextlib.suppress(NoArticlesError):
        assert isinstance(parse_code(text), Code)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT | LAW_LIKE)
def test_any_text_gives_references_or_one_sentence(text: str) -> None:
    find_references(text)
    find_mentions(text)
    with contextlib.suppress(UnknownArticleError):
        assert isinstance(parse_reference(text), Reference)


@pytest.mark.parametrize("piece", [
    "Article 1. ", "Article 1\n", "Article 1\n\n", "1. ", "1.\n", "1. Title\n", "(1) ", "(1)\n", "(a) x\n", "a) ",
    "§ 1 ", "Art. 1(1)(1), ", "Article 1 to ", "Articles 1, 2, ", "paragraph 1 of ", "points 1, 2 and ",
    "DK 1 str. ", "sections 1-", "72^", "¹", "a-\n", "x ", " \n", "\t", "A", "(", "([", "PART I. ", "PART I\n",
    "TAR pastaba. ", "Papildyta a ", "(в ред. ", "—(1) ", "[Footnote] 1. ", "... 5\n", "1",
    "Deleted by Act A1\n", "SCHEDULE\n", "\xad\n",
])  # fmt: skip
@pytest.mark.slow
def test_four_times_the_text_takes_about_four_times_as_long(piece: str) -> None:
    def measure(characters: int) -> float:
        text = piece * (characters // len(piece))
        started = time.process_time()
        for opening in ("", "Article 1. Title\n"):
            with contextlib.suppress(NoArticlesError):
                parse_code(opening + text)
        find_references(text)
        find_mentions(text)
        return time.process_time() - started

    # Sixteen times as long where the time grew with the square of the length; half a second is noise.
    assert measure(200_000) < 10 * measure(50_000) + 0.5


@dataclass(frozen=True)
class Printed:
    """An article as a law prints it."""

    number: str
    title: str
    texts: tuple[str, ...]  # of its paragraphs, which are numbered if there are several


SENTENCES = st.lists(
    st.sampled_from(
        ["The employer pays the wages of every employee on the day that the contract lays down",
         "An employee rests for eleven hours in a row between two working days",
         "Wages are due in full", "Leave is granted on application, unless the work does not allow it",
         "Whoever employs more than fifty employees keeps a register of them"]
    ),
    min_size=1, max_size=3,
).map(lambda sentences: ". ".join(sentences) + ".")  # fmt: skip
TITLES = st.sampled_from(
    ["Pay", "Annual leave", "Notice of termination", "Night work and work on public holidays", "Trade unions",
     "Transfer of an undertaking to another employer in the course of its restructuring"]
)  # fmt: skip
TEXTS = st.lists(SENTENCES, min_size=1, max_size=4).map(tuple)


@st.composite
def laws(draw: st.DrawFn) -> list[Printed]:
    """Articles 1, 2, 3, ... with some inserted ones, such as 2A."""
    numbers = [
        f"{base}{suffix}"
        for base in range(1, draw(st.integers(6, 20)) + 1)
        for suffix in ["", *"AB"[: draw(st.sampled_from([0, 0, 0, 1, 2]))]]
    ]
    return [Printed(number, draw(TITLES), draw(TEXTS)) for number in numbers]


def numbered(texts: Sequence[str], label: str) -> list[str]:
    return [f"{label.format(n)} {text}" for n, text in enumerate(texts, 1)] if len(texts) > 1 else list(texts)


def title_on_line(one: Printed) -> str:
    return "\n".join([f"Article {one.number}. {one.title}", *numbered(one.texts, "{}.")])


def title_below(one: Printed) -> str:
    return "\n".join([f"Article {one.number}", one.title, "", *numbered(one.texts, "{}.")])


def title_above(one: Printed) -> str:
    return f"{one.title}\n\n{one.number}. " + "\n\n".join(numbered(one.texts, "({})"))


def title_before_dash(one: Printed) -> str:
    return f"{one.number}. {one.title}.—" + "\n".join(numbered(one.texts, "({})"))


def title_before_hyphen(one: Printed) -> str:
    return f"ART. {one.number}. {one.title}. - " + "\n".join(numbered(one.texts, "({})"))


def title_in_parentheses(one: Printed) -> str:
    return "\n".join([f"Article {one.number} ({one.title})", *numbered(one.texts, "({})")])


def section_sign(one: Printed) -> str:
    return "\n".join([f"§ {one.number}. {one.title}", *numbered(one.texts, "({})")])


def section_dash(one: Printed) -> str:
    return "\n".join([f"Section {one.number}—{one.title}.", *numbered(one.texts, "({})")])


def number_and_title(one: Printed) -> str:
    return "\n".join([f"{one.number}. {one.title}", *numbered(one.texts, "({})")])


def heading_alone(one: Printed) -> str:
    return "\n".join([f"Article {one.number}", *numbered(one.texts, "{}.")])


def text_on_line(one: Printed) -> str:
    return f"Article {one.number}. " + "\n".join(numbered(one.texts, "({})"))


TITLED = [title_on_line, title_below, title_above, title_before_dash, title_before_hyphen, title_in_parentheses,
          section_sign, section_dash, number_and_title]  # fmt: skip
UNTITLED = [heading_alone, text_on_line]


@pytest.mark.parametrize("wrapped", [False, True], ids=["unwrapped", "wrapped"])
@pytest.mark.parametrize("layout", [*TITLED, *UNTITLED], ids=lambda layout: layout.__name__)
# Without shrinking, which takes minutes on laws of this size.
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(law=laws())
@pytest.mark.slow
def test_a_law_is_read_back_from_each_layout(
    layout: Callable[[Printed], str], wrapped: bool, law: list[Printed]
) -> None:
    text = "\n\n".join(map(layout, law))
    if wrapped:
        text = "\n".join(textwrap.fill(line, 75) for line in text.split("\n"))
    articles = parse_code(text).articles
    assert [one.number for one in articles] == [one.number for one in law]
    assert [[paragraph.text for paragraph in one.paragraphs] for one in articles] == [
        list(one.texts) for one in law
    ]
    assert [one.title if one.title_is_own else "" for one in articles] == [
        one.title if layout in TITLED else "" for one in law
    ]


NUMBERS = st.from_regex(r"[1-9]\d{0,2}(\^[1-9])?", fullmatch=True)
REFERENCES = st.builds(Reference, NUMBERS | st.from_regex(r"[1-9]\d{0,2}[A-Z]{1,2}", fullmatch=True)) | st.builds(
    Reference, NUMBERS, NUMBERS, st.just("") | NUMBERS | st.sampled_from("abcxyz")
)  # fmt: skip


@given(REFERENCES)
def test_a_reference_as_shown_is_read_back(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference
