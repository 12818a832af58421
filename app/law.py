"""An article on the page, with the cited paragraphs highlighted and scrolled to."""

from collections.abc import Collection

import common
import streamlit as st

from labourqa.answering.export import escape_markdown
from labourqa.errors import UnknownArticleError
from labourqa.law.references import Reference, show_number
from labourqa.law.structure import Article
from labourqa.store.database import Edition

_HIGHLIGHT = """<style>
[class*="st-key-cited-"] {
  background: rgba(255, 196, 0, 0.18);
  border-left: 4px solid #d49a00;
  border-radius: 4px;
  padding: 0.6rem 0.8rem;
}
</style>"""
_scroll = st.components.v2.component(
    "scroll_to_cited",
    js="""export default function () {
  const cited = document.querySelector('[class*="st-key-cited-"]')
  cited?.scrollIntoView({ block: "center" })
}""",
)


def open_article(edition: Edition, reference: Reference, cited: Collection[Reference]) -> None:
    """The article of `reference` beside the page; `cited` are all places to highlight in it."""
    title = f"Article {show_number(reference.article)}"
    st.dialog(title, width="small", position="right")(_show_in_drawer)(edition, reference, cited)


def _show_in_drawer(edition: Edition, reference: Reference, cited: Collection[Reference]) -> None:
    with common.user_errors():
        with common.open_store() as store:
            article = store.article(edition, reference.article)
        st.subheader(escape_markdown(article.title), anchor=False)
        show_paragraphs(article, cited)
        st.page_link(
            common.CODE,
            label=f"{reference} in the code",
            icon=":material/menu_book:",
            query_params=link_to(reference),
        )
        st.caption(escape_markdown(str(edition)))


def link_to(reference: Reference) -> dict[str, str]:
    """The query of the permanent link to a place."""
    query = {"article": reference.article, "paragraph": reference.paragraph}
    return {name: value for name, value in query.items() if value}


def show_paragraphs(article: Article, cited: Collection[Reference]) -> None:
    """The article's paragraphs; those that `cited` names are highlighted, and the first of them is scrolled to.

    Raises UnknownArticleError for a cited paragraph that the article does not have.
    """
    highlighted = {one.paragraph for one in cited if one.article == article.number and one.paragraph}
    if unknown := highlighted - {paragraph.number for paragraph in article.paragraphs}:
        raise UnknownArticleError(f"The code has no {Reference(article.number, min(unknown))}.")
    st.html(_HIGHLIGHT)
    for paragraph in article.paragraphs:
        text = f"{show_number(paragraph.number)}. {paragraph.text}" if paragraph.number else paragraph.text
        if paragraph.number in highlighted:
            with st.container(key=f"cited-{article.number}-{paragraph.number}"):
                st.text(text)
        else:
            st.text(text)
    if highlighted:
        _scroll(key=f"scroll-{article.number}-{'-'.join(sorted(highlighted))}")
