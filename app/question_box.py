"""Around the question box: a counter for long questions, the focus, and where the page scrolls to.

Streamlit has none of it, so a component without content of its own does it in the browser.
"""

from typing import Any

import streamlit as st
from language import _, format_number

from labourqa.answering.question import MAX_QUESTION_CHARACTERS, MAX_READ_WORDS

COUNTED_FROM = 300  # characters; a shorter question needs no counter
SETTLE_MILLISECONDS = 3_000  # in which the elements of a page appear, on a slow machine
_assist: Any = st.components.v2.component(
    "question_box",
    html='<p role="status" aria-live="polite"></p>',
    css="""
p { margin: 0; font-size: 0.875rem; color: var(--st-text-color); opacity: 0.8; }
p.too-long { font-weight: 600; opacity: 1; }
p:empty { display: none; }
""",
    js="""export default function ({ data, parentElement }) {
  const counter = parentElement.querySelector("p")
  const box = () => document.querySelector('[data-testid="stChatInputTextArea"]')
  const isPhone = () => window.innerWidth < 768

  const count = () => {
    const text = box()?.value ?? "", characters = [...text].length
    counter.className = characters > data.limit ? "too-long" : ""
    if (characters < data.countedFrom) { counter.textContent = ""; return }
    const words = Math.min(text.split(/\\s+/).filter(Boolean).length, data.readWords)
    const seconds = Math.max(1, Math.round(data.baseSeconds + words * data.wordSeconds))
    counter.textContent = data.counter.replace("{count}", characters.toLocaleString("en"))
      + (characters > data.limit ? "" : data.wordSeconds ? data.estimate.replace("{seconds}", seconds) : "")
  }
  const onInput = (event) => { if (event.target === box()) count() }
  const onClick = (event) => {
    const chosen = event.target.closest?.('[class*="st-key-open-conversation-"] button, .st-key-new button')
    if (chosen && isPhone()) document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click()
  }
  document.addEventListener("input", onInput, true)
  document.addEventListener("click", onClick, true)
  count()

  // The elements of the page appear one after the other, and those above move those below.
  if (data.moment !== window.questionBoxMoment) {
    window.questionBoxMoment = data.moment
    let userMoved = false
    const note = () => { userMoved = true }
    for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      window.addEventListener(name, note, { once: true, capture: true, passive: true })
    }
    const focused = () => [document.body, box()].includes(document.activeElement)
    const until = Date.now() + data.settleMs
    const settle = () => {
      if (userMoved || data.moment !== window.questionBoxMoment) return
      const questions = document.querySelectorAll('[class*="st-key-question-of-"]')
      questions[questions.length - 1]?.scrollIntoView({ block: "start" })
      if (!isPhone() && focused()) box()?.focus({ preventScroll: true })
      if (Date.now() < until) setTimeout(settle, 150)
    }
    settle()
  }
  return () => {
    document.removeEventListener("input", onInput, true)
    document.removeEventListener("click", onClick, true)
  }
}""",
)


def assist(moment: str, pace: tuple[float, float] | None) -> None:
    """At each new `moment`, the page scrolls to the last question, and the question box has the focus.

    `pace`: the seconds that a question takes, and those that each of its words adds, if they are known.
    """
    base, word = pace or (0.0, 0.0)
    _assist(
        data={
            "moment": moment,
            "settleMs": SETTLE_MILLISECONDS,
            "limit": MAX_QUESTION_CHARACTERS,
            "countedFrom": COUNTED_FROM,
            "readWords": MAX_READ_WORDS,
            "baseSeconds": base,
            "wordSeconds": word,
            "counter": _("{{count}} of {most} characters").format(
                most=format_number(MAX_QUESTION_CHARACTERS)
            ),
            "estimate": _(", about {seconds} s to answer"),
        },
        key="question-box",
        height="content",
    )
