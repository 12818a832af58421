"""Buttons that copy a text with one click; Streamlit has none."""

from collections.abc import Mapping

import streamlit as st

_copy = st.components.v2.component(
    "copy_text",
    html='<div></div><span role="status"></span>',
    css="""
div { display: inline; }
button {
  background: none; border: 0; border-radius: var(--st-base-radius); color: var(--st-text-color);
  cursor: pointer; font: inherit; padding: 0.4rem 0.5rem; min-height: 2rem;
}
button:hover, button:focus-visible { color: var(--st-link-color); text-decoration: underline; }
button:focus-visible { outline: 2px solid var(--st-primary-color); }
span { margin-left: 0.3rem; }
""",
    js="""export default function ({ data, parentElement }) {
  const status = parentElement.querySelector("span")
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
    setTimeout(() => { status.textContent = "" }, 2000)
  }
  parentElement.querySelector("div").replaceChildren(...Object.entries(data.texts).map(([label, text]) => {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = label
    button.onclick = () => copy(text)
    return button
  }))
}""",
)


def show(texts: Mapping[str, str], key: str) -> None:
    """A button for each text, by its label."""
    _copy(data={"texts": dict(texts), "done": "Copied"}, key=key, width="content", height="content")
