"""Two editions of a code, compared."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from labourqa.law.comparison import compare_articles, compare_words
from labourqa.law.structure import Article, Paragraph


def article(number: str, text: str, title: str = "Title") -> Article:
    return Article(number, title, (Paragraph("1", text),))


LEAVE = article("1", "Annual leave lasts twenty working days for every employee of the company.")
NIGHT = article("2", "Night work is paid at one and a half times the pay of the employee.")


def test_equal_editions_have_no_changes() -> None:
    assert compare_articles([LEAVE, NIGHT], [LEAVE, NIGHT]) == []


def test_added_and_removed_articles_are_named() -> None:
    changes = compare_articles([LEAVE], [NIGHT])
    assert [(change.kind, change.number) for change in changes] == [("added", "2"), ("removed", "1")]


def test_the_changed_words_of_an_article_are_shown_among_the_unchanged() -> None:
    longer = article("1", "Annual leave lasts twenty-five working days for every employee of the company.")
    (change,) = compare_articles([LEAVE], [longer])
    assert change.kind == "changed"
    differing = [(words.old.strip(), words.new.strip()) for words in change.words if not words.is_unchanged]
    assert differing == [("twenty", "twenty-five")]


def test_a_renumbered_article_is_recognised_by_its_words() -> None:
    moved = replace(NIGHT, number="2^1")
    (change,) = compare_articles([LEAVE, NIGHT], [LEAVE, moved])
    assert change.kind == "renumbered"
    assert change.old == NIGHT
    assert change.new == moved
    assert change.words == ()


def test_spacing_alone_is_no_change() -> None:
    assert compare_articles([LEAVE], [article("1", LEAVE.paragraphs[0].text.replace(" ", "  "))]) == []


@given(st.text(), st.text())
def test_the_runs_of_words_joined_are_the_texts_again(old: str, new: str) -> None:
    changes = compare_words(old, new)
    assert "".join(change.old for change in changes) == old.rstrip()
    assert "".join(change.new for change in changes) == new.rstrip()
