"""A button that copies a text with one click; Streamlit has none."""

import streamlit as st

_copy = st.components.v2.component(
    "copy_text",
    html='<button type="button"></button><span role="status"></span>',
    css="""
button {
  background: none; border: 0; border-radius: var(--st-base-radius); color: var(--st-text-color);
  cursor: pointer; font: inherit; padding: 0.4rem 0.5rem;
}
button:hover, button:focus-visible { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); }
span { margin-left: 0.3rem; }
""",
    js="""export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button")
  const status = parentElement.querySelector("span")
  button.textContent = data.label
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(data.text)
    } catch {  // without HTTPS, on another address than this machine
      const area = document.createElement("textarea")
      area.value = data.text
      document.body.append(area)
      area.select()
      document.execCommand("copy")
      area.remove()
    }
    status.textContent = data.done
    setTimeout(() => { status.textContent = "" }, 2000)
  }
}""",
)


def show(text: str, key: str) -> None:
    _copy(data={"text": text, "label": "Copy", "done": "Copied"}, key=key, width="content", height="content")
