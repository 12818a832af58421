"""The code to read: its parts and articles, a search, and links between articles."""

from collections.abc import Sequence
from itertools import groupby

import article_view
import edition_chooser
import law_links
import printed_page
import streamlit as st
from language import _
from messages import show_error, user_errors
from navigation import edition_from_query, place_to_query, reference_from_query
from server import server
from visitor import current_edition, open_store

from labourqa.errors import UnknownArticleError
from labourqa.law.edition import Edition
from labourqa.law.references import Reference, find_references, parse_reference, show_number
from labourqa.law.structure import Article
from labourqa.searching import search_code
from labourqa.store import Store
from labourqa.store.editions import SearchHit
from labourqa.text import escape_markdown

MAX_HITS = 25
MARKS = (
    "\ue000",
    "\ue001",
)  # around each found word until it is formatted: private-use characters, in no law


def show() -> None:
    st.title(_("The code"), anchor=False)
    with user_errors(), open_store() as store:
        edition = edition_from_query(store) or current_edition(store)
        if "code" in st.query_params and not edition_from_query(store):
            st.warning(_("The edition that this address names is not stored; this is the current one."))
        edition_chooser.show(edition, "reader-edition")
        law_links.follow(None, _follow)
        words = st.text_input(
            _("Search the code"),
            placeholder=_("Words, a question, or an article such as 144(4)"),
            icon=":material/search:",
            key="search",
        ).strip()
        if reference := _typed_reference(words) if words else reference_from_query():
            _show_article(store, edition, reference)
        elif words:
            _show_hits(store, edition, words)
        else:
            _show_contents(store.editions.articles(edition))


def _typed_reference(words: str) -> Reference | None:
    """The article or paragraph that the words name; None for words to search for."""
    try:
        return parse_reference(words)
    except UnknownArticleError:
        return None


def _show_hits(store: Store, edition: Edition, words: str) -> None:
    found = search_code(store, edition, words, models=server().loading.models, limit=MAX_HITS, marks=MARKS)
    if found.searched != words:
        st.caption(escape_markdown(_("Searched for: {words}").format(words=found.searched)))
    if not found.exact:
        message = _("No article contains all of: {words}").format(words=found.searched)
        if found.near:
            st.caption(escape_markdown(message))
        else:
            show_error(message)
    for hit in found.exact:
        _show_hit(hit, "found")
    if len(found.exact) == MAX_HITS:
        st.caption(
            _("Only the best {count} are shown; add a word to narrow the search.").format(count=MAX_HITS)
        )
    if found.near:
        st.markdown(_("**Near in meaning**") if server().loading.models else _("**With some of the words**"))
    for hit in found.near:
        _show_hit(hit, "near")


def _show_hit(hit: SearchHit, key: str) -> None:
    with st.container(border=True, gap="xsmall"):
        _show_article_button(hit.number, hit.title, key=key)
        excerpt = escape_markdown(" ".join(hit.excerpt.split()))
        st.markdown(excerpt.replace(MARKS[0], ":yellow-background[").replace(MARKS[1], "]"))


def _show_article(store: Store, edition: Edition, reference: Reference) -> None:
    articles = store.editions.articles(edition)
    article = store.editions.article(edition, reference.article)
    headings = filter(None, (article.part, article.chapter, article.section))
    st.caption(escape_markdown(" · ".join(headings)))
    st.header(
        escape_markdown(
            _("Article {number}. {title}").format(number=show_number(article.number), title=article.title)
        ),
        anchor=False,
    )
    article_view.show_state(store, edition, article)
    printed_page.show(store, edition, article, [reference])
    article_view.show_paragraphs(store, edition, article, [reference])
    mentioned = dict.fromkeys(mention.article for mention in find_references(article.text))
    mentioned.pop(article.number, None)
    _show_linked_articles(_("Refers to"), list(mentioned), articles)
    _show_linked_articles(
        _("Referred to in"), store.editions.references_to(edition, article.number), articles
    )
    _show_neighbours(article, articles)
    st.caption(_("The address of this page is a permanent link to this place in the code."))


def _show_linked_articles(heading: str, numbers: Sequence[str], articles: Sequence[Article]) -> None:
    """Links to those of the articles that the code has."""
    titles = {article.number: article.title for article in articles}
    known = [number for number in numbers if number in titles]
    if known:
        st.markdown(f"**{heading}**")
    for number in known:
        _show_article_button(number, titles[number], key=heading)


def _show_neighbours(article: Article, articles: Sequence[Article]) -> None:
    """Links to the article before, the table of contents and the article after."""
    numbers = [one.number for one in articles]
    index = numbers.index(article.number)
    with st.container(horizontal=True):
        if index > 0:
            _show_article_button(numbers[index - 1], key="previous", icon=":material/arrow_back:")
        st.button(
            _("Contents"),
            key="contents",
            type="tertiary",
            icon=":material/toc:",
            on_click=_open,
            args=(None,),
        )
        if index + 1 < len(numbers):
            _show_article_button(numbers[index + 1], key="next", icon=":material/arrow_forward:")


def _show_contents(articles: Sequence[Article]) -> None:
    for part, in_part in groupby(articles, key=lambda article: article.part):
        contents = st.expander(escape_markdown(part or _("Articles")), key=f"part-{part}", on_change="rerun")
        if not contents.open:
            continue
        with contents:
            for headings, group in groupby(in_part, key=lambda article: (article.chapter, article.section)):
                if any(headings):
                    st.markdown(f"**{escape_markdown(' · '.join(filter(None, headings)))}**")
                for article in group:
                    _show_article_button(article.number, article.title, key="contents")


def _show_article_button(number: str, title: str = "", *, key: str, icon: str | None = None) -> None:
    """A link to an article; `key` distinguishes it from other links to the same article."""
    st.button(
        escape_markdown(f"Art. {show_number(number)}  {title}".rstrip()),
        key=f"{key}-{number}",
        type="tertiary",
        icon=icon,
        on_click=_open,
        args=(Reference(number),),
    )


def _follow(place: dict[str, str]) -> None:
    """Go to the place that a link in the law's text names."""
    st.session_state.search = ""
    st.query_params.from_dict(place)


def _open(reference: Reference | None) -> None:
    """Go to an article, or with None to the table of contents."""
    st.session_state.search = ""
    with open_store() as store:
        edition = edition_from_query(store) or current_edition(store)
    st.query_params.from_dict(place_to_query(edition, reference))


show()
