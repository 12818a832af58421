"""Progress on stderr."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from labourqa.cli.output import print_message, print_result


class TerminalProgress:
    """Shows each unfinished task as a bar if stderr is a terminal; implements labourqa.progress.Progress.

    Used as a context manager, so that no bar is left behind by an error.
    """

    def __init__(self, *, announce: bool = True, stream_text: bool = False) -> None:
        """`announce`: tasks are also named in a line that stays. `stream_text`: written answers go to stdout."""
        self.announce = announce
        self._stream_text = stream_text
        self._running: dict[str, TaskID] = {}
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,  # stdout may be a file while stderr is the terminal
            disable=not console.is_interactive,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        count = f"{done:.0f} of {total}" if total else f"{100 * done:.0f} %"
        whole = total or 1
        if what not in self._running:
            self._running[what] = self._bars.add_task(what, total=whole, count=count)
            self._bars.start()
            if self.announce and not total and self._bars.disable:
                print_message(what)  # there is no bar, and this may take minutes
        self._bars.update(self._running[what], completed=done, total=whole, count=count)
        if done >= whole:
            self._bars.remove_task(self._running.pop(what))
            if not self._running:
                self._bars.stop()
            if self.announce and (total or not self._bars.disable):
                print_message(f"{count} {what}" if total else what)

    def show_text(self, piece: str) -> None:
        if self._stream_text:
            self._bars.stop()
            print_result(piece, end="")
