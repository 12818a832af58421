"""What all visitors of one server share: settings, the queue of questions, and the models, which are loaded once."""

from collections.abc import Callable

import streamlit as st
from language import _
from messages import describe_time_left, show_error

from labourqa.config import load_settings
from labourqa.engine.startup import Models
from labourqa.server.loading import ModelLoading
from labourqa.server.service import AnswerService, shared_service


@st.cache_resource(show_spinner=False)
def server() -> AnswerService:
    """Under `labourqa serve`, the service of the HTTP interfaces. Raises SettingsError."""
    return shared_service() or AnswerService(load_settings({}))


def wait_for_models(shared: AnswerService, show_share: Callable[[str, float], object]) -> Models:
    """The models, once they are loaded; meanwhile `show_share` receives the activity and the share that is done.

    Raises EngineError when they could not be loaded.
    """
    loading = shared.loading
    while (models := loading.wait(0.2)) is None:
        show_share(loading.activity, loading.share)
    return models


def show_loading() -> None:
    """The progress of loading until it is finished, or its error with a button to try again."""
    loading = server().loading
    if not loading.finished.is_set():
        _show_loading_progress(loading)
    elif loading.error:
        show_error(loading.error)
        if st.button(_("Try again"), key="load-again"):
            server().load(loading.settings)
            st.rerun()


def _show_loading_progress(loading: ModelLoading) -> None:
    in_page_run = True

    @st.fragment(run_every=0.5)
    def show_progress() -> None:
        # Running the page anew from within its own run would lose the click that started that run.
        if loading.finished.is_set() and not in_page_run:
            st.rerun()
        left = describe_time_left(loading.activity_started, loading.share)
        st.progress(
            loading.share,
            text=_("Getting ready: {activity}").format(activity=_(loading.activity)) + left,
        )

    show_progress()
    in_page_run = False
