"""The peak memory of a part of the program; labourqa.memory has that of the whole process."""

import ctypes
import gc
import sys
import threading
from dataclasses import dataclass
from types import TracebackType

import psutil  # type: ignore[import-untyped]  # it has no annotations

SAMPLE_SECONDS = 0.01


@dataclass(frozen=True)
class PeakMemory:
    process_bytes: int  # resident
    gpu_bytes: int | None  # allocated by torch; None without a GPU

    def to_json(self) -> dict[str, int]:
        document = {"peak_memory_bytes": self.process_bytes}
        if self.gpu_bytes is not None:
            document["peak_device_memory_bytes"] = self.gpu_bytes
        return document


class MemoryWatch:
    """A context manager that samples the resident memory of this process, and has its `peak` at the end."""

    peak: PeakMemory

    def __enter__(self) -> "MemoryWatch":
        import torch

        _release_free_memory()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        self._process = psutil.Process()
        self._peak_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_end, daemon=True)
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        import torch

        self._ended.set()
        self._thread.join()
        self._sample()
        gpu_bytes = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        self.peak = PeakMemory(self._peak_bytes, gpu_bytes)

    def _sample_until_end(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        self._peak_bytes = max(self._peak_bytes, self._process.memory_info().rss)


def _release_free_memory() -> None:
    """Return freed memory to the system, or that of earlier methods would count for the next one."""
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
