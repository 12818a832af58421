"""What the seconds of a benchmark depend on besides the model: processor, GPU, memory and versions."""

import importlib.metadata
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no annotations


@dataclass(frozen=True)
class Machine:
    """The machine, and the versions of what runs on it."""

    processor: str
    cores: int | None  # None: the system does not say
    logical_cores: int | None
    capability: str  # the vector instructions that torch uses, such as "AVX2"
    gpu: str | None
    memory_bytes: int
    os: str
    python: str
    torch: str
    transformers: str
    threads: int  # of torch


def describe_machine() -> Machine:
    import torch

    return Machine(
        processor=_processor_name(),
        cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        capability=torch.backends.cpu.get_cpu_capability(),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        memory_bytes=psutil.virtual_memory().total,
        os=platform.platform(),
        python=platform.python_version(),
        torch=torch.__version__,
        transformers=importlib.metadata.version("transformers"),
        threads=torch.get_num_threads(),
    )


def _processor_name() -> str:
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
