"""What belongs to one visitor: conversations and codes, the chosen settings and the chosen edition."""

import hashlib
from dataclasses import replace
from pathlib import Path

import streamlit as st
from identity import COOKIE, new_visitor, read_visitor
from language import _
from server import server
from sign_in import is_sign_in_configured, signed_in_owner

from labourqa.config import Settings
from labourqa.law.edition import Edition
from labourqa.pipeline import Assistant
from labourqa.store import Store
from labourqa.store.owners import LOCAL
from labourqa.text import escape_markdown


def current_owner() -> str | None:
    """The owner that this visitor is; None for a person who must sign in first."""
    known = read_visitor(st.context.cookies.get(COOKIE), server().settings)
    if known and known.is_local:
        return known.owner
    if is_sign_in_configured():
        return signed_in_owner()
    if known:
        return known.owner
    # A browser that refuses cookies is another visitor whenever it loads the page.
    owner: str = st.session_state.setdefault("owner-without-cookie", new_visitor().owner)
    return owner


def must_sign_in() -> bool:
    return current_owner() is None


def is_local_user() -> bool:
    """Whether this visitor is the owner of the machine."""
    return current_owner() == LOCAL


def forget_other_owner() -> None:
    """Clear the session if it was another owner's before."""
    owner = current_owner()
    if st.session_state.setdefault("owner", owner) != owner:
        st.session_state.clear()
        st.session_state.owner = owner


def show_sign_out() -> None:
    if is_sign_in_configured() and not is_local_user():
        name = str(st.user.get("name") or st.user.get("email") or "")
        label = _("Sign out")
        st.button(
            escape_markdown(f"{label} {name}".rstrip()),
            icon=":material/logout:",
            type="tertiary",
            on_click=st.logout,
        )


def open_store() -> Store:
    """This visitor's view of the database.

    A new connection for each run of a page, since SQLite's connections belong to one thread.
    """
    owner = current_owner()
    assert owner is not None, "the page is shown after the sign-in only"
    return Store(server().settings.database, owner=owner)


def evaluations_folder() -> Path:
    """Where this visitor's evaluations are."""
    return _own_folder(server().settings.home / "evaluations")


def lists_folder() -> Path:
    """Where this visitor's lists of questions are."""
    return _own_folder(server().settings.lists)


def _own_folder(folder: Path) -> Path:
    owner = current_owner()
    if owner == LOCAL:
        return folder
    return folder / "visitors" / hashlib.sha256(str(owner).encode()).hexdigest()[:32]


def current_settings() -> Settings:
    """What this visitor chose, with the model that everyone on the server uses."""
    shared = server().settings
    chosen: Settings = st.session_state.get("settings", shared)
    return replace(chosen, model=shared.model, precision=shared.precision)


def choose_settings(settings: Settings) -> None:
    st.session_state.settings = settings


def current_edition(store: Store) -> Edition:
    """The edition that this visitor chose, by default the current one of the database."""
    # The current edition ingests the embedded one the first time.
    return store.editions.chosen_by_owner() or Assistant(current_settings(), store).current_edition()


def choose_edition(edition: Edition) -> None:
    with open_store() as store:
        store.editions.choose_for_owner(edition)


def find_edition(store: Store, wanted: Edition) -> Edition | None:
    """The edition as it is stored now: its code may have been renamed, or it may have been removed (None)."""
    of_file = [edition for edition in store.editions.all() if edition.sha256 == wanted.sha256]
    renamed = of_file[0] if len(of_file) == 1 else None
    return next((edition for edition in of_file if edition.code == wanted.code), renamed)
