"""The versions of a code: what an article said in its earlier editions."""

from dataclasses import dataclass

from labourqa.errors import UnknownArticleError
from labourqa.law.comparison import is_same_wording
from labourqa.law.edition import Edition
from labourqa.law.structure import Article
from labourqa.store.editions import Editions


@dataclass(frozen=True)
class EarlierVersion:
    """An article as an earlier edition of the same code has it."""

    edition: Edition
    article: Article | None  # None if that edition has no article of this number

    def __str__(self) -> str:
        if self.article is None:
            return f"Not in the edition of {self.edition.date} under this number."
        return f"Changed since {self.edition.date}."


def find_earlier_version(editions: Editions, edition: Edition, article: Article) -> EarlierVersion | None:
    """The latest earlier version with another wording, or without the article; None if there is none.

    Editions are in the order of their dates; those without a date are left out.
    """
    of_code = editions.codes().get(edition.code, [])
    for earlier in of_code:  # the newest first
        if not earlier.date or earlier.date >= edition.date:
            continue
        try:
            before = editions.article(earlier, article.number)
        except UnknownArticleError:
            return EarlierVersion(earlier, None)
        if not is_same_wording(before, article):
            return EarlierVersion(earlier, before)
    return None
