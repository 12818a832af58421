"""The sidebar's list of earlier conversations."""

import common
import streamlit as st

from labourqa.answering.export import escape_markdown
from labourqa.store.database import Conversation

SHOWN = 30
TITLE_CHARACTERS = 24  # as many as fit beside the menu


def show() -> None:
    if st.button("New conversation", icon=":material/add:", width="stretch", key="new"):
        open_conversation(None)
    with common.open_store() as store:
        words = st.text_input(
            "Search earlier conversations",
            placeholder="Search earlier conversations",
            icon=":material/search:",
            label_visibility="collapsed",
            key="search-history",
        )
        found = store.conversations(words)
    if words and not found:
        st.caption("No conversation has these words.")
    for conversation in found[:SHOWN]:
        _show_one(conversation)
    if len(found) > SHOWN:
        st.caption(f"{len(found) - SHOWN} more; search for them.")


def open_conversation(conversation: int | None) -> None:
    """Show it on the first page; None: a new one."""
    st.session_state.pop("answers", None)
    st.session_state.pop("asking", None)
    st.switch_page(common.ASK, query_params={"conversation": str(conversation)} if conversation else None)


def _show_one(conversation: Conversation) -> None:
    is_open = conversation.id == st.session_state.get("conversation")
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=False
    ):
        if st.button(
            escape_markdown(_shorten(conversation.title)),
            key=f"open-{conversation.id}",
            type="secondary" if is_open else "tertiary",
            help=escape_markdown(f"{conversation.title} ({conversation.asked_at[:10]})"),
        ):
            open_conversation(conversation.id)
        chosen = st.menu_button("Edit", ["Rename", "Delete"], type="tertiary", key=f"menu-{conversation.id}")
    if chosen == "Rename":
        _rename(conversation)
    elif chosen == "Delete":
        _delete(conversation)


@st.dialog("Rename the conversation")
def _rename(conversation: Conversation) -> None:
    title = st.text_input("Name", value=conversation.title, max_chars=200)
    if st.button("Rename", type="primary", disabled=not title.strip()):
        with common.open_store() as store:
            store.rename_conversation(conversation.id, title.strip())
        st.rerun()


@st.dialog("Delete the conversation?")
def _delete(conversation: Conversation) -> None:
    st.text(conversation.title)
    st.write("Its questions and answers are erased from this machine for good.")
    if st.button("Delete", type="primary"):
        with common.open_store() as store:
            store.erase_conversation(conversation.id)
        if conversation.id == st.session_state.get("conversation"):
            open_conversation(None)
        st.rerun()


def _shorten(title: str) -> str:
    return title if len(title) <= TITLE_CHARACTERS else title[: TITLE_CHARACTERS - 1].rstrip() + "…"
