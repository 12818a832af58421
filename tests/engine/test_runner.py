"""Forward passes of the embedded model."""

import threading

import pytest
import torch

from labourqa.engine.local import LocalEngine
from labourqa.engine.runner import (
    MemoryExhaustedError,
    ModelRunner,
    concatenated_ranges,
    last_positions,
)

pytestmark = pytest.mark.model

ROWS = [[1, 20, 300, 4_000], [5], [60, 700, 8_000, 9, 10, 11, 12]]


@pytest.fixture(scope="module")
def runner(float32_engine: LocalEngine) -> ModelRunner:
    return float32_engine.runner


def test_packed_and_padded_passes_give_the_same_states(runner: ModelRunner) -> None:
    with runner.forward_pass():
        packed, padded = runner.packed_states(ROWS, 1), runner.padded_states(ROWS, 1)
    assert packed.shape == (3, 1, runner.config.hidden_size)
    torch.testing.assert_close(packed, padded, atol=1e-3, rtol=1e-3)


def test_states_are_read_from_the_end_of_each_row(runner: ModelRunner) -> None:
    rows = [ROWS[0], ROWS[2]]
    with runner.forward_pass():
        three, one = runner.packed_states(rows, 3), runner.packed_states(rows, 1)
        alone = runner.packed_states([rows[0][:2]], 1)
    torch.testing.assert_close(three[:, -1:], one)
    torch.testing.assert_close(three[0, 0], alone[0, 0], atol=1e-3, rtol=1e-3)


def test_positions_of_packed_rows() -> None:
    assert concatenated_ranges([2, 3]).tolist() == [0, 1, 0, 1, 2]
    assert last_positions([2, 3, 4], [1, 2, 4]).tolist() == [1, 3, 4, 5, 6, 7, 8]


def test_a_second_copy_of_the_weights_is_freed_and_loaded_again_when_it_is_needed(
    runner: ModelRunner,
) -> None:
    before = runner.model
    runner.release_second_copy()
    ids = torch.tensor([ROWS[0]])
    with torch.inference_mode():
        torch.testing.assert_close(runner.model(ids).logits, before(ids).logits)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_full_memory_is_one_error_whatever_the_device_calls_it(
    runner: ModelRunner, error: RuntimeError
) -> None:
    with pytest.raises(MemoryExhaustedError, match="choose a smaller --model"), runner.forward_pass():
        raise error


def test_one_pass_runs_at_a_time_and_an_error_frees_the_device(runner: ModelRunner) -> None:
    with pytest.raises(ZeroDivisionError), runner.forward_pass():
        1 / 0  # noqa: B018
    order: list[str] = []

    def run() -> None:
        with runner.forward_pass():
            order.append("second")

    second = threading.Thread(target=run)
    with runner.forward_pass():
        second.start()
        second.join(0.2)
        order.append("first")
    second.join(10)
    assert order == ["first", "second"]
