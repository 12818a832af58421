"""Compares two editions of a code: articles added, removed, renumbered and changed, with the words that changed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from labourqa.law.structure import Article

# An added article whose words agree this much with those of a removed one is the same article with another number.
SAME_ARTICLE = 0.8

ChangeKind = Literal["added", "removed", "renumbered", "changed"]


@dataclass(frozen=True)
class WordChange:
    """A run of words: unchanged (old equals new), removed (new is ""), added (old is "") or replaced."""

    old: str
    new: str

    @property
    def is_unchanged(self) -> bool:
        return self.old == self.new


@dataclass(frozen=True)
class ArticleChange:
    """What became of one article; `old` and `new` are None where it was added or removed."""

    kind: ChangeKind
    old: Article | None
    new: Article | None
    words: tuple[WordChange, ...]  # of title and text; () unless the wording changed

    @property
    def number(self) -> str:
        """The new number, or that of an article that was removed."""
        article = self.new or self.old
        assert article is not None
        return article.number


def compare_articles(old: Sequence[Article], new: Sequence[Article]) -> list[ArticleChange]:
    """The changes from `old` to `new`: in the order of `new`, then the removed articles.

    A renumbered article may have changed words as well. Articles that did not change are left out.
    """
    old_by_number = {article.number: article for article in old}
    added = [article for article in new if article.number not in old_by_number]
    new_numbers = {article.number for article in new}
    removed = [article for article in old if article.number not in new_numbers]
    origins = _match_renumbered(removed, added)
    changes = []
    for article in new:
        before = old_by_number.get(article.number) or origins.get(article.number)
        if before is None:
            changes.append(ArticleChange("added", None, article, ()))
        elif before.number != article.number:
            changes.append(ArticleChange("renumbered", before, article, _changed_words(before, article)))
        elif words := _changed_words(before, article):
            changes.append(ArticleChange("changed", before, article, words))
    renumbered = {article.number for article in origins.values()}
    changes += [
        ArticleChange("removed", article, None, ()) for article in removed if article.number not in renumbered
    ]
    return changes


def compare_words(old: str, new: str) -> tuple[WordChange, ...]:
    """The runs of words that both texts share or in which they differ; joined, they are the texts again."""
    old_words, new_words = (re.findall(r"\s*\S+", text) for text in (old, new))
    matcher = SequenceMatcher(a=old_words, b=new_words, autojunk=False)
    return tuple(
        WordChange("".join(old_words[i:j]), "".join(new_words[k:m]))
        for _, i, j, k, m in matcher.get_opcodes()
    )


def _changed_words(old: Article, new: Article) -> tuple[WordChange, ...]:
    """() if title and text are the same, apart from spacing."""
    words = compare_words(f"{old.title}\n{old.text}", f"{new.title}\n{new.text}")
    return () if all(word.old.split() == word.new.split() for word in words) else words


def _match_renumbered(removed: Sequence[Article], added: Sequence[Article]) -> dict[str, Article]:
    """For the numbers of added articles, the removed article that each one was, if any; the most similar first."""
    similar = []
    for new in added:
        new_words = new.text.split()
        for old in removed:
            matcher = SequenceMatcher(a=old.text.split(), b=new_words, autojunk=False)
            if matcher.real_quick_ratio() >= SAME_ARTICLE and matcher.quick_ratio() >= SAME_ARTICLE:
                ratio = matcher.ratio()
                if ratio >= SAME_ARTICLE:
                    similar.append((ratio, new.number, old))
    origins: dict[str, Article] = {}
    taken: set[str] = set()
    for _, number, old in sorted(similar, key=lambda one: -one[0]):
        if number not in origins and old.number not in taken:
            origins[number] = old
            taken.add(old.number)
    return origins
