"""The texts of articles that the sentence encoder embeds."""

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labourqa.engine.startup import Models
from labourqa.law.structure import Article, Code, Paragraph, Point
from labourqa.models.encoder import MAX_TOKENS
from labourqa.models.texts import WINDOW_WORDS, split_words, trained_texts, window_texts
from tests.conftest import small_code

LEAVE = small_code().articles[0]


def test_trained_texts_are_paragraphs_and_points_after_the_article_s_title() -> None:
    assert trained_texts(LEAVE) == [
        "Kinds of Leave. Leave is annual or special.",
        "Kinds of Leave. Special leave is granted for:\n1) a wedding;\n2) study under Article 2^1(1).",
        "Kinds of Leave. Special leave is granted for: a wedding;",
        "Kinds of Leave. Special leave is granted for: study under Article 2^1(1).",
    ]


def test_windows_begin_with_the_heading_of_the_chapter_and_the_article_s_title() -> None:
    assert window_texts(dataclasses.replace(LEAVE, title="Kinds of Rest")) == [
        [["Leave. Kinds of Rest. Leave is annual or special."]],
        [
            [
                "Leave. Kinds of Rest. Special leave is granted for:\n1) a wedding;\n2) study under Article 2^1(1)."
            ],
            ["Leave. Kinds of Rest. Special leave is granted for: a wedding;"],
            ["Leave. Kinds of Rest. Special leave is granted for: study under Article 2^1(1)."],
        ],
    ]


@pytest.mark.parametrize("part", ["", "PART IV. NIGHT WORK"])
def test_without_a_heading_of_its_own_a_window_begins_with_the_title(part: str) -> None:
    article = Article("2", "Night work", (Paragraph("", "It is paid."),), part=part)
    assert window_texts(article) == [[["Night work. It is paid."]]]


def test_a_point_stands_without_the_lead_where_both_are_too_long() -> None:
    lead = "word " * WINDOW_WORDS + "namely:"
    paragraph = Paragraph("1", f"{lead}\n1) a wedding.", (Point("1", "a wedding."),))
    [[whole, point]] = window_texts(Article("1", "Leave", (paragraph,)))
    assert len(whole) == 2
    assert point == ["Leave. a wedding."]


def test_a_short_text_is_one_window_as_it_stands() -> None:
    assert split_words("Leave is\nannual.  Or special.") == ["Leave is\nannual.  Or special."]


def test_windows_are_cut_at_sentences_and_overlap() -> None:
    sentences = [f"Rule {n} says that {'more ' * 20}follows." for n in range(12)]
    windows = split_words(" ".join(sentences))
    assert len(windows) > 2
    assert all(window.startswith("Rule") and window.endswith("follows.") for window in windows)
    assert all(after.split()[:2] in [before.split()[i : i + 2] for i in range(0, 120, 25)]
               for before, after in pairwise(windows))  # fmt: skip


@given(st.lists(st.sampled_from(["word", "longer", "end.", "item;", "line\n"]), max_size=800))
def test_no_word_is_lost_and_no_window_is_too_long(words: list[str]) -> None:
    text = " ".join(words)
    windows = [window.split() for window in split_words(text)]
    assert all(len(window) <= WINDOW_WORDS for window in windows)
    kept: list[str] = []
    for window in windows:
        overlap = next(n for n in range(len(window), -1, -1) if kept[len(kept) - n :] == window[:n])
        kept += window[overlap:]
    assert len(kept) <= len(text.split())
    assert windows[-1] == text.split()[len(text.split()) - len(windows[-1]) :]


@pytest.mark.model
def test_the_encoder_reads_windows_whole(code: Code, models: Models) -> None:
    windows = [window for article in code.articles for p in window_texts(article) for t in p for window in t]
    lengths = models.encoder.count_tokens(windows)
    assert max(lengths) <= MAX_TOKENS
