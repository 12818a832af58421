"""Settings: of this visitor, of the server's model, the editions, and erasing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from labourqa import pipeline
from labourqa.answering.export import escape_markdown
from labourqa.config import ANSWER_KINDS, METHODS, PRECISIONS, load_settings
from labourqa.doctor import describe_installation
from labourqa.documents.document import read_document
from labourqa.law.parser import parse_code
from labourqa.law.references import show_number

METHODS_IN_WORDS = {
    "auto": "auto: the fastest that this machine can do",
    "article-cache": "article-cache: the question after what was kept of each article",
    "shortlist": "shortlist: only the nearest articles",
    "packed": "packed: all articles anew, in rows without padding",
    "one-by-one": "one-by-one: all articles anew, each by itself",
    "token-batches-logits": "token-batches-logits: all articles anew, in batches",
    "token-batches": "token-batches: the published method (minutes without a GPU)",
    "fixed-batches": "fixed-batches: an older published method (minutes without a GPU)",
}


def show() -> None:
    st.title("Settings", anchor=False)
    with common.user_errors():
        _choose_for_visitor()
        _choose_edition()
        _choose_model()
        _show_installation()
        _forget()


def _choose_for_visitor() -> None:
    st.header("Your questions", anchor=False)
    now = common.settings()
    choices: dict[str, Any] = {
        "method": st.selectbox(
            "How the articles are read",
            METHODS,
            METHODS.index(now.method),
            format_func=METHODS_IN_WORDS.__getitem__,
            key="method",
        ),
        "answer": st.segmented_control(
            "Answer",
            ANSWER_KINDS,
            default=now.answer,
            required=True,
            key="answer-kind",
            help="quoted: the code's own words; written: the model's, each sentence checked; "
            "auto: written by models of a billion parameters or more",
        ),
        "top": st.number_input(
            "Select at most so many articles",
            1,
            value=now.top,
            placeholder="decided by the program",
            key="top",
        ),
        "threshold": st.number_input(
            "Select articles from this score on",
            value=now.threshold,
            placeholder="decided by the program",
            key="from",
        ),
        "answer_tokens": st.number_input(
            "A written answer has at most so many tokens", 1, 4000, now.answer_tokens
        ),
    }
    st.session_state.choices = choices


def _choose_edition() -> None:
    st.header("The labour code", anchor=False)
    with common.open_store() as store:
        editions = store.editions()
        chosen = common.edition(store)
    names = {edition.id: str(edition) for edition in editions}
    st.session_state.setdefault("edition-choice", chosen.id)
    st.session_state.edition = st.selectbox(
        "Which code is asked", list(names), format_func=names.__getitem__, key="edition-choice"
    )
    uploaded = st.file_uploader(
        "Another code (PDF, Word or text)",
        ["pdf", "docx", "txt"],
        key=f"upload-{len(editions)}",  # empty again once a code was kept
    )
    if uploaded is None:
        return
    with _file(uploaded) as path:
        code = parse_code(read_document(path).text)
    first, last = code.articles[0], code.articles[-1]
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(code.name)}**, {escape_markdown(code.date or 'no date found')}")
        st.markdown(
            f"{len(code.articles)} articles recognised, Art. {escape_markdown(show_number(first.number))} to "
            f"{escape_markdown(show_number(last.number))}. Are these its articles?"
        )
        rows = [{"article": show_number(one.number), "title": one.title} for one in code.articles]
        st.dataframe(rows, hide_index=True, height=240)
        st.caption("Kept as the current edition; the first question then lets the model read it once.")
        st.button("Keep this code", type="primary", key="keep", on_click=_keep, args=(uploaded,))


def _keep(uploaded: UploadedFile) -> None:
    """Before the page is drawn again, so that the new edition can be the one chosen there."""
    with common.user_errors(), _file(uploaded) as path, common.open_store() as store:
        edition = pipeline.ingest(store, path)
        st.session_state.edition = st.session_state["edition-choice"] = edition.id


@contextmanager
def _file(uploaded: UploadedFile) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(uploaded.name).name
        path.write_bytes(uploaded.getvalue())
        yield path


def _choose_model() -> None:
    st.header("The model, for everyone on this server", anchor=False)
    now = common.server().loading.settings
    with st.form("model"):
        model = st.text_input(
            "Model",
            now.model,
            help="auto, smollm2-135m, a hub id such as meta-llama/Llama-3.2-3B-Instruct, a local folder, "
            "a GGUF file or the address of an OpenAI-compatible server",
        )
        precision = st.selectbox("Precision", PRECISIONS, PRECISIONS.index(now.precision))
        if st.form_submit_button("Load"):
            settings = load_settings({"model": model, "precision": precision})
            common.server().load(replace(now, model=settings.model, precision=settings.precision))
            st.rerun()
    models = common.server().loading.models
    if models:
        info = models.engine.info
        st.caption(
            escape_markdown(f"Loaded: {info.name} in {info.dtype} on {info.device} ({models.reason}).")
        )


def _show_installation() -> None:
    st.header("This machine", anchor=False)
    with common.open_store() as store:
        lines = describe_installation(common.server().loading.settings, store)
    st.table({"": lines})


def _forget() -> None:
    st.header("Forget everything", anchor=False)
    with common.open_store() as store:
        count = len(store.conversations())
    st.write(
        f"{count} conversation{'' if count == 1 else 's'} kept in a database on this machine, and nowhere else."
    )
    if st.button("Forget everything", icon=":material/delete_forever:", disabled=not count, key="forget"):
        _confirm_forgetting()


@st.dialog("Forget everything?")
def _confirm_forgetting() -> None:
    st.write("All questions, answers and feedback are erased from this machine for good.")
    if st.button("Erase all conversations", type="primary", key="erase"):
        with common.open_store() as store:
            store.erase_answers()
        for name in ("answers", "conversation"):
            st.session_state.pop(name, None)
        st.rerun()


show()
