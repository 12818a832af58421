"""What all visitors of one server share: its settings, and the models, which are loaded once."""

import threading
from collections.abc import Callable

import streamlit as st
from messages import show_error

from labourqa.config import Settings, load_settings
from labourqa.engine.startup import Models
from labourqa.errors import LabourQAError
from labourqa.pipeline import Assistant
from labourqa.store import Store


class ModelLoading:
    """Loads the models in a background thread and prepares the current edition with them.

    It is the labourqa.progress.Progress of that work; `activity` and `share` say how far it is.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models: Models | None = None
        self.error = ""  # why there are no models, once `finished` is set
        self.activity = "loading the model"
        self.share = 0.0  # of the activity that is done, 0 to 1
        self.finished = threading.Event()
        self._thread = threading.Thread(target=self._load, daemon=True)
        self._start_lock = threading.Lock()

    def start(self) -> None:
        """Does nothing when it was started before."""
        with self._start_lock:
            if not self._thread.ident:
                self._thread.start()

    def _load(self) -> None:
        try:
            with Store(self.settings.database) as store:
                assistant = Assistant(self.settings, store, progress=self)
                with assistant.prepare(assistant.current_edition()):
                    self.models = assistant.models
        except LabourQAError as error:
            self.error = str(error)
        except MemoryError:
            self.error = "There is not enough memory; choose a smaller model in the settings."
        finally:
            if not self.models and not self.error:  # a bug, with its traceback in the log
                self.error = "The model could not be loaded; see the server's log."
            self.finished.set()

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        self.activity, self.share = what, min(done / (total or 1), 1.0)

    def show_text(self, piece: str) -> None:
        pass


class Server:
    def __init__(self) -> None:
        self.loading = ModelLoading(load_settings({}))

    @property
    def settings(self) -> Settings:
        return self.loading.settings

    def load(self, settings: Settings) -> None:
        """Replace the models by those of `settings`, or load the same ones again; the page's script starts it."""
        self.loading = ModelLoading(settings)


@st.cache_resource(show_spinner=False)
def server() -> Server:
    """Raises SettingsError."""
    return Server()


def wait_for_models(shared: Server, show_share: Callable[[str, float], object]) -> Models:
    """The models of the server, once they are loaded; meanwhile `show_share` receives the activity and its share.

    Raises LabourQAError when they could not be loaded.
    """
    loading = shared.loading
    loading.start()
    while not loading.finished.wait(0.2):
        show_share(loading.activity, loading.share)
    if loading.models is None:
        raise LabourQAError(loading.error)
    return loading.models


def show_loading() -> None:
    """The progress of loading until it is finished, or its error with a button to try again."""
    loading = server().loading
    if not loading.finished.is_set():
        _show_loading_progress(loading)
    elif loading.error:
        show_error(loading.error)
        if st.button("Try again", key="load-again"):
            server().load(loading.settings)
            st.rerun()


def _show_loading_progress(loading: ModelLoading) -> None:
    in_page_run = True

    @st.fragment(run_every=0.5)
    def show_progress() -> None:
        # Running the page anew from within its own run would lose the click that started that run.
        if loading.finished.is_set() and not in_page_run:
            st.rerun()
        st.progress(loading.share, text=f"Getting ready: {loading.activity}")

    show_progress()
    in_page_run = False
