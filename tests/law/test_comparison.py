"""Two editions of a code, compared."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from labourqa.law.comparison import compare_articles, compare_words
from labourqa.law.structure import Article, Code, Paragraph
from tests.strategies import codes


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


REST = article("3", "Weekly rest lasts at least thirty-five hours without a break for everybody.")
STRIKES = article("4", "A strike is called by a trade union after a vote of all of its members.")


def test_an_inserted_article_moves_the_others_and_each_is_compared_with_itself() -> None:
    inserted = article("2", "Overtime is paid at twice the pay, and lasts four hours in a week at most.")
    moved = [replace(NIGHT, number="3"), replace(REST, number="4"), replace(STRIKES, number="5")]
    changes = compare_articles([LEAVE, NIGHT, REST, STRIKES], [LEAVE, inserted, *moved])
    assert [(change.kind, change.old and change.old.number, change.number) for change in changes] == [
        ("added", None, "2"),
        ("renumbered", "2", "3"),
        ("renumbered", "3", "4"),
        ("renumbered", "4", "5"),
    ]
    assert [change.words for change in changes[1:]] == [(), (), ()]


def test_a_renumbered_article_with_other_words_shows_them() -> None:
    moved = article("9", NIGHT.paragraphs[0].text.replace("half", "quarter"))
    (change,) = compare_articles([NIGHT], [moved])
    assert change.kind == "renumbered"
    assert [words.new for words in change.words if not words.is_unchanged] == [" quarter"]


def test_an_article_that_is_written_anew_under_its_number_is_changed() -> None:
    (change,) = compare_articles([NIGHT], [replace(STRIKES, number="2")])
    assert (change.kind, change.number) == ("changed", "2")


def test_repealed_articles_are_not_taken_for_one_another() -> None:
    repealed = replace(article("6", "Repealed by the Act of 2020.", title=""), repealed=True)
    changes = compare_articles([repealed, LEAVE], [replace(repealed, number="7"), LEAVE])
    assert [(change.kind, change.number) for change in changes] == [("added", "7"), ("removed", "6")]


def test_the_title_of_the_chapter_is_no_part_of_an_article() -> None:
    old, new = (replace(LEAVE, title=title, title_is_own=False) for title in ("Leave", "Leave and rest"))
    assert compare_articles([old], [new]) == []
    (change,) = compare_articles([old], [replace(LEAVE, title="Leave and rest")])
    assert [words.new for words in change.words if not words.is_unchanged] == ["Leave and rest"]


def test_other_line_breaks_are_no_changes_of_words() -> None:
    words = compare_words("Leave lasts twenty days.", "Leave\nlasts thirty\ndays.")
    differing = [run for run in words if not run.is_unchanged]
    assert [(run.old.strip(), run.new.strip()) for run in differing] == [("twenty", "thirty")]


@given(codes(), codes())
def test_the_changes_turn_the_old_numbers_into_the_new_ones(old: Code, new: Code) -> None:
    changes = compare_articles(old.articles, new.articles)
    numbers = {article.number for article in old.articles}
    numbers -= {change.old.number for change in changes if change.old}
    numbers |= {change.new.number for change in changes if change.new}
    assert numbers == {article.number for article in new.articles}
    by_number = {article.number: article for article in new.articles}
    for change in changes:
        if change.new:
            assert change.new == by_number[change.number]
        if change.new and change.words:
            title = change.new.title if change.new.title_is_own else ""
            joined = "".join(run.new for run in change.words)
            assert joined.split() == f"{title}\n{change.new.text}".split()


@given(st.text(), st.text())
def test_the_runs_of_words_joined_are_the_texts_again(old: str, new: str) -> None:
    changes = compare_words(old, new)
    assert "".join(change.old for change in changes) == old.rstrip()
    assert "".join(change.new for change in changes) == new.rstrip()
