"""The article that was opened from an answer: beside the answer on a wide screen, over it on a phone.

The address of the page names the article, so that back, forward, a reload and a copied address lead to it.
"""

import article_view
import law_links
import navigation
import printed_page
import streamlit as st
from language import _
from messages import user_errors
from visitor import current_edition, open_store

from labourqa.law.references import show_number
from labourqa.text import escape_markdown

_PLACE = ("code", "article", "paragraph")  # in the address
_STYLE = """<style>
.st-key-article-pane {
  position: fixed; z-index: 1000000; inset: 0; overflow-y: auto; overscroll-behavior: contain;
  padding: 1rem 1.25rem 3rem; flex-wrap: nowrap; background: var(--page-background, Canvas);
}
.st-key-article-links {
  position: sticky; top: -1rem; z-index: 1; margin: -1rem 0 0; padding: 0.5rem 0; background: inherit;
}
@media (min-width: 62rem) {
  .st-key-article-pane {
    left: auto; width: min(28rem, 38vw); border-left: 1px solid rgba(128, 128, 128, 0.4);
  }
  [data-testid="stMain"] { margin-right: min(28rem, 38vw); width: auto; }
}
@media print { .st-key-article-pane { display: none; } [data-testid="stMain"] { margin-right: 0; } }
</style>"""


@st.fragment
def show() -> None:
    """On the page ASK. A click on a link to an article runs only this anew."""
    reference = navigation.reference_from_query()
    law_links.follow(reference, _open)
    if reference is None:
        return
    st.html(_STYLE)
    with st.container(key="article-pane"), open_store() as store, user_errors():
        edition = navigation.edition_from_query(store) or current_edition(store)
        with st.container(
            horizontal=True,
            horizontal_alignment="distribute",
            vertical_alignment="center",
            key="article-links",
        ):
            st.page_link(
                navigation.CODE,
                label=_("{reference} in the code").format(reference=reference),
                icon=":material/menu_book:",
                query_params=navigation.place_to_query(edition, reference),
            )
            st.button(
                _("Close"),
                icon=":material/close:",
                type="tertiary",
                key="close-article",
                on_click=_open,
                args=({},),
            )
        article = store.editions.article(edition, reference.article)
        title = _("Article {number}. {title}").format(number=show_number(article.number), title=article.title)
        st.subheader(escape_markdown(title), anchor=False)
        st.caption(escape_markdown(str(edition)))
        article_view.show_state(store, edition, article)
        printed_page.show(store, edition, article, [reference])
        article_view.show_paragraphs(store, edition, article, [reference])


def _open(place: dict[str, str]) -> None:
    """Open the article of a place, or with none close it.

    With one change of the address, which the browser remembers as one step.
    """
    others = {name: value for name, value in st.query_params.to_dict().items() if name not in _PLACE}
    st.query_params.from_dict(others | {name: place[name] for name in _PLACE if name in place})
