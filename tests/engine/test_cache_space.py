"""The disk space of the prefix caches: the files that were used longest ago go first."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from labourqa.engine.cache_space import ABANDONED_SECONDS, CacheSpace, mark_used


def write(path: Path, size: int, seconds_ago: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, times=(time.time() - seconds_ago,) * 2)
    return path


def test_the_files_used_longest_ago_are_removed_until_there_is_room(tmp_path: Path) -> None:
    old = write(tmp_path / "whole.safetensors", 500, 300)
    middle = write(tmp_path / "articles" / "a.safetensors", 300, 200)
    new = write(tmp_path / "articles" / "b.safetensors", 200, 100)
    space = CacheSpace(tmp_path, 1_000)
    space.make_room(0)
    assert (old.exists(), middle.exists(), new.exists()) == (True, True, True)
    space.make_room(500)
    assert (old.exists(), middle.exists(), new.exists()) == (False, True, True)
    mark_used(middle)
    space.make_room(700)
    assert (middle.exists(), new.exists()) == (True, False)


def test_files_that_are_needed_stay_even_beyond_the_limit(tmp_path: Path) -> None:
    needed, other = write(tmp_path / "a.safetensors", 500, 300), write(tmp_path / "b.safetensors", 500, 100)
    CacheSpace(tmp_path, 100).make_room(500, keep={needed})
    assert (needed.exists(), other.exists()) == (True, False)


def test_other_files_and_unfinished_ones_of_running_processes_stay(tmp_path: Path) -> None:
    running = write(tmp_path / "a.safetensors.part", 500, 60)
    abandoned = write(tmp_path / "b.safetensors.part", 500, ABANDONED_SECONDS + 60)
    lock = write(tmp_path / "a.safetensors.lock", 500, ABANDONED_SECONDS + 60)
    CacheSpace(tmp_path, 0).make_room(1)
    assert (running.exists(), abandoned.exists(), lock.exists()) == (True, False, True)


def test_without_a_limit_half_of_the_free_disk_may_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=9_000))
    assert CacheSpace(tmp_path / "not" / "yet").allowed_bytes() == 4_500
    write(tmp_path / "a.safetensors", 1_000, 0)
    assert CacheSpace(tmp_path).allowed_bytes() == 5_000
    assert CacheSpace(tmp_path, 7).allowed_bytes() == 7


def test_a_file_that_was_removed_meanwhile_is_no_error(tmp_path: Path) -> None:
    mark_used(tmp_path / "gone.safetensors")
