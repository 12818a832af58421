"""Two editions of a code beside each other: the articles added, removed, renumbered and changed."""

from collections import Counter
from collections.abc import Sequence

import changed_words
import streamlit as st
from edition_chooser import describe_version, label_versions
from language import _
from messages import user_errors
from navigation import CODE, edition_from_query, name_edition, place_to_query
from visitor import current_edition, open_store

from labourqa.law.comparison import (
    CHANGE_KINDS,
    ArticleChange,
    compare_articles,
    count_unchanged,
    is_another_text,
)
from labourqa.law.edition import Edition
from labourqa.law.references import Reference, show_number
from labourqa.text import escape_markdown

SHOWN = 20  # changes on one page
ICONS = {
    "added": ":material/add:",
    "removed": ":material/remove:",
    "renumbered": ":material/tag:",
    "changed": ":material/edit:",
}


def show() -> None:
    st.title(_("Compare editions"), anchor=False)
    with user_errors():
        old, new = _choose_editions()
        if old is None or new is None:
            return
        changes, unchanged, is_other = _compare(old, new)
        if is_other:
            st.warning(
                _("Almost every article differs: these may be different translations or different codes.")
            )
        _show_changes(changes, unchanged, old, new)


def _choose_editions() -> tuple[Edition | None, Edition | None]:
    """The editions to compare, chosen here or named by the address; None where there is nothing to compare."""
    with open_store() as store:
        codes = store.editions.codes()
        current = current_edition(store)
        named = edition_from_query(store, "old"), edition_from_query(store, "new")
    several = [code for code, editions in codes.items() if len(editions) > 1]
    if not several:
        st.write(
            _(
                "Every code has only one edition. Add another edition of a code in the settings, under the same name."
            )
        )
        return None, None
    wanted = (named[1] or current).code
    code = st.selectbox(_("Code"), several, several.index(wanted) if wanted in several else 0, key="code")
    labels = label_versions(codes[code])  # the newest first
    editions = list(labels)
    left, right = st.columns(2)
    old_index = editions.index(named[0]) if named[0] in editions else 1
    new_index = editions.index(named[1]) if named[1] in editions else 0
    with left:
        old = st.selectbox(_("Old"), editions, old_index, format_func=labels.__getitem__, key=f"old-{code}")
    with right:
        new = st.selectbox(_("New"), editions, new_index, format_func=labels.__getitem__, key=f"new-{code}")
    if old == new:
        st.write(_("Choose two different editions."))
        return None, None
    st.query_params.from_dict({"old": name_edition(old), "new": name_edition(new)})
    return old, new


@st.cache_data(show_spinner=False, max_entries=20)
def _compare(old: Edition, new: Edition) -> tuple[list[ArticleChange], int, bool]:
    """The changes, how many articles are as they were, and whether almost all differ."""
    with open_store() as store:
        old_articles, new_articles = map(store.editions.articles, (old, new))
    changes = compare_articles(old_articles, new_articles)
    return changes, count_unchanged(changes, new_articles), is_another_text(changes, new_articles)


def _show_changes(changes: Sequence[ArticleChange], unchanged: int, old: Edition, new: Edition) -> None:
    counts = Counter(change.kind for change in changes)
    described = [(counts[kind], _(kind)) for kind in CHANGE_KINDS] + [(unchanged, _("unchanged"))]
    st.markdown(", ".join(f"{count} {what}" for count, what in described) + ".")
    kinds = [kind for kind in CHANGE_KINDS if counts[kind]]
    chosen = (
        st.pills(_("Show"), kinds, selection_mode="multi", default=kinds, key="kinds", format_func=_)
        if kinds
        else []
    )
    shown = [change for change in changes if change.kind in chosen]
    pages = -(-len(shown) // SHOWN)
    page = st.pagination(pages, key="changes-page") if pages > 1 else 1
    for change in shown[(page - 1) * SHOWN : page * SHOWN]:
        _show_change(change, old if change.new is None else new)
    st.caption(
        escape_markdown(
            _(
                "Struck through: words of the {old} that are gone. Bold: words that are new in the {new}. “…” stands "
                "for unchanged words."
            ).format(old=describe_version(old), new=describe_version(new))
        )
    )


def _show_change(change: ArticleChange, edition: Edition) -> None:
    name = f"Art. {show_number(change.number)}"
    if change.kind == "renumbered":
        assert change.old is not None
        name += _(" (was Art. {number})").format(number=show_number(change.old.number))
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(CODE, label=name, query_params=place_to_query(edition, Reference(change.number)))
            also = change.kind == "renumbered" and change.words
            st.badge(
                _("renumbered and changed") if also else _(change.kind), icon=ICONS[change.kind], color="gray"
            )
        changed_words.show_words(change)


show()
