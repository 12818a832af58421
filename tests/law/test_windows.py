"""Long articles are cut into windows that lose nothing."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labourqa.law.structure import Article, Paragraph, Point
from labourqa.law.windows import split_windows


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def count_characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def test_a_short_article_is_its_own_only_window() -> None:
    article = Article("1", "Title", (Paragraph("1", "Short text."),))
    assert split_windows(article, 20, count_words) == (article,)


def test_windows_are_cut_between_paragraphs_and_overlap_by_one_that_is_short() -> None:
    paragraphs = [Paragraph(str(n), f"word{n} " * 19 + "end.") for n in range(1, 9)]
    windows = split_windows(Article("5", "Title", tuple(paragraphs)), 90, count_words)
    assert [[paragraph.number for paragraph in window.paragraphs] for window in windows] == [
        ["1", "2", "3", "4"],
        ["4", "5", "6", "7"],
        ["7", "8"],
    ]
    assert {(window.number, window.title) for window in windows} == {("5", "Title")}


@pytest.mark.parametrize(
    "text", ["word " * 4_000, "x" * 20_000, "A sentence is here. " * 1_000, "one line of text\n" * 1_200]
)
def test_a_paragraph_that_is_too_long_is_cut_as_well(text: str) -> None:
    article = Article("5", "Title", (Paragraph("1", text, (Point("1", "word"),)),))
    windows = split_windows(article, 400, lambda texts: [len(text) // 4 + 1 for text in texts])
    assert len(windows) > 10
    assert all(len(window.format()) // 4 + 1 <= 410 for window in windows)


@given(st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=12), st.integers(40, 400))
def test_nothing_is_lost(texts: list[str], max_tokens: int) -> None:
    article = Article("7", "T", tuple(Paragraph(str(n), text) for n, text in enumerate(texts)))
    windows = split_windows(article, max_tokens, count_characters)
    seen = "".join(paragraph.text for window in windows for paragraph in window.paragraphs)
    for text in texts:
        for word in text.split():
            # A word that is longer than a window is cut into halves.
            assert word in seen or len(word) > max_tokens // 2 - 10
