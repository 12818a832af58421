import re

import pytest

from labourqa.articles import Article, split_articles
from labourqa.config import DEFAULT_EDITION
from labourqa.document import read_document
from labourqa.verification import check_statements, read_values, split_sentences


@pytest.fixture(scope="module")
def code() -> tuple[Article, ...]:
    return split_articles(read_document(DEFAULT_EDITION).text).articles


def doubts(text: str, code: tuple[Article, ...]) -> list[str]:
    return [doubt for statement in check_statements(text, code) for doubt in statement.doubts]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("at least one and a half times", {1.5}),
        ("1.5 times, or twice", {1.5, 2}),
        ("twenty-eight days and 28 days", {28}),
        ("the twenty-first day, the fourteenth week", {21, 14}),
        ("two hundred and 1,500 euros, 20 %", {200, 1500, 20}),
        ("one of them, on the 5th", {5}),
        ("first of all, no numbers", set()),
    ],
)
def test_numbers_are_read_in_digits_and_words(text: str, values: set[float]) -> None:
    assert read_values(text) == values


def test_sentences_keep_the_references_that_stand_behind_them() -> None:
    text = "Night work is paid more. [Art. 144(3)] See Art. 57(1). It is so.\n- First, this [Art. 2]\n- That"
    assert split_sentences(text) == [
        "Night work is paid more. [Art. 144(3)]",
        "See Art. 57(1).",
        "It is so.",
        "First, this [Art. 2]",
        "That",
    ]


def test_the_laws_own_sentences_raise_no_doubt(code: tuple[Article, ...]) -> None:
    doubted = []
    for article in code:
        for paragraph in article.paragraphs:
            place = (
                f"[Art. {article.number}({paragraph.number})]"
                if paragraph.number
                else f"[Art. {article.number}]"
            )
            for sentence in split_sentences(paragraph.text):
                text = sentence.rstrip(".;:") + f" {place}."
                if "Art" not in sentence and doubts(text, code):
                    doubted.append((text, doubts(text, code)))
    assert doubted == []


@pytest.mark.parametrize(
    "text",
    [
        "For night work an employee gets at least 1.5 times the normal wage [Art. 144(3)].",
        "Night work must be paid at not less than one and a half times the wage. [Art. 144(3)]",
        "Annual leave is at least twenty working days if you work five days a week [Art. 126(2)].",
    ],
)
def test_a_true_paraphrase_raises_no_doubt(text: str, code: tuple[Article, ...]) -> None:
    assert doubts(text, code) == []


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (
            "Night work is prohibited [Art. 144(3)].",
            "it denies or forbids something, and Art. 144(3) does not",
        ),
        (
            "Night work is paid at least 2.5 times the wage [Art. 144(3)].",
            "Art. 144(3) does not have the number 2.5",
        ),
        ("You get thirty days of annual leave [Art. 126(2)].", "Art. 126(2) does not have the number 30"),
        ("Night work is paid more.", "it cites nothing"),
        ("Night work is paid more [Art. 999].", "Art. 999 is not among the sources"),
        (
            "The court hears appeals against fines of the tax office [Art. 144(3)].",
            "Art. 144(3) is about something else",
        ),
    ],
)
def test_what_the_law_does_not_say_is_doubted(text: str, doubt: str, code: tuple[Article, ...]) -> None:
    assert doubt in doubts(text, code)


def test_what_the_law_forbids_may_not_be_allowed(code: tuple[Article, ...]) -> None:
    """Every sentence of the code whose only denial is "prohibited" is doubted when it permits."""
    turned = 0
    for article in code:
        for paragraph in article.paragraphs:
            for sentence in split_sentences(paragraph.text):
                text = re.sub(r"\bprohibited\b", "permitted", sentence).rstrip(".;:")
                if text != sentence.rstrip(".;:") and not re.search(
                    r"Art|\b(?:not?|nor|never)\b|cannot|n't", text
                ):
                    place = f"{article.number}({paragraph.number})" if paragraph.number else article.number
                    turned += 1
                    assert doubts(f"{text} [Art. {place}].", code), text
    assert turned > 10
