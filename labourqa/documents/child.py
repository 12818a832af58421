"""Child processes that read untrusted PDFs with bounds on time and memory.

The pages of a PDF are programs, and PDFium, which runs them, cannot be interrupted: a kilobyte of nested forms can
ask for hours and gigabytes. A child process bounds both, and a crash inside PDFium ends the child alone.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from labourqa.documents.limits import MAX_MEMORY_BYTES, MAX_SECONDS, MAX_WALL_SECONDS
from labourqa.errors import DocumentError

_at_once = threading.BoundedSemaphore(4)  # so many children share the machine's memory
_SIGXCPU = 24  # POSIX's signal to a process that has used up its processor time
_TOO_SLOW = f"takes longer than {MAX_SECONDS} seconds to read; save the pages of the law alone as a PDF."


def run_child(module: str, data: bytes, *arguments: str) -> bytes:
    """What `python -m MODULE ARGUMENTS` prints when it reads `data` from standard input.

    The module calls `limit_resources` first. Raises DocumentError, whose sentence lacks the file's name.
    """
    # The child must find the same labourqa as this process, which may not be an installed one.
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    try:
        with _at_once:
            child = subprocess.run(
                [sys.executable, "-P", "-m", module, *arguments],
                input=data,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # PDFium and Python report a crash there, which the user cannot act on
                timeout=MAX_WALL_SECONDS,
                env={**os.environ, "PYTHONPATH": path},
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise DocumentError(_TOO_SLOW) from error
    if child.returncode == -_SIGXCPU:
        raise DocumentError(_TOO_SLOW)
    if child.returncode:
        raise DocumentError(
            "is a damaged PDF or needs too much memory; open it in a viewer and save it anew."
        )
    return child.stdout


def limit_resources() -> None:
    """Bound the processor time and the memory of this process."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; there `run_child` bounds the time alone
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no copy of its memory behind
