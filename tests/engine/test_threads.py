import threading

import pytest
import torch

from labourqa.engine.threads import choose_threads, run_in_parallel

pytestmark = pytest.mark.model  # torch is loaded


def test_no_more_threads_are_used_than_cores_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= choose_threads() <= torch.get_num_threads()
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert choose_threads() == 1


def test_jobs_run_at_the_same_time_and_share_the_threads() -> None:
    threads = torch.get_num_threads()
    meeting = threading.Barrier(2, timeout=10)  # nobody passes alone

    def job() -> int:
        meeting.wait()
        return torch.get_num_threads()

    assert run_in_parallel([job, job], threads) == [max(1, threads // 2)] * 2
    assert torch.get_num_threads() == threads


def test_an_error_of_a_job_is_raised_and_the_threads_are_given_back() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        run_in_parallel([lambda: 1 // 0, lambda: 1], threads)
    assert torch.get_num_threads() == threads


def test_results_come_in_the_order_of_the_jobs() -> None:
    second_is_done = threading.Event()

    def first() -> int:
        second_is_done.wait(10)
        return 1

    def second() -> int:
        second_is_done.set()
        return 2

    assert run_in_parallel([first, second], 2) == [1, 2]
