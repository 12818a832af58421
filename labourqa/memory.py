"""The memory that this process uses."""

import re
import sys
from pathlib import Path


def peak_memory_bytes() -> int:
    """The largest resident memory of this process so far."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    # On Linux getrusage may report what a parent process had before it started this one.
    if status.exists() and (peak_kib := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(peak_kib[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # other systems count in KiB
