"""An article on the page; the cited paragraphs are highlighted, and the first of them is scrolled to."""

from collections.abc import Collection

import changed_words
import law_links
import streamlit as st
from language import _

from labourqa.law.edition import Edition
from labourqa.law.references import Reference, show_number
from labourqa.law.structure import Article
from labourqa.store import Store
from labourqa.store.versions import find_earlier_version

_scroll_to_cited = st.components.v2.component(
    "scroll_to_cited",
    js="""export default function () {
  const cited = document.querySelector('[class*="st-key-cited-"]')
  cited?.scrollIntoView({ block: "center" })
}""",
)


def show_state(store: Store, edition: Edition, article: Article) -> None:
    """Whether the article is repealed, whether its title is its own, and since when its words have changed."""
    if article.repealed:
        st.badge(_("Repealed"), icon=":material/block:", color="orange")
    if article.title and not article.title_is_own:
        of_section = _("The law gives this article no title; this is the title of its section.")
        of_chapter = _("The law gives this article no title; this is the title of its chapter.")
        of_part = _("The law gives this article no title; this is the title of its part.")
        st.caption(of_section if article.section else of_chapter if article.chapter else of_part)
    if earlier := find_earlier_version(store.editions, edition, article):
        changed_words.show_earlier_version(earlier, article, key=f"earlier-{article.number}")


def show_paragraphs(store: Store, edition: Edition, article: Article, cited: Collection[Reference]) -> None:
    """The article's paragraphs, with links; those that `cited` names are highlighted, the first is scrolled to.

    Raises UnknownArticleError for a cited paragraph that the article does not have.
    """
    highlighted = {
        article.paragraph(reference.paragraph).number
        for reference in cited
        if reference.article == article.number and reference.paragraph
    }
    known = store.editions.numbers(edition)
    for paragraph in article.paragraphs:
        text = f"{show_number(paragraph.number)}. {paragraph.text}" if paragraph.number else paragraph.text
        linked = law_links.link_references(text, edition, known)
        if paragraph.number in highlighted:
            with st.container(key=f"cited-{article.number}-{paragraph.number}"):
                st.markdown(linked)
        else:
            st.markdown(linked)
    if highlighted:
        _scroll_to_cited(key=f"scroll-{article.number}-{'-'.join(sorted(highlighted))}")
