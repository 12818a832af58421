"""What a page tells its visitor while it works: errors as one sentence each, and progress."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from labourqa.errors import LabourQAError
from labourqa.text import escape_markdown


@contextmanager
def user_errors() -> Iterator[None]:
    """Show an error that the user can act on; any other exception is a bug and passes through."""
    try:
        yield
    except LabourQAError as error:
        show_error(str(error))


def show_error(sentence: str) -> None:
    st.error(escape_markdown(sentence), icon=":material/error:")


def describe_progress(what: str, done: float, total: float) -> str:
    """`total` is 1 where `done` is a share."""
    return f"{done:.0f} of {total:.0f} {what}" if total > 1 else f"{what}: {100 * done:.0f} %"


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
