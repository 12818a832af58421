"""What belongs to one visitor: a connection to the database, the chosen settings and the chosen edition."""

from dataclasses import replace

import streamlit as st
from server import server

from labourqa.config import Settings
from labourqa.law.edition import Edition
from labourqa.pipeline import Assistant
from labourqa.store import Store

LOCAL_CLIENT = "127.0.0.1"  # Streamlit gives no address for this machine


def open_store() -> Store:
    """A new connection for each run of a page, since SQLite's connections belong to one thread."""
    return Store(server().settings.database)


def current_client() -> str:
    """Who is counted against the limits: the visitor's address on the network."""
    return st.context.ip_address or LOCAL_CLIENT


def current_settings() -> Settings:
    """What this visitor chose, with the model that everyone on the server uses."""
    shared = server().settings
    chosen: Settings = st.session_state.get("settings", shared)
    return replace(chosen, model=shared.model, precision=shared.precision)


def choose_settings(settings: Settings) -> None:
    st.session_state.settings = settings


def current_edition(store: Store) -> Edition:
    """The edition that this visitor chose, by default the current one of the database."""
    current = Assistant(
        current_settings(), store
    ).current_edition()  # ingests the embedded one the first time
    chosen: Edition = st.session_state.get("edition", current)
    return find_edition(store, chosen) or current


def choose_edition(edition: Edition) -> None:
    st.session_state.edition = edition


def find_edition(store: Store, wanted: Edition) -> Edition | None:
    """The edition as it is stored now: its code may have been renamed, or it may have been removed (None)."""
    of_file = [edition for edition in store.editions.all() if edition.sha256 == wanted.sha256]
    renamed = of_file[0] if len(of_file) == 1 else None
    return next((edition for edition in of_file if edition.code == wanted.code), renamed)
