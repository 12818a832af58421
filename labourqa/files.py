"""Files: written whole or not at all, under names that every system accepts."""

import errno
import os
import re
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, and its folders, so that a reader sees the old content or the new one. Raises OSError."""
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    part.replace(path)


def safe_file_name(text: str) -> str:
    """`text` with a hyphen in place of everything but letters, digits, dots and underscores."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-")
