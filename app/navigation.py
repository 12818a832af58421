"""The pages, and the addresses of places in the code."""

import streamlit as st

from labourqa.law.references import Reference

ASK = st.Page("app_pages/ask.py", title="Ask", icon=":material/forum:", default=True)
CODE = st.Page("app_pages/reader.py", title="The code", icon=":material/menu_book:")
EVALUATION = st.Page("app_pages/evaluate.py", title="Evaluation", icon=":material/monitoring:")
SETTINGS = st.Page("app_pages/settings.py", title="Settings", icon=":material/settings:")
PAGES = [ASK, CODE, EVALUATION, SETTINGS]


def reference_to_query(reference: Reference) -> dict[str, str]:
    """The query parameters of the permanent link to an article or paragraph on the page CODE."""
    query = {"article": reference.article, "paragraph": reference.paragraph}
    return {name: value for name, value in query.items() if value}


def reference_from_query() -> Reference | None:
    """The article or paragraph that the address of the current page names."""
    query = st.query_params
    return Reference(query["article"], query.get("paragraph", "")) if "article" in query else None
