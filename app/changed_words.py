"""How an article changed between two editions, with the words that changed."""

from collections.abc import Iterator, Sequence

import streamlit as st

from labourqa.law.comparison import ArticleChange, WordChange, compare_articles, shorten_unchanged
from labourqa.law.structure import Article
from labourqa.store.versions import EarlierVersion
from labourqa.text import escape_markdown


def show_earlier_version(earlier: EarlierVersion, article: Article, key: str) -> None:
    """Since when the article has changed, and on demand its words then and now."""
    if earlier.article is None:
        st.caption(escape_markdown(str(earlier)))
        return
    details = st.expander(
        escape_markdown(str(earlier)), icon=":material/history:", key=key, on_change="rerun", expanded=False
    )
    if details.open:
        with details:
            [change] = compare_articles([earlier.article], [article])
            show_words(change)


def show_words(change: ArticleChange) -> None:
    """The changed words with some around them: removed ones red and struck through, added ones green and bold."""
    st.markdown("".join(_format_words(change.words)).strip() or escape_markdown(change.article.title))


def _format_words(words: Sequence[WordChange]) -> Iterator[str]:
    for number, run in enumerate(words):
        if run.is_unchanged:
            shown = shorten_unchanged(run.new, is_first=number == 0, is_last=number == len(words) - 1)
            yield from _format_lines(shown, "", "")
        else:
            yield from _format_lines(run.old, ":red[~~", "~~]")
            if run.old and not run.new[:1].isspace():
                yield " "
            yield from _format_lines(run.new, ":green[**", "**]")


def _format_lines(text: str, before: str, after: str) -> Iterator[str]:
    """The text as Markdown, each line between these marks; the space around the words stays outside of them."""
    for number, line in enumerate(text.split("\n")):
        if number:
            yield "  \n"
        words = line.strip()
        if words:
            yield (" " if line[0].isspace() else "") + before + escape_markdown(words) + after
            if line[-1].isspace():
                yield " "
