"""The processor's cores: how many there are, and passes side by side on them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch

T = TypeVar("T")
_TORCH_THREADS = torch.get_num_threads()  # before any jobs share them


def choose_threads() -> int:
    """The cores that this process may use: torch counts the machine's, a container may have fewer."""
    cores = _TORCH_THREADS
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, round(int(quota) / int(period)))
    except (OSError, ValueError):  # no such file, or no limit ("max")
        pass
    return max(1, cores)


def run_side_by_side(jobs: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """Run the jobs, as many at a time as there are `threads` to share; their results in order.

    Two passes with a core each take less time than one after the other with both: a small operation no longer
    leaves a core idle, and no large one ends with one core waiting for the other.
    """
    workers = min(len(jobs), threads)
    if workers == 1:
        return [job() for job in jobs]
    torch.set_num_threads(threads // workers)  # that threads of the pool begin with
    try:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda job: job(), jobs))
    finally:
        torch.set_num_threads(threads)
