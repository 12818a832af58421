"""The pages, and the addresses of places in the code."""

import streamlit as st
from language import _

from labourqa.errors import NoEditionError
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.store import Store

# Files of pages, by which pages are switched to and linked to.
ASK = "app_pages/ask.py"
CODE = "app_pages/reader.py"
COMPARISON = "app_pages/compare.py"
SIDE_BY_SIDE = "app_pages/side_by_side.py"
LISTS = "app_pages/lists.py"
SHARED = "app_pages/shared.py"
SHARED_PATH = "shared"  # of its address
EVALUATION = "app_pages/evaluate.py"
SETTINGS = "app_pages/settings.py"
CHECKSUM_DIGITS = 12  # that name an edition in an address


def pages() -> list[st.Page]:
    """The pages in the order of the menu. New for each run: Streamlit changes them, and visitors' runs overlap."""
    return [
        st.Page(ASK, title=_("Ask"), icon=":material/forum:", default=True),
        st.Page(CODE, title=_("The code"), icon=":material/menu_book:"),
        st.Page(COMPARISON, title=_("Compare editions"), icon=":material/difference:"),
        st.Page(SIDE_BY_SIDE, title=_("Compare answers"), icon=":material/splitscreen:"),
        st.Page(LISTS, title=_("Lists of questions"), icon=":material/checklist:"),
        st.Page(SHARED, title=_("Shared answer"), icon=":material/share:", visibility="hidden"),
        st.Page(EVALUATION, title=_("Evaluation"), icon=":material/monitoring:"),
        st.Page(SETTINGS, title=_("Settings"), icon=":material/settings:"),
    ]


def name_edition(edition: Edition) -> str:
    """A name under which `Editions.find` finds exactly this edition."""
    return f"{edition.code}@{edition.sha256[:CHECKSUM_DIGITS]}"


def place_to_query(edition: Edition, reference: Reference | None = None) -> dict[str, str]:
    """The query parameters of the permanent link to an article, paragraph or edition on the page CODE."""
    query = {"code": name_edition(edition)}
    if reference:
        query |= {"article": reference.article, "paragraph": reference.paragraph}
    return {name: value for name, value in query.items() if value}


def reference_from_query() -> Reference | None:
    """The article or paragraph that the address of the current page names."""
    query = st.query_params
    return Reference(query["article"], query.get("paragraph", "")) if "article" in query else None


def edition_from_query(store: Store, name: str = "code") -> Edition | None:
    """The edition that this parameter of the address names; None if it names none that is stored."""
    try:
        return store.editions.find(st.query_params[name]) if st.query_params.get(name) else None
    except NoEditionError:
        return None
