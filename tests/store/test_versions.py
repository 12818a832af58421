"""What an article said in the earlier editions of its code."""

from dataclasses import replace

from labourqa.law.edition import Edition
from labourqa.law.structure import Article, Paragraph
from labourqa.store import Store
from labourqa.store.versions import find_earlier_version
from tests.conftest import small_code

ARTICLE = small_code().articles[1]


def save(store: Store, date: str, article: Article = ARTICLE, *, name: str = "Code") -> Edition:
    code = replace(small_code(), name=name, date=date, articles=(article, small_code().articles[0]))
    return store.editions.save(code, source="x", sha256=f"{name} {date}")


def test_the_latest_version_with_another_wording_is_found(store: Store) -> None:
    other = replace(ARTICLE, paragraphs=(Paragraph("", "Night work is not allowed."),))
    save(store, "2010-01-01", replace(other, title="Work at Night"))
    changed = save(store, "2015-01-01", other)
    save(store, "2020-01-01")
    edition = save(store, "2025-01-01")
    save(store, "2030-01-01", other)  # later
    save(store, "2024-01-01", other, name="Another Code")
    earlier = find_earlier_version(store.editions, edition, ARTICLE)
    assert earlier is not None
    assert (earlier.edition, earlier.article) == (changed, other)
    assert str(earlier) == "Changed since 2015-01-01."


def test_an_article_that_an_earlier_edition_does_not_have_is_said_to_be_new(store: Store) -> None:
    before = save(store, "2020-01-01", replace(ARTICLE, number="7"))
    edition = save(store, "2025-01-01")
    earlier = find_earlier_version(store.editions, edition, ARTICLE)
    assert earlier is not None
    assert (earlier.edition, earlier.article) == (before, None)
    assert str(earlier) == "Not in the edition of 2020-01-01 under this number."


def test_editions_without_a_date_have_no_order(store: Store) -> None:
    other = replace(ARTICLE, paragraphs=(Paragraph("", "Night work is not allowed."),))
    undated = save(store, "", other)
    edition = save(store, "2025-01-01")
    assert find_earlier_version(store.editions, edition, ARTICLE) is None
    assert find_earlier_version(store.editions, undated, other) is None


def test_the_first_edition_has_no_earlier_version(store: Store) -> None:
    assert find_earlier_version(store.editions, save(store, "2025-01-01"), ARTICLE) is None
