"""The watch asks torch for the memory of a GPU, so these tests import torch."""

import threading
import time

import pytest

from labourqa.benchmark.memory import SAMPLE_SECONDS, MemoryWatch

pytestmark = pytest.mark.model


def use_memory() -> None:
    """Hold 300 MB for as long as many samples take, and free them."""
    block = bytearray(b"x") * 300_000_000
    time.sleep(50 * SAMPLE_SECONDS)
    del block


def test_memory_that_is_freed_before_the_end_counts() -> None:
    with MemoryWatch() as before:
        pass
    with MemoryWatch() as memory:
        use_memory()
    assert memory.peak.process_bytes > before.peak.process_bytes + 250_000_000


def test_memory_of_an_earlier_part_does_not_count() -> None:
    with MemoryWatch() as first:
        use_memory()
    with MemoryWatch() as second:
        pass
    assert second.peak.process_bytes < first.peak.process_bytes - 250_000_000


def test_an_error_ends_the_watch() -> None:
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt), MemoryWatch():
        raise KeyboardInterrupt
    assert threading.active_count() == threads
