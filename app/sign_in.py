"""Signing in with OpenID Connect: Streamlit's own `st.login`, configured under `[auth]` in its secrets file."""

import streamlit as st
from identity import person_owner
from language import _

from labourqa.text import escape_markdown

_SETTINGS = {
    "redirect_uri",
    "cookie_secret",
    "client_id",
    "client_secret",
    "server_metadata_url",
    "client_kwargs",
}


def is_sign_in_configured() -> bool:
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def signed_in_owner() -> str | None:
    """The owner that the person who signed in is; None before the sign-in."""
    if not st.user.is_logged_in:
        return None
    return person_owner(str(st.user.get("iss", "")), str(st.user.get("sub", "")))


def show_sign_in() -> None:
    st.title(_("Sign in"), anchor=False)
    st.write(_("Your conversations are your own. Sign in to see them."))
    providers = [name for name in st.secrets["auth"] if name not in _SETTINGS]
    for provider in providers or [""]:
        label = _("Sign in")
        if provider:
            label = _("Sign in with {provider}").format(provider=escape_markdown(provider))
        st.button(label, key=f"sign-in-{provider}", on_click=st.login, args=(provider,) if provider else ())
