import math

import pytest

from labourqa.answering.selection import (
    MARGINS,
    OUT_OF_SCOPE_LOG_PROBABILITY,
    SMALL_MODEL_TOP,
    WEIGHTS,
    select_above,
    select_articles,
)
from labourqa.methods import ScoringMode
from labourqa.models.relevance import Relevance

RELEVANT = Relevance({"1": -0.7, "2": -0.9, "3": -0.5, "4": -6.0}, out_of_scope=-9.0, paragraphs={})


def test_an_article_is_selected_from_the_threshold_on_best_first() -> None:
    selection = select_articles({"1": 0.0, "2": 3.0, "3": -0.1, "4": -5.0}, RELEVANT, scoring="yes_no")
    assert selection.selected == ("2", "1")
    assert selection.threshold == 0
    assert selection.read == 4


def test_an_article_that_was_not_read_is_never_selected_and_ranks_behind_all_that_were() -> None:
    selection = select_articles({"1": 2.0, "2": 1.5}, RELEVANT, scoring="yes_no")
    assert selection.selected == ("1", "2")
    assert selection.read == 2
    assert min(selection.scores["1"], selection.scores["2"]) > selection.scores["3"] > selection.scores["4"]


def test_an_unreadable_reply_keeps_the_article() -> None:
    selection = select_articles({"1": 0.5, "2": 0.0, "3": 1.0, "4": 0.0}, RELEVANT, scoring="generated")
    assert selection.selected == ("3", "1")


def test_top_limits_the_selection() -> None:
    scores = {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0}
    assert select_articles(scores, RELEVANT, scoring="yes_no", top=2).selected == ("4", "3")


def test_a_given_threshold_replaces_the_default() -> None:
    scores = {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0}
    selection = select_articles(scores, RELEVANT, scoring="yes_no", threshold=3.5)
    assert (selection.selected, selection.threshold) == (("4",), 3.5)


@pytest.mark.parametrize("scoring", ["query_likelihood", "probe"])
def test_a_small_models_score_is_added_to_the_trained_relevance(scoring: ScoringMode) -> None:
    weight = WEIGHTS[scoring]
    scores = {"1": -3.0, "2": -3.0 + 1 / weight, "3": -5.0, "4": -3.0}
    selection = select_articles(scores, RELEVANT, scoring=scoring)
    assert selection.scores["1"] == pytest.approx(-0.7 - 3 * weight)
    assert selection.selected[:2] == ("2", "1")


@pytest.mark.parametrize("scoring", ["query_likelihood", "probe"])
def test_with_a_small_model_the_articles_near_the_best_are_selected_few_or_many(scoring: ScoringMode) -> None:
    step = MARGINS[scoring] / 4
    relevance = Relevance({str(n): -step * n for n in range(20)}, out_of_scope=-9.0, paragraphs={})
    narrow = select_articles(dict.fromkeys(relevance.articles, 0.0), relevance, scoring=scoring)
    assert narrow.selected == ("0", "1", "2", "3", "4")
    relevance = Relevance({str(n): -step * n / 9 for n in range(20)}, out_of_scope=-9.0, paragraphs={})
    broad = select_articles(dict.fromkeys(relevance.articles, 0.0), relevance, scoring=scoring)
    assert len(broad.selected) == SMALL_MODEL_TOP


@pytest.mark.parametrize("scoring", ["query_likelihood", "probe", "yes_no", "generated"])
def test_outside_the_code_nothing_is_selected_but_what_is_named_or_asked_for(
    scoring: ScoringMode,
) -> None:
    scores = {"1": 2.0, "2": 1.5}
    outside = Relevance(RELEVANT.articles, out_of_scope=OUT_OF_SCOPE_LOG_PROBABILITY + 0.1, paragraphs={})
    assert select_articles(scores, outside, scoring=scoring).selected == ()
    assert select_articles(scores, outside, scoring=scoring, named=["4"]).selected == ("4",)
    chosen = select_articles(scores, outside, scoring=scoring, threshold=-math.inf)
    assert chosen.selected == ("1", "2")


def test_what_another_threshold_would_have_selected() -> None:
    scores = {"1": 0.0, "2": 3.0, "3": -0.1}
    assert select_above(0.0, scores) == ["2", "1"]
    assert select_above(-9.0, scores, top=2) == ["2", "1"]
    assert select_above(9.0, scores) == []
