"""What all pages share: the engine, the visitor's settings and edition, and errors in one sentence."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from labourqa import pipeline
from labourqa.answering.export import escape_markdown
from labourqa.config import Settings, load_settings
from labourqa.errors import LabourQAError
from labourqa.store.database import Edition, Store

ASK = st.Page("app_pages/ask.py", title="Ask", icon=":material/forum:", default=True)
CODE = st.Page("app_pages/reader.py", title="The code", icon=":material/menu_book:")
EVALUATION = st.Page("app_pages/evaluate.py", title="Evaluation", icon=":material/monitoring:")
SETTINGS = st.Page("app_pages/settings.py", title="Settings", icon=":material/settings:")


class Loading:
    """Models on their way into the memory, in a thread of their own once started; a pipeline.Progress."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models: pipeline.Models | None = None
        self.error = ""
        self.done = ("loading the model", 0.0)  # what is being done, and the part of it that is done
        self.finished = threading.Event()
        self._thread = threading.Thread(target=self._load, daemon=True)
        self._lock = threading.Lock()

    def start(self) -> None:
        with self._lock:
            if not self._thread.ident:
                self._thread.start()

    def _load(self) -> None:
        try:
            with Store(self.settings.database) as store:
                edition = pipeline.open_edition(store)
                models = pipeline.load_models(self.settings, self)
                articles = store.articles(edition)
                pipeline.prepare(
                    store, edition, articles, settings=self.settings, models=models, progress=self
                )
            self.models = models
        except LabourQAError as error:
            self.error = str(error)
        except MemoryError:
            self.error = "The memory does not suffice; choose a smaller model in the settings."
        finally:
            self.error = self.error or ("" if self.models else "The model could not be loaded; see the log.")
            self.finished.set()

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        self.done = (what, done / (total or 1))

    def show_text(self, piece: str) -> None:
        pass


class Server:
    """One model for all visitors."""

    def __init__(self) -> None:
        self.loading = Loading(load_settings({}))

    def load(self, settings: Settings) -> None:
        """Load another model, or the same one again, in place of the present one."""
        self.loading = Loading(settings)


@st.cache_resource(show_spinner=False)
def server() -> Server:
    return Server()


def settings() -> Settings:
    """The server's settings with what this visitor chose."""
    return replace(server().loading.settings, **st.session_state.get("choices", {}))


def open_store() -> Store:
    """A connection of its own for each run of a page: SQLite's belong to one thread."""
    return Store(server().loading.settings.database)


def edition(store: Store) -> Edition:
    """The one that this visitor chose, else the current one."""
    current = pipeline.open_edition(store)
    chosen = st.session_state.get("edition")
    return next((one for one in store.editions() if one.id == chosen), current)


def wait_for_models(show: Callable[[str, float], object]) -> pipeline.Models:
    """`show` hears what is being done, and the part of it that is done. Raises LabourQAError if it failed."""
    loading = server().loading
    loading.start()
    while not loading.finished.wait(0.2):
        show(*loading.done)
    if loading.models is None:
        raise LabourQAError(loading.error)
    return loading.models


@contextmanager
def user_errors() -> Iterator[None]:
    """The page's one place for what a user can act on."""
    try:
        yield
    except LabourQAError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")


def show_loading() -> None:
    """How far the models are, until they are there."""
    if not server().loading.finished.is_set():
        _watch_loading()
    elif server().loading.error:
        st.error(escape_markdown(server().loading.error))
        if st.button("Try again", key="load-again"):
            server().load(server().loading.settings)
            st.rerun()


class Shown:
    """A pipeline.Progress on the page, with a bar for each thing that is done."""

    def __init__(self) -> None:
        self._place = st.container()
        self._bars: dict[str, DeltaGenerator] = {}
        self._text = st.empty()
        self._written = ""

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        count = f"{done:.0f} of {total} {what}" if total else f"{what}: {100 * done:.0f} %"
        if what not in self._bars:
            self._bars[what] = self._place.empty()
        self._bars[what].progress(min(done / (total or 1), 1.0), text=count)

    def show_text(self, piece: str) -> None:
        self._written += piece
        self._text.text(self._written)


@st.fragment(run_every=0.5)
def _watch_loading() -> None:
    loading = server().loading
    if loading.finished.is_set():
        st.rerun()
    what, part = loading.done
    st.progress(min(part, 1.0), text=f"Getting ready: {what}")
