"""CPU cores: how many this process may use, and running forward passes in parallel on them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch

T = TypeVar("T")
_TORCH_THREADS = torch.get_num_threads()  # before `run_in_parallel` divides them


def choose_threads() -> int:
    """The number of cores that this process may use: torch counts those of the machine, a container may have fewer."""
    cores = _TORCH_THREADS
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, round(int(quota) / int(period)))
    except (OSError, ValueError):  # no such file, or no limit ("max")
        pass
    return max(1, cores)


def run_in_parallel(jobs: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """Run the jobs, at most `threads` at a time, and return their results in order.

    The jobs divide the threads among them. Two passes with one core each take less time than two passes in a row with
    both: small operations leave no core idle, and large ones do not end with one core waiting for the other.
    """
    workers = min(len(jobs), threads)
    if workers == 1:
        return [job() for job in jobs]
    torch.set_num_threads(threads // workers)  # new threads of the pool inherit it
    try:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda job: job(), jobs))
    finally:
        torch.set_num_threads(threads)
