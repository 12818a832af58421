"""How long work reports its progress: the command line and the page draw it, tests and libraries may ignore it."""

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Receives the progress of long work and the text of a streamed answer."""

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        """`done` of `total` items of `what`; without a total, the share that is done, 0 to 1."""

    def show_text(self, piece: str) -> None:
        """The next piece of a written answer."""


class SilentProgress:
    """Ignores everything."""

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        pass

    def show_text(self, piece: str) -> None:
        pass


def count_up(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """A function that takes how many more items are done, and shows the sum."""
    done = 0
    progress.show_done(what, 0, total)

    def show_more(more: int) -> None:
        nonlocal done
        done += more
        progress.show_done(what, done, total)

    return show_more


def show_share(progress: Progress, what: str) -> Callable[[float], None]:
    """A function that takes the share of `what` that is done, 0 to 1, and shows it."""
    return lambda share: progress.show_done(what, share)
