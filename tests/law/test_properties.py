"""Properties of the parser and of references that hold for any input, tried on generated ones."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labourqa.errors import NoArticlesError, UnknownArticleError
from labourqa.law.parser import parse_code
from labourqa.law.references import Reference, find_mentions, find_references, parse_reference
from labourqa.law.structure import Article, Code, Paragraph

ANY_TEXT = st.text(max_size=400)
# Pieces of which laws are made, so that generated texts reach the parser's inner branches.
PIECES = st.sampled_from(
    ["Article 1. ", "Article 2", "1 straipsnis. ", "Статья 3. ", "Section 5-8 (Deleted)", "60E. (1) ", "§ 5 ", "6. ",
     "PART I", "CHAPTER II. General", "(1) ", "1. ", "2^1. ", "a) ", "(a) ", "(i) ", "1) ", "\n", "\n\n", " ", "—", ".",
     "Title", "The employer pays the employee.", "APPROVED", "ANNEX", "[Footnote] 1. ", "¹", "-", "\xad", "\t"]
)  # fmt: skip
LAW_LIKE = st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join)
SECONDS = 5.0  # for 200,000 characters, on one slow core


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT | LAW_LIKE)
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
def test_no_repeated_text_takes_more_than_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    started = time.process_time()
    for opening in ("", "Article 1. Title\n"):
        with contextlib.suppress(NoArticlesError):
            parse_code(opening + text)
    find_references(text)
    find_mentions(text)
    assert time.process_time() - started < SECONDS


WORDS = st.sampled_from(
    ["The employer pays", "An employee rests", "Wages are due in full", "Leave is granted"]
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=3).map(lambda words: ". ".join(words) + ".")
TITLES = st.sampled_from(["Pay", "Annual leave", "Notice of termination", "Night work"])
PARAGRAPHS = st.lists(SENTENCES, min_size=1, max_size=4).map(
    lambda texts: (
        (Paragraph("", texts[0]),)
        if len(texts) == 1
        else tuple(Paragraph(str(number), text) for number, text in enumerate(texts, 1))
    )
)
CODES = st.lists(st.tuples(TITLES, PARAGRAPHS), min_size=1, max_size=30).map(
    lambda articles: tuple(Article(str(number), *article) for number, article in enumerate(articles, 1))
)


@settings(max_examples=200, deadline=None)
@given(CODES)
def test_a_printed_code_is_read_back(articles: tuple[Article, ...]) -> None:
    assert parse_code("\n\n".join(article.format() for article in articles)).articles == articles


NUMBERS = st.from_regex(r"[1-9]\d{0,2}(\^[1-9])?", fullmatch=True)
REFERENCES = st.builds(Reference, NUMBERS | st.from_regex(r"[1-9]\d{0,2}[A-Z]{1,2}", fullmatch=True)) | st.builds(
    Reference, NUMBERS, NUMBERS, st.just("") | NUMBERS | st.sampled_from("abcxyz")
)  # fmt: skip


@given(REFERENCES)
def test_a_reference_as_shown_is_read_back(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference
