"""Batches of prompts."""

import pytest

from labourqa.models.batches import cut_batches, make_batches

LENGTHS = [300, 20, 1816, 450, 300, 90, 20]


def test_every_prompt_is_in_exactly_one_batch() -> None:
    batches = make_batches(LENGTHS, 1_000)
    assert sorted(index for batch in batches for index in batch) == list(range(len(LENGTHS)))


@pytest.mark.parametrize("budget", [500, 1_000, 10_000])
def test_no_batch_exceeds_the_budget_with_its_padding(budget: int) -> None:
    for batch in make_batches(LENGTHS, budget):
        assert len(batch) == 1 or max(LENGTHS[i] for i in batch) * len(batch) <= budget


def test_a_prompt_longer_than_the_budget_is_read_alone() -> None:
    assert [2] in make_batches(LENGTHS, 500)


def test_sorting_by_length_leaves_less_padding_than_the_order_of_the_code() -> None:
    def padding(batches: list[list[int]]) -> int:
        return sum(max(LENGTHS[i] for i in batch) - LENGTHS[j] for batch in batches for j in batch)

    in_order = [[0, 1, 2], [3, 4, 5], [6]]
    assert padding(make_batches(LENGTHS, 1_000)) < padding(in_order)


def test_nothing_to_read_makes_no_batch() -> None:
    assert make_batches([], 100) == []


def test_without_padding_only_the_prompts_themselves_count() -> None:
    batches = make_batches([6, 2, 2], 10, padded=False)
    assert batches == [[0, 1, 2]]
    assert make_batches([6, 2, 2], 10) == [[0], [1, 2]]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (2, [[0, 1]]), (4, [[0, 1], [2, 3]]), (5, [[0, 1], [2, 3], [4]])]
)
def test_batches_of_fixed_size_keep_the_order(count: int, expected: list[list[int]]) -> None:
    assert cut_batches(count, 2) == expected
