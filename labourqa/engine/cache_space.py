"""The disk space of the prefix caches: how much they may take together, and which files are removed first."""

import os
import shutil
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FREE_SHARE = 0.5  # of the space that is free or taken by prefix caches: the limit where the user sets none
ABANDONED_SECONDS = (
    86_400  # an unfinished file that nobody has written for so long belongs to no running process
)


@dataclass(frozen=True)
class CacheSpace:
    """The space that all prefix caches in `folder` may take together."""

    folder: Path
    limit_bytes: int | None = None  # None: a share of the free disk

    def allowed_bytes(self) -> int:
        """The limit as it is now."""
        return self._allowed_bytes(_scan(self.folder))

    def make_room(self, needed_bytes: int, keep: Collection[Path] = ()) -> None:
        """Remove the files that were used longest ago until there is room for so many bytes more.

        Files in `keep` stay, even where the limit is exceeded. A process that has a removed file open may go on reading
        it; Windows refuses to remove an open file, which then stays.
        """
        files = sorted(_scan(self.folder))
        used = sum(size for _, _, size in files)
        allowed = self._allowed_bytes(files)
        for _, path, size in files:
            if used + needed_bytes <= allowed:
                return
            if path not in keep:
                with suppress(OSError):
                    path.unlink()
                    used -= size

    def _allowed_bytes(self, files: Sequence[tuple[float, Path, int]]) -> int:
        if self.limit_bytes is not None:
            return self.limit_bytes
        folder = self.folder
        while not folder.exists():
            folder = folder.parent
        used = sum(size for _, _, size in files)
        return int(FREE_SHARE * (shutil.disk_usage(folder).free + used))


def mark_used(path: Path) -> None:
    """Note that a file was used now: file systems do not keep the time of reading reliably."""
    with suppress(OSError):  # a file that another process has just removed
        os.utime(path)


def _scan(folder: Path) -> list[tuple[float, Path, int]]:
    """When each cache file was used last, its path and its size; unfinished files only where they are abandoned."""
    found = []
    for path in folder.rglob("*"):
        is_part = path.suffix == ".part"
        if path.suffix == ".safetensors" or is_part:
            with suppress(OSError):  # removed meanwhile
                status = path.stat()
                if not is_part or status.st_mtime < time.time() - ABANDONED_SECONDS:
                    found.append((status.st_mtime, path, status.st_size))
    return found
