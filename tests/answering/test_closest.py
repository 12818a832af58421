import math
from collections.abc import Mapping

import pytest

from labourqa.answering.closest import ARTICLE_MARGIN, MAX_ARTICLES, find_closest, read_limits
from labourqa.models.relevance import Relevance

LIMITS = read_limits()
NEAR = LIMITS["trained"].log_probability + 0.1
SIMILAR = LIMITS["trained"].similarity + 0.01


def relevance(articles: Mapping[str, float], similarity: float = SIMILAR) -> Relevance:
    return Relevance(articles, out_of_scope=-0.01, paragraphs={}, similarity=similarity)


def test_the_closest_articles_are_the_best_ones_that_are_about_equally_near() -> None:
    articles = {
        "1": NEAR - ARTICLE_MARGIN - 1,
        "2": NEAR,
        "3": NEAR - 1,
        "4": NEAR - 9,
        "5": NEAR - 2,
        "6": NEAR - 3,
    }
    assert find_closest(relevance(articles), articles, trained=True) == ["2", "3", "5"]
    assert len({"2", "3", "5"}) == MAX_ARTICLES
    few = {"1": NEAR - ARTICLE_MARGIN - 1, "2": NEAR}
    assert find_closest(relevance(few), few, trained=True) == ["2"]


@pytest.mark.parametrize("trained", [True, False])
def test_nothing_is_close_where_no_article_is_probable_or_no_text_similar(trained: bool) -> None:
    limits = LIMITS["trained" if trained else "other"]
    probable, similar = limits.log_probability + 0.1, limits.similarity + 0.01
    for log_probability, similarity, near in (
        (probable, similar, ["1"]),
        (limits.log_probability - 0.1, similar, []),
        (probable, limits.similarity - 0.01, []),
        (-math.inf, similar, []),
    ):
        articles = {"1": log_probability}
        assert find_closest(relevance(articles, similarity), articles, trained=trained) == near
