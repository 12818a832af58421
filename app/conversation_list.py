"""The sidebar's list of earlier conversations: search, open, rename and delete."""

from datetime import UTC, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

import navigation
import streamlit as st
from language import _, format_day
from visitor import open_store

from labourqa.store.conversations import Conversation
from labourqa.text import escape_markdown

LISTED = 30
WATCH_SECONDS = 3  # between two looks for changes that another tab of this visitor made
TITLE_CHARACTERS = 80  # as many as fit into two or three lines beside the menu


def show() -> None:
    if st.button(_("New conversation"), icon=":material/add:", width="stretch", key="new"):
        open_conversation(None)
    with open_store() as store:
        words = st.text_input(
            _("Search earlier conversations"),
            placeholder=_("Search earlier conversations"),
            icon=":material/search:",
            label_visibility="collapsed",
            key="search-conversations",
        )
        found = store.conversations.search(words)
        version = store.conversations.version()
    if words and not found:
        st.caption(_("No conversation has these words."))
    for day, conversations in groupby(found[:LISTED], _describe_day):
        st.caption(day)
        for conversation in conversations:
            _show_conversation(conversation)
    if len(found) > LISTED:
        st.caption(_("{count} more; search for them.").format(count=len(found) - LISTED))
    _watch(version)


def _watch(version: str) -> None:
    """Run the page anew when the conversations change in another tab, or were answered there."""
    in_page_run = True

    @st.fragment(run_every=WATCH_SECONDS)
    def watch() -> None:
        # Running the page anew from within its own run would lose the click that started that run.
        if in_page_run:
            return
        with open_store() as store:
            is_changed = store.conversations.version() != version
        if is_changed:
            st.rerun()

    watch()
    in_page_run = False


def open_conversation(conversation: int | None) -> None:
    """Show a conversation, or with None a new one, on the page ASK."""
    for name in ("asking", "unstored", "not-stored"):
        st.session_state.pop(name, None)
    st.session_state.conversation = conversation
    st.switch_page(navigation.ASK, query_params={"conversation": str(conversation)} if conversation else None)


def _describe_day(conversation: Conversation) -> str:
    """The day of its last question where the visitor is."""
    zone = st.context.timezone
    here = ZoneInfo(zone) if zone else UTC
    asked, today = (
        one.astimezone(here).date()
        for one in (datetime.fromisoformat(conversation.asked_at), datetime.now(UTC))
    )
    return {0: _("Today"), 1: _("Yesterday")}.get((today - asked).days, format_day(asked))


def _show_conversation(conversation: Conversation) -> None:
    is_open = conversation.id == st.session_state.get("conversation")
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=False
    ):
        if st.button(
            escape_markdown(_shorten(conversation.title)),
            key=f"open-conversation-{conversation.id}",
            type="secondary" if is_open else "tertiary",
            width="stretch",
        ):
            open_conversation(conversation.id)
        rename, delete = _("Rename"), _("Delete")
        chosen = st.menu_button(_("Edit"), [rename, delete], type="tertiary", key=f"menu-{conversation.id}")
    if chosen == rename:
        st.dialog(_("Rename the conversation"))(_rename)(conversation)
    elif chosen == delete:
        st.dialog(_("Delete the conversation?"))(_delete)(conversation)


def _rename(conversation: Conversation) -> None:
    title = st.text_input(_("Name"), value=conversation.title, max_chars=200)
    if st.button(_("Rename"), type="primary", disabled=not title.strip()):
        with open_store() as store:
            store.conversations.rename(conversation.id, title.strip())
        st.rerun()


def _delete(conversation: Conversation) -> None:
    st.text(conversation.title)
    st.write(_("Its questions and answers are erased from this machine for good."))
    if st.button(_("Delete"), type="primary"):
        with open_store() as store:
            store.conversations.erase(conversation.id)
        if conversation.id == st.session_state.get("conversation"):
            open_conversation(None)
        st.rerun()


def _shorten(title: str) -> str:
    return title if len(title) <= TITLE_CHARACTERS else title[: TITLE_CHARACTERS - 1].rstrip() + "…"
