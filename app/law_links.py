"""Links to articles of an edition: after quoted paragraphs, and where the law's text refers to other articles.

A link is an ordinary one, to the article's address on the page CODE. On a page that follows links, a click opens the
article within the page instead.
"""

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from navigation import place_to_query

from labourqa.law.edition import Edition
from labourqa.law.references import Reference, locate_references
from labourqa.text import escape_markdown

CODE_PATH = "reader"  # of the page CODE, beside the other pages
_KEY = "follow-links"
# Beside following links: Escape closes the article, which has the focus when it opens; then the link has it again.
_follow_links: Any = st.components.v2.component(
    "follow_links",
    js="""export default function ({ data, parentElement, setStateValue }) {
  const pane = () => document.querySelector(".st-key-article-pane")
  // A state, since Streamlit sends the triggers of a fragment again with each later one. The time makes it new.
  window.linkFollower = {
    path: data.path,
    isShown: () => parentElement.isConnected,
    follow: (place) => setStateValue("followed", { place, time: Date.now() }),
  }
  // Added once: while the page is drawn anew, a click would meet no listener, and the link would open a tab.
  if (!document.documentElement.dataset.followsLinks) {
    document.documentElement.dataset.followsLinks = "yes"
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.('a[href*="article="]'), follower = window.linkFollower
      if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
      const address = new URL(link.href)
      if (!follower.isShown() || !address.pathname.endsWith(`/${follower.path}`)) return
      event.preventDefault()
      event.stopPropagation()
      if (!pane()?.contains(link)) window.articleOpenedFrom = link
      follower.follow(address.search.slice(1))
    }, true)
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && pane()) window.linkFollower.follow("")
    })
  }
  const background = getComputedStyle(document.querySelector(".stApp")).backgroundColor
  document.documentElement.style.setProperty("--page-background", background)
  if (data.open !== (window.openArticle ?? "")) {
    window.openArticle = data.open
    if (!data.open) window.articleOpenedFrom?.focus({ preventScroll: true })
  }
}""",
)


def link(edition: Edition, reference: Reference, label: str = "") -> str:
    """A link as Markdown, with the reference as its label if there is no other."""
    query = urlencode(place_to_query(edition, reference))
    return f"[{escape_markdown(label or str(reference))}]({CODE_PATH}?{query})"


def link_references(text: str, edition: Edition, known: Collection[str]) -> str:
    """The text as Markdown; what refers to one of the `known` articles, by number, is a link."""
    pieces: list[str] = []
    end = 0
    for span in locate_references(text):
        if span.references and span.references[0].article in known:
            label = text[span.start : span.end]
            pieces += [format_lines(text[end : span.start]), link(edition, span.references[0], label)]
            end = span.end
    return "".join([*pieces, format_lines(text[end:])])


def format_lines(text: str) -> str:
    """Untrusted text as Markdown that keeps its lines."""
    first, *others = text.split("\n")
    # Lines that begin with four spaces would be code.
    return "  \n".join(escape_markdown(line) for line in (first, *(other.lstrip() for other in others)))


def follow(opened: Reference | None, on_follow: Callable[[dict[str, str]], None]) -> None:
    """Follow the page's links to articles within the page.

    `on_follow` gets the parameters of a link's address that name the place, or none when Escape is pressed; `opened` is
    the reference whose article is shown in a pane.
    """

    def follow_clicked() -> None:
        on_follow(dict(parse_qsl(st.session_state[_KEY]["followed"]["place"])))

    _follow_links(
        data={"path": CODE_PATH, "open": str(opened or "")},
        key=_KEY,
        width="content",
        height="content",
        on_followed_change=follow_clicked,
    )
