import pytest

from labourqa.benchmark.agreement import (
    Agreement,
    MarginDifference,
    compare_margins,
    margin_difference,
    rank_correlation,
    top_flips,
)


def test_equal_margins_have_no_difference_and_the_same_order() -> None:
    margins = {"1": 0.5, "2": -1.0, "3": 2.0}
    assert margin_difference(margins, margins) == MarginDifference(max=0.0, mean=0.0)
    assert rank_correlation(margins, margins) == pytest.approx(1.0)
    assert top_flips(margins, margins, 2) == 0


def test_differences_are_between_margins_of_the_same_article_whatever_the_order() -> None:
    difference = margin_difference({"1": 0.0, "2": 1.0}, {"2": 1.5, "1": -1.0})
    assert difference == MarginDifference(max=1.0, mean=0.75)


@pytest.mark.parametrize(
    ("values", "correlation"),
    [
        ([10.0, 20.0, 30.0, 40.0], 1.0),
        ([4.0, 3.0, 2.0, 1.0], -1.0),
        ([1.0, 2.0, 4.0, 3.0], 0.8),
        ([1.0, 1.0, 2.0, 2.0], 0.8944),  # ties share their mean rank
        ([7.0, 7.0, 7.0, 7.0], None),
    ],
)
def test_the_rank_correlation_is_spearmans(values: list[float], correlation: float | None) -> None:
    found = rank_correlation(
        dict(zip("abcd", [1.0, 2.0, 3.0, 4.0], strict=True)), dict(zip("abcd", values, strict=True))
    )
    assert found == pytest.approx(correlation, abs=1e-4)


def test_the_rank_correlation_is_between_ranks_of_the_same_article_whatever_the_order() -> None:
    assert rank_correlation({"1": 1.0, "2": 2.0, "3": 3.0}, {"3": 6.0, "1": 4.0, "2": 5.0}) == pytest.approx(
        1.0
    )


def test_a_flip_is_an_article_that_leaves_the_first_ones() -> None:
    reference = {"1": 3.0, "2": 2.0, "3": 1.0, "4": 0.0}
    assert top_flips(reference, {"1": 2.0, "2": 3.0, "3": 1.0, "4": 0.0}, 2) == 0
    assert top_flips(reference, {"1": 3.0, "2": 0.0, "3": 2.0, "4": 1.0}, 2) == 1


def test_flips_are_counted_among_the_first_20() -> None:
    reference = {str(i): -float(i) for i in range(30)}
    agreement = compare_margins(reference, reference | {"19": -20.5, "25": 10.0})
    assert agreement == Agreement(MarginDifference(35.0, 36.5 / 30), agreement.rank_correlation, 1)
