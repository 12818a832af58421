"""Loads the models in the background, once for all clients of a server."""

import logging
import threading
import time

from labourqa.config import Settings
from labourqa.engine.startup import Models
from labourqa.errors import EngineError, LabourQAError
from labourqa.pipeline import Assistant
from labourqa.store import Store

_log = logging.getLogger(__name__)


class ModelLoading:
    """Loads the models in a background thread and prepares the current edition with them.

    It is the labourqa.progress.Progress of that work; `activity` and `share` say how far it is.
    """

    def __init__(self, settings: Settings, models: Models | None = None) -> None:
        """With `models`, only the current edition is prepared."""
        self.settings = settings
        self.models: Models | None = None
        self.error = ""  # why there are no models, once `finished` is set
        self.activity = "loading the model"
        self.share = 0.0  # of the activity that is done, 0 to 1
        self.activity_started = time.monotonic()
        self.finished = threading.Event()
        self._given_models = models
        self._thread = threading.Thread(target=self._load, name="model-loading", daemon=True)
        self._start_lock = threading.Lock()

    def start(self) -> None:
        """Does nothing when it was started before."""
        with self._start_lock:
            if not self._thread.ident:
                self._thread.start()

    def wait(self, timeout: float | None = None) -> Models | None:
        """The models; None if they are not loaded within `timeout` seconds. Raises EngineError."""
        self.start()
        if not self.finished.wait(timeout):
            return None
        if self.models is None:
            raise EngineError(self.error)
        return self.models

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        if what != self.activity:
            self.activity_started = time.monotonic()
        self.activity, self.share = what, min(done / (total or 1), 1.0)

    def show_text(self, piece: str) -> None:
        pass

    def _load(self) -> None:
        try:
            with Store(self.settings.database) as store:
                assistant = Assistant(self.settings, store, models=self._given_models, progress=self)
                with assistant.prepare(assistant.current_edition()):
                    self.models = assistant.models
        except LabourQAError as error:
            self.error = str(error)
        except MemoryError:
            self.error = "There is not enough memory; choose a smaller model in the settings."
        except Exception:  # noqa: BLE001  # a bug; whoever waits for the models gets a sentence
            _log.exception("The model could not be loaded.")
        finally:
            if not self.models and not self.error:  # a bug, with its traceback in the log
                self.error = "The model could not be loaded; see the server's log."
            self.finished.set()
