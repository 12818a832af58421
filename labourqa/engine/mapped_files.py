"""Files that are mapped into memory: what happens when one becomes shorter, or its disk fails, while it is read."""

import ctypes
import os
import signal
import sys
from functools import cache

_SENTENCE = (
    b"labourqa: A model file or prefix cache was cut off while it was read, or its disk failed; "
    b"run the command again.\n"
)


@cache
def explain_bus_errors() -> None:
    """End the process with a sentence, instead of a signal, when a mapped file cannot be read.

    The system reports this by a signal in the midst of a computation, which cannot go on. Python's own signal handlers
    would run only after it, so this one is called by the system itself.
    """
    if sys.platform == "win32":
        return  # raises an error there
    libc = ctypes.CDLL(None)
    libc.signal.restype = ctypes.c_void_p
    libc.signal(signal.SIGBUS, _HANDLER)


def _end(_signal: int) -> None:
    os.write(2, _SENTENCE)
    os._exit(1)


_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int)(_end)  # must live as long as the process
