"""What can be done with an answer: keep it as a page, share it as a link, print it, and say which article was right."""

from urllib.parse import quote, urlsplit

import navigation
import streamlit as st
from language import _
from messages import show_error
from visitor import open_store

from labourqa.answering.report import LoggedAnswer
from labourqa.answering.sheet import to_pdf, to_word
from labourqa.errors import UnknownArticleError
from labourqa.evaluation.feedback import parse_right_articles
from labourqa.files import safe_file_name

DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_print = st.components.v2.component(
    "print_page",
    html='<button type="button"></button>',
    css="""
button {
  background: none; border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  color: var(--st-text-color); cursor: pointer; font: inherit; min-height: 2.5rem; padding: 0.25rem 0.75rem;
}
button:focus-visible { outline: 2px solid var(--st-primary-color); }
""",
    js="""export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button")
  button.textContent = data.label
  button.onclick = () => window.print()
}""",
)


def show(logged: LoggedAnswer, key: str) -> None:
    """A menu; an answer that is not in the database cannot be shared."""
    menu = st.popover(
        _("Save or share"),
        icon=":material/ios_share:",
        type="tertiary",
        key=f"{key}-tools",
        on_change="rerun",
    )
    if not menu.open:
        return
    with menu:
        name = safe_file_name(logged.report.question)[:60] or "answer"
        with st.container(horizontal=True):
            st.download_button(
                _("PDF, one page"), lambda: to_pdf(logged), f"{name}.pdf", "application/pdf",
                on_click="ignore", key=f"{key}-pdf",
            )  # fmt: skip
            st.download_button(
                _("Word, one page"), lambda: to_word(logged), f"{name}.docx", DOCX_TYPE,
                on_click="ignore", key=f"{key}-word",
            )  # fmt: skip
            _print(data={"label": _("Print")}, key=f"{key}-print", width="content", height="content")
        if logged.id is not None:
            _show_link(logged.id, key)
        st.page_link(
            navigation.SIDE_BY_SIDE,
            label=_("Ask another code or edition the same"),
            icon=":material/splitscreen:",
            query_params={"question": logged.report.question},
        )


def _show_link(answer: int, key: str) -> None:
    with open_store() as store:
        token = store.shared.token(answer)
    shared = st.toggle(
        _("Everybody with the link may read this answer"),
        value=bool(token),
        key=f"{key}-shared",
        on_change=_change_sharing,
        args=(answer, key),
        help=_("The question and the answer, not the conversation. Switched off, the link leads nowhere."),
    )
    if shared and token:
        server = urlsplit(st.context.url or "")
        address = f"{server.scheme}://{server.netloc}/{navigation.SHARED_PATH}?answer={quote(token)}"
        st.code(address, language=None, wrap_lines=True)  # with a button that copies it


def _change_sharing(answer: int, key: str) -> None:
    with open_store() as store:
        if st.session_state[f"{key}-shared"]:
            store.shared.share(answer)
        else:
            store.shared.withdraw(answer)


def show_right_articles(logged: LoggedAnswer, key: str) -> None:
    """Under an answer that did not help: which article answers the question. It becomes a labelled question."""
    if logged.id is None:
        return
    typed = st.text_input(
        _("Which article answers it?"),
        value=logged.right_articles,
        key=f"{key}-right",
        max_chars=200,
        placeholder=_("For example 144(4), 117; or none, if the code does not answer it"),
    )
    if typed.strip() == logged.right_articles:
        return
    try:
        parse_right_articles(typed)
    except UnknownArticleError as error:
        show_error(str(error))
        return
    with open_store() as store:
        store.conversations.save_right_articles(logged.id, typed.strip())
    st.caption(_("Thank you. The question is a part of the next evaluation."))
