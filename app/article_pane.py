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


@st.fragment
def show() -> None:
    """On the page ASK. A click on a link to an article runs only this anew."""
    reference = navigation.reference_from_query()
    law_links.follow(reference, _open)
    if reference is None:
        return
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
