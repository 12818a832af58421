import math

import pytest

from labourqa.evaluation.metrics import (
    f_beta,
    fact_stated,
    ndcg_at,
    precision,
    recall,
    recall_at,
    reciprocal_rank,
)


def test_recall_and_precision_count_whole_article_numbers() -> None:
    assert recall(["5", "57"], ["57", "7"]) == 0.5
    assert precision(["5", "57"], ["57", "7"]) == 0.5
    assert precision([], ["57"]) == 0


def test_f2_weighs_recall_more_than_precision() -> None:
    assert f_beta(0.5, 1.0, beta=2) == pytest.approx(5 / 6)
    assert f_beta(0.5, 1.0, beta=2) > f_beta(1.0, 0.5, beta=2)
    assert f_beta(0, 0, beta=2) == 0


def test_reciprocal_rank_is_that_of_the_first_needed_article() -> None:
    assert reciprocal_rank(["1", "2", "3"], {"3", "2"}) == 0.5
    assert reciprocal_rank(["1"], {"2"}) == 0


def test_recall_at_k_looks_at_the_first_k_only() -> None:
    assert recall_at(["1", "2", "3"], ["3"], 2) == 0
    assert recall_at(["1", "2", "3"], ["3"], 3) == 1


def test_ndcg_is_1_for_the_best_order_and_less_for_another() -> None:
    grades = {"1": 2, "2": 1}
    assert ndcg_at(["1", "2", "3"], grades, 10) == 1
    # 1/log2(2) + 3/log2(3) over 3/log2(2) + 1/log2(3)
    assert ndcg_at(["2", "1"], grades, 10) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


@pytest.mark.parametrize("measure", [recall, reciprocal_rank])
def test_a_measure_without_a_needed_article_is_undefined(measure: object) -> None:
    with pytest.raises(ValueError, match="undefined"):
        measure(["1"], [])  # type: ignore[operator]  # any of the measures


def test_a_fact_is_stated_if_one_choice_of_every_list_occurs() -> None:
    must_contain = [["three years", "3 years"], ["limitation"]]
    assert fact_stated("The LIMITATION period is 3 years.", must_contain)
    assert not fact_stated("The period is 3 years.", must_contain)
