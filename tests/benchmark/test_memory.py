"""The watch asks torch for the memory of a GPU, so these tests import torch."""

import threading

import pytest

from labourqa.benchmark.memory import MemoryWatch

pytestmark = pytest.mark.model


def test_memory_that_is_freed_before_the_end_counts() -> None:
    with MemoryWatch() as before:
        pass
    with MemoryWatch() as memory:
        block = bytearray(b"x") * 300_000_000
        del block
        wait = threading.Event()
        wait.wait(0.01)
    assert memory.peak.process_bytes > before.peak.process_bytes + 250_000_000


def test_memory_of_an_earlier_part_does_not_count() -> None:
    with MemoryWatch() as first:
        block = bytearray(b"x") * 300_000_000
        del block
    with MemoryWatch() as second:
        pass
    assert second.peak.process_bytes < first.peak.process_bytes - 250_000_000


def test_an_error_ends_the_watch() -> None:
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt), MemoryWatch():
        raise KeyboardInterrupt
    assert threading.active_count() == threads
