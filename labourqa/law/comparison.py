"""Compares two editions of a code: articles added, removed, renumbered and changed, with the words that changed."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, get_args

from labourqa.law.edition import Edition
from labourqa.law.structure import Article

# Articles of different numbers whose words agree this much are the same article under another number.
SAME_ARTICLE = 0.8
_ALMOST_ALL = 0.9  # of the articles
_CONTEXT_WORDS = 12  # unchanged words shown on each side of a change

ChangeKind = Literal["added", "removed", "renumbered", "changed"]
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)


@dataclass(frozen=True)
class WordChange:
    """A run of words: unchanged (apart from spacing), removed (new is ""), added (old is "") or replaced."""

    old: str
    new: str

    @property
    def is_unchanged(self) -> bool:
        return self.old.split() == self.new.split()


@dataclass(frozen=True)
class ArticleChange:
    """How one article differs between two editions; `old` is None if it was added, `new` if it was removed."""

    kind: ChangeKind
    old: Article | None
    new: Article | None
    words: tuple[WordChange, ...]  # of title and text, in two or more lines; () if only the number changed

    @property
    def article(self) -> Article:
        """The article as it is now, or as it was if it was removed."""
        article = self.new or self.old
        assert article is not None
        return article

    @property
    def number(self) -> str:
        return self.article.number

    def to_json(self) -> dict[str, Any]:
        """One of the `changes` that `labourqa diff --json` prints."""
        return {
            "kind": self.kind,
            "number": self.number,
            "old_number": self.old.number if self.old else "",
            "title": self.article.title,
            "words": [asdict(words) for words in self.words],
        }


@dataclass(frozen=True)
class Comparison:
    """What changed from one edition to another."""

    old: Edition
    new: Edition
    changes: tuple[ArticleChange, ...]
    unchanged: int  # articles
    is_another_text: bool  # see the function of that name

    def to_json(self, *, with_words: bool = True) -> dict[str, Any]:
        """The document that `labourqa diff --json` prints; without words, only which articles changed."""
        changes = [change.to_json() for change in self.changes]
        if not with_words:
            changes = [{name: value for name, value in one.items() if name != "words"} for one in changes]
        return {
            "old": asdict(self.old),
            "new": asdict(self.new),
            "unchanged": self.unchanged,
            "changes": changes,
        }


def compare_articles(old: Sequence[Article], new: Sequence[Article]) -> list[ArticleChange]:
    """The changes from `old` to `new`: in the order of `new`, then the removed articles.

    A renumbered article may have changed words as well. Articles that did not change are left out.
    """
    origins = _find_origins(old, new)
    changes = []
    for article in new:
        before = origins.get(article.number)
        if before is None:
            changes.append(ArticleChange("added", None, article, compare_words("", _wording(article))))
            continue
        words = () if is_same_wording(before, article) else compare_words(_wording(before), _wording(article))
        if before.number != article.number:
            changes.append(ArticleChange("renumbered", before, article, words))
        elif words:
            changes.append(ArticleChange("changed", before, article, words))
    kept = {article.number for article in origins.values()}
    changes += [
        ArticleChange("removed", article, None, compare_words(_wording(article), ""))
        for article in old
        if article.number not in kept
    ]
    return changes


def count_unchanged(changes: Sequence[ArticleChange], new: Sequence[Article]) -> int:
    """How many articles of the edition `new` are as they were."""
    return len(new) - sum(change.kind != "removed" for change in changes)


def is_another_text(changes: Sequence[ArticleChange], new: Sequence[Article]) -> bool:
    """Whether almost every article of `new` differs: another translation, or another code."""
    return sum(change.kind == "changed" for change in changes) > _ALMOST_ALL * len(new)


def compare_words(old: str, new: str) -> tuple[WordChange, ...]:
    """The runs of words that both texts share or in which they differ; joined, they are the texts again."""
    old_words, new_words = (re.findall(r"\s*\S+", text) for text in (old, new))
    matcher = SequenceMatcher(
        a=[word.strip() for word in old_words], b=[word.strip() for word in new_words], autojunk=False
    )
    return tuple(
        WordChange("".join(old_words[i:j]), "".join(new_words[k:m]))
        for _, i, j, k, m in matcher.get_opcodes()
    )


def shorten_unchanged(words: str, *, is_first: bool, is_last: bool) -> str:
    """Of a run of unchanged words only those beside a change, and "…" for the others.

    The first line of an article's first run, with the title, stays.
    """
    pieces = re.findall(r"\s*\S+", words)
    before = pieces[:_CONTEXT_WORDS]
    after = pieces[-_CONTEXT_WORDS:]
    if is_first:
        title, line_end, _ = words.partition("\n")
        before = re.findall(r"\s*\S+", title) if line_end else []
    if is_last:
        after = []
    if len(before) + len(after) >= len(pieces):
        return words
    return "".join([*before, "\n…" if is_first and before else " …", *after])


def is_same_wording(old: Article, new: Article) -> bool:
    """Whether title and text are the same, apart from spacing."""
    return _wording(old).split() == _wording(new).split()


def _wording(article: Article) -> str:
    """The law's own title, if it has one, and the text."""
    title = article.title if article.title_is_own else ""
    return "\n".join(filter(None, [title, article.text]))


class _ComparedArticle:
    """An article with its words, which are compared with those of many others."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self.number = article.number
        self.words = _wording(article).split()
        self._counts = Counter(self.words)

    def similarity(self, other: "_ComparedArticle") -> float:
        """Twice the words in common, in order, over the words of both: 1 for the same wording.

        0 instead of values below SAME_ARTICLE.
        """
        if self.words == other.words:
            return 1.0
        # Upper bounds, since the ratio is slow: of 66,000 pairs of articles in two translations of one code, 2 remain.
        words = len(self.words) + len(other.words)
        if 2 * min(len(self.words), len(other.words)) < SAME_ARTICLE * words:
            return 0.0
        if 2 * (self._counts & other._counts).total() < SAME_ARTICLE * words:
            return 0.0
        ratio = SequenceMatcher(a=self.words, b=other.words, autojunk=False).ratio()
        return ratio if ratio >= SAME_ARTICLE else 0.0


def _find_origins(old: Sequence[Article], new: Sequence[Article]) -> dict[str, Article]:
    """The old article that each new one was, by the new number.

    An article keeps its number unless its text is found under another one: where an article is inserted and those
    after it move up by one, each is compared with itself and not with its neighbour.
    """
    old_by_number = {article.number: _ComparedArticle(article) for article in old}
    new_by_number = {article.number: _ComparedArticle(article) for article in new}
    origins: dict[str, str] = {  # old numbers by new ones
        number: number
        for number, article in new_by_number.items()
        if number in old_by_number and article.similarity(old_by_number[number]) >= SAME_ARTICLE
    }
    old_left = [article for number, article in old_by_number.items() if number not in origins]
    new_left = [article for number, article in new_by_number.items() if number not in origins]
    origins |= _match_renumbered(old_left, new_left)
    moved = set(origins.values())
    for article in old_left:  # rewritten under the same number
        if article.number in new_by_number and article.number not in moved:
            origins.setdefault(article.number, article.number)
    return {number: old_by_number[origin].article for number, origin in origins.items()}


def _match_renumbered(old: Sequence[_ComparedArticle], new: Sequence[_ComparedArticle]) -> dict[str, str]:
    """The old numbers of renumbered articles by their new ones; the most similar articles are matched first."""
    similar = [
        (similarity, article.number, before.number)
        for article in new
        for before in old
        # The texts of repealed articles are all alike: "Repealed."
        if not (article.article.repealed or before.article.repealed)
        and (similarity := article.similarity(before)) >= SAME_ARTICLE
    ]
    origins: dict[str, str] = {}
    taken: set[str] = set()
    for _, number, origin in sorted(similar, key=lambda one: -one[0]):
        if number not in origins and origin not in taken:
            origins[number] = origin
            taken.add(origin)
    return origins
