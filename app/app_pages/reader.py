"""The code to read: its parts and articles, search, and links between them."""

from itertools import groupby

import common
import law
import streamlit as st

from labourqa.answering.export import escape_markdown
from labourqa.errors import QuestionError, UnknownArticleError
from labourqa.law.references import Reference, find_references, parse_reference, show_number
from labourqa.law.structure import Article
from labourqa.store.database import Edition, Store

FOUND = 25
MARKS = ("\ue000", "\ue001")  # around a found word, until it is formatted; no law has them


def show() -> None:
    st.title("The code", anchor=False)
    with common.user_errors(), common.open_store() as store:
        edition = common.edition(store)
        st.caption(escape_markdown(str(edition)))
        words = st.text_input(
            "Search the code",
            placeholder="Words, or an article such as 144(4)",
            icon=":material/search:",
            key="search",
        ).strip()
        if place := _read_place(words) if words else _read_address():
            _show_article(store, edition, place)
        elif words:
            _search(store, edition, words)
        else:
            _show_contents(store.articles(edition))


def _read_place(words: str) -> Reference | None:
    """The place that the words name, if they are no words to search for."""
    try:
        return parse_reference(words)
    except UnknownArticleError:
        return None


def _read_address() -> Reference | None:
    query = st.query_params
    return Reference(query["article"], query.get("paragraph", "")) if "article" in query else None


def _search(store: Store, edition: Edition, words: str) -> None:
    found = store.search_articles(edition, words, limit=FOUND, marks=MARKS)
    if not found:
        raise QuestionError(f"No article contains all of: {words}")
    for number, title, excerpt in found:
        with st.container(border=True, gap="xsmall"):
            _link(number, f"Art. {show_number(number)}  {title}", "found")
            marked = escape_markdown(" ".join(excerpt.split()))
            st.markdown(marked.replace(MARKS[0], ":yellow-background[").replace(MARKS[1], "]"))
    if len(found) == FOUND:
        st.caption(f"The best {FOUND}; more words find fewer.")


def _show_article(store: Store, edition: Edition, place: Reference) -> None:
    articles = store.articles(edition)
    article = store.article(edition, place.article)
    st.caption(escape_markdown(" · ".join(filter(None, (article.part, article.chapter, article.section)))))
    st.header(escape_markdown(f"Article {show_number(article.number)}. {article.title}"), anchor=False)
    law.show_paragraphs(article, [place])
    numbers = [one.number for one in articles]
    here = numbers.index(article.number)
    to = dict.fromkeys(one.article for one in find_references(article.text) if one.article != article.number)
    _show_links("Refers to", [number for number in to if number in numbers], articles)
    _show_links("Referred to in", store.references_to(edition, article.number), articles)
    with st.container(horizontal=True):
        if here > 0:
            _link(
                numbers[here - 1], f"Art. {show_number(numbers[here - 1])}", "before", ":material/arrow_back:"
            )
        _link("", "Contents", "contents", ":material/toc:")
        if here + 1 < len(numbers):
            _link(
                numbers[here + 1],
                f"Art. {show_number(numbers[here + 1])}",
                "after",
                ":material/arrow_forward:",
            )
    st.caption("The address of this page is a permanent link to this place.")


def _show_links(what: str, numbers: list[str], articles: tuple[Article, ...]) -> None:
    titles = {article.number: article.title for article in articles}
    if numbers:
        st.markdown(f"**{what}**")
    for number in numbers:
        _link(number, f"Art. {show_number(number)}  {titles[number]}", what)


def _show_contents(articles: tuple[Article, ...]) -> None:
    for part, in_part in groupby(articles, key=lambda article: article.part):
        contents = st.expander(escape_markdown(part or "Articles"), key=f"part-{part}", on_change="rerun")
        if not contents.open:
            continue
        with contents:
            for headings, some in groupby(in_part, key=lambda article: (article.chapter, article.section)):
                if any(headings):
                    st.markdown(f"**{escape_markdown(' · '.join(filter(None, headings)))}**")
                for article in some:
                    _link(article.number, f"Art. {show_number(article.number)}  {article.title}", "contents")


def _link(number: str, label: str, where: str, icon: str | None = None) -> None:
    """To an article, or without a number to the contents."""
    st.button(
        escape_markdown(label),
        key=f"{where}-{number}",
        type="tertiary",
        icon=icon,
        on_click=_go_to,
        args=(Reference(number),),
    )


def _go_to(place: Reference) -> None:
    st.session_state.search = ""
    st.query_params.from_dict(law.link_to(place))


show()
