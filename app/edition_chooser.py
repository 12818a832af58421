"""The code and the edition that answer, with a menu to choose others."""

from collections import Counter
from collections.abc import Sequence

import navigation
import streamlit as st
from language import _
from visitor import choose_edition, open_store

from labourqa.law.edition import Edition
from labourqa.text import escape_markdown


def show(edition: Edition, key: str) -> None:
    """A button with the name of `edition`, which opens the choice; the chosen one answers this visitor from then on."""
    with st.popover(
        escape_markdown(f"{edition.code}, {describe_version(edition)}"),
        icon=":material/gavel:",
        type="tertiary",
        key=f"{key}-menu",
    ):
        _show_choice(edition, key)


def _show_choice(edition: Edition, key: str) -> None:
    with open_store() as store:
        codes = store.editions.codes()
    # With the edition in the key, an edition that was chosen elsewhere is shown as chosen here as well.
    key = f"{key}-{navigation.name_edition(edition)}"
    code = st.selectbox(_("Code"), list(codes), list(codes).index(edition.code), key=f"{key}-code")
    labels = label_versions(codes[code])
    chosen = st.selectbox(
        _("Edition"),
        list(labels),
        list(labels).index(edition) if edition in labels else 0,
        format_func=labels.__getitem__,
        key=f"{key}-{code}",
    )
    if chosen != edition:
        choose_edition(chosen)
        st.query_params.pop("code", None)  # on the page CODE, where the address names the edition
        st.rerun()
    if len(labels) > 1:
        st.page_link(
            navigation.COMPARISON, label=_("What changed between its editions"), icon=":material/difference:"
        )
    st.page_link(navigation.SETTINGS, label=_("Add another code"), icon=":material/add:")


def describe_version(edition: Edition) -> str:
    return _("version of {date}").format(date=edition.date) if edition.date else _("undated version")


def label_versions(editions: Sequence[Edition]) -> dict[Edition, str]:
    """A different label for each edition of one code, as a selectbox needs."""
    count = Counter(edition.date for edition in editions)
    return {
        edition: (edition.date or _("without a date"))
        + ("" if edition.date and count[edition.date] == 1 else f" ({edition.source}, {edition.sha256[:8]})")
        for edition in editions
    }
