import re
from collections.abc import Iterator

import pytest

from labourqa.answering.verification import check_statements, read_values, split_sentences
from labourqa.law.references import Reference
from labourqa.law.structure import Article, Code, Paragraph


def doubts(text: str, code: Code) -> list[str]:
    return [doubt for statement in check_statements(text, code.articles) for doubt in statement.doubts]


def cited_sentences(code: Code) -> Iterator[tuple[str, str]]:
    """Every sentence of the code without its last stop, and its place in brackets."""
    for article in code.articles:
        for paragraph in article.paragraphs:
            for sentence in split_sentences(paragraph.text):
                yield sentence.rstrip(".;:"), f"[{Reference(article.number, paragraph.number)}]"


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
    text = "Night work is paid more. [Art. 144(3)] See Art. 57(1). It is so.\n- First, this [Art. 2]\n2. That\n3."
    assert split_sentences(text) == [
        "Night work is paid more. [Art. 144(3)]",
        "See Art. 57(1).",
        "It is so.",
        "First, this [Art. 2]",
        "That",
    ]


def test_the_laws_own_sentences_raise_no_doubt(code: Code) -> None:
    doubted = [
        (sentence, found)
        for sentence, place in cited_sentences(code)
        if "Art" not in sentence and (found := doubts(f"{sentence} {place}.", code))
    ]
    assert doubted == []


@pytest.mark.parametrize(
    "text",
    [
        "For night work an employee gets at least 1.5 times the normal wage [Art. 144(3)].",
        "Night work must be paid at not less than one and a half times the wage. [Art. 144(3)]",
        "Annual leave is at least twenty working days if you work five days a week [Art. 126(2)].",
    ],
)
def test_a_true_paraphrase_raises_no_doubt(text: str, code: Code) -> None:
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
def test_what_the_law_does_not_say_is_doubted(text: str, doubt: str, code: Code) -> None:
    assert doubt in doubts(text, code)


def test_what_the_law_forbids_may_not_be_allowed(code: Code) -> None:
    """Every sentence of the code whose only denial is "prohibited" is doubted when it permits."""
    turned = 0
    for sentence, place in cited_sentences(code):
        text = re.sub(r"\bprohibited\b", "permitted", sentence)
        if text != sentence and not re.search(r"Art|\b(?:not?|nor|never)\b|cannot|n't", text):
            turned += 1
            assert doubts(f"{text} {place}.", code), text
    assert turned > 10


def test_a_yes_or_no_is_a_conclusion_that_code_cannot_check() -> None:
    article = Article(
        "5", "Night Work", (Paragraph("1", "No employer may order night work during pregnancy."),)
    )
    yes, no, law = check_statements(
        "Yes, night work is allowed during pregnancy [Art. 5(1)].\nNo.\n"
        "No employer may order night work during pregnancy [Art. 5(1)].",
        [article],
    )
    assert '"yes" is a conclusion that the program cannot check' in yes.doubts
    assert '"no" is a conclusion that the program cannot check' in no.doubts
    assert law.doubts == ()
