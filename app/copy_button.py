"""Buttons that copy a text with one click; Streamlit has none."""

from collections.abc import Mapping

import streamlit as st
from language import _

_copy = st.components.v2.component(
    "copy_text",
    html='<span class="buttons"></span><span role="status"></span>',
    css="""
button {
  background: none; border: 0; border-radius: var(--st-base-radius); color: var(--st-text-color);
  cursor: pointer; font: inherit; padding: 0.4rem 0.5rem; min-height: 2rem;
}
button:hover, button:focus-visible { color: var(--st-link-color); text-decoration: underline; }
button:focus-visible { outline: 2px solid var(--st-primary-color); }
[role="status"] { margin-left: 0.3rem; }
""",
    js="""export default function ({ data, parentElement }) {
  const status = parentElement.querySelector('[role="status"]')
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text)
    } catch {  // without HTTPS, on another address than this machine
      const area = document.createElement("textarea")
      area.value = text
      document.body.append(area)
      area.select()
      document.execCommand("copy")
      area.remove()
    }
    status.textContent = data.done
    setTimeout(() => { status.textContent = "" }, 5000)
  }
  const box = parentElement.querySelector(".buttons")
  const labels = Object.keys(data.texts)
  // The buttons stay when the page is drawn anew: a click on one that is replaced meanwhile would be lost.
  while (box.children.length < labels.length) box.append(document.createElement("button"))
  while (box.children.length > labels.length) box.lastChild.remove()
  labels.forEach((label, i) => {
    const button = box.children[i]
    button.type = "button"
    button.textContent = label
    button.onclick = () => copy(data.texts[label])
  })
}""",
)


def show(texts: Mapping[str, str], key: str) -> None:
    """A button for each text, by its label."""
    _copy(data={"texts": dict(texts), "done": _("Copied")}, key=key, width="content", height="content")
