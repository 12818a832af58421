import pytest

from labourqa.selection import fuse_scores, select_articles

SIMILAR = {"1": 0.5, "2": 0.4, "3": 0.6, "4": 0.1}


def test_an_article_is_selected_from_the_threshold_on_best_first() -> None:
    selection = select_articles({"1": 0.0, "2": 3.0, "3": -0.1, "4": -5.0}, SIMILAR, evidence="yes-no")
    assert selection.selected == ("2", "1")
    assert selection.threshold == 0
    assert selection.read == 4


def test_an_article_that_was_not_read_is_never_selected_and_ranks_behind_all_that_were() -> None:
    selection = select_articles({"1": 2.0, "2": 1.5}, SIMILAR, evidence="yes-no")
    assert selection.selected == ("1", "2")
    assert selection.read == 2
    assert min(selection.scores["1"], selection.scores["2"]) > selection.scores["3"] > selection.scores["4"]


def test_an_unreadable_word_keeps_the_article() -> None:
    selection = select_articles({"1": 0.5, "2": 0.0, "3": 1.0, "4": 0.0}, SIMILAR, evidence="word")
    assert selection.selected == ("3", "1")


def test_top_limits_the_selection() -> None:
    scores = {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0}
    assert select_articles(scores, SIMILAR, evidence="yes-no", top=2).selected == ("4", "3")


def test_a_given_threshold_replaces_the_default() -> None:
    scores = {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0}
    selection = select_articles(scores, SIMILAR, evidence="yes-no", threshold=3.5)
    assert (selection.selected, selection.threshold) == (("4",), 3.5)


def test_likelihood_lowers_the_score_of_what_the_question_fits_less() -> None:
    fused = fuse_scores({"1": 0.5, "2": 0.5}, {"1": -3.0, "2": -3.4})
    assert fused == pytest.approx({"1": 0.5, "2": 0.3})


def test_by_likelihood_only_articles_near_the_best_are_selected() -> None:
    scores = {"1": 0.6, "2": 0.5, "3": 0.3, "4": 0.1}
    assert select_articles(scores, SIMILAR, evidence="likelihood").selected == ("1", "2")


def test_by_likelihood_nothing_is_selected_when_even_the_best_is_far_off() -> None:
    assert select_articles({"1": 0.2, "2": 0.1}, SIMILAR, evidence="likelihood").selected == ()
