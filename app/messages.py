"""What a page tells its visitor while it works: errors as one sentence each, and progress."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from language import _, ngettext
from streamlit.delta_generator import DeltaGenerator

from labourqa.errors import LabourQAError
from labourqa.text import escape_markdown

JUDGED_AFTER = 0.5  # seconds of work, before which its speed says nothing about the time left
SECONDS_SHOWN = 50  # longer durations are told in minutes


@contextmanager
def user_errors() -> Iterator[None]:
    """Show an error that the user can act on; any other exception is a bug and passes through."""
    try:
        yield
    except LabourQAError as error:
        show_error(str(error))


def show_error(sentence: str) -> None:
    st.error(escape_markdown(sentence), icon=":material/error:")


def describe_progress(what: str, done: float, total: float, started: float | None = None) -> str:
    """`total` is 1 where `done` is a share. With `started`, a time.monotonic(), the time left is named."""
    if total > 1:
        counted = _("{done} of {total} {what}")
        progress = counted.format(done=round(done), total=round(total), what=_(what))
    else:
        progress = f"{_(what)}: {100 * done:.0f} %"
    return f"{progress}{describe_time_left(started, done / total)}" if started is not None else progress


def describe_time_left(started: float, share: float) -> str:
    """ " (about 5 s left)", or "" while there is nothing to judge by. `started` is a time.monotonic()."""
    elapsed = time.monotonic() - started
    if elapsed < JUDGED_AFTER or not 0 < share < 1:
        return ""
    return _(" ({duration} left)").format(duration=describe_duration(elapsed * (1 - share) / share))


def describe_duration(seconds: float) -> str:
    if seconds < SECONDS_SHOWN:
        return _("about {seconds} s").format(seconds=max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes <= 1:
        return _("about a minute")
    return ngettext("about {count} minute", "about {count} minutes", minutes).format(count=minutes)


class ProgressBars:
    """A labourqa.progress.Progress that draws a bar for each activity, and below them the text that is written."""

    def __init__(self) -> None:
        self._container = st.container()
        self._bars: dict[str, DeltaGenerator] = {}
        self._text_box = st.empty()
        self._text = ""

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        label = describe_progress(what, done, total or 1)
        if what not in self._bars:
            self._bars[what] = self._container.empty()
        self._bars[what].progress(min(done / (total or 1), 1.0), text=label)

    def show_text(self, piece: str) -> None:
        self._text += piece
        self._text_box.text(self._text)
