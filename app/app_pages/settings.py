"""Settings: the visitor's own, the edition, the server's model, what is installed, and erasing conversations."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import streamlit as st
from messages import user_errors
from server import server
from streamlit.runtime.uploaded_file_manager import UploadedFile
from visitor import choose_edition, choose_settings, current_edition, current_settings, open_store

from labourqa.config import ANSWER_KINDS, PRECISIONS, load_settings
from labourqa.doctor import describe_installation
from labourqa.ingestion import Inspection, inspect_file
from labourqa.law.edition import Edition
from labourqa.law.references import show_number
from labourqa.methods import METHODS, QUESTION_METHODS
from labourqa.pipeline import Assistant
from labourqa.text import escape_markdown


def show() -> None:
    st.title("Settings", anchor=False)
    with user_errors():
        _show_visitor_settings()
        _show_editions()
        _show_model()
        _show_installation()
        _show_erasing()


def _show_visitor_settings() -> None:
    st.header("Your questions", anchor=False)
    settings = current_settings()
    method = st.selectbox(
        "How the articles are read",
        QUESTION_METHODS,
        QUESTION_METHODS.index(settings.method),
        format_func=_describe_method,
        key="method",
    )
    answer = st.segmented_control(
        "Answer",
        ANSWER_KINDS,
        default=settings.answer,
        required=True,
        key="answer-kind",
        help="quoted: the code's own words; written: the model's words, each sentence checked against the code; "
        "auto: written by models with a billion parameters or more",
    )
    top = st.number_input(
        "Select at most this many articles",
        1,
        value=settings.top,
        placeholder="decided by the program",
        key="top",
    )
    threshold = st.number_input(
        "Select articles with at least this score",
        value=settings.threshold,
        placeholder="decided by the program",
        key="lowest-score",
    )
    answer_tokens = st.number_input(
        "Longest written answer, in tokens", 1, 4000, settings.answer_tokens, key="answer-tokens"
    )
    choose_settings(
        replace(
            settings, method=method, answer=answer, top=top, threshold=threshold, answer_tokens=answer_tokens
        )
    )


def _describe_method(name: str) -> str:
    what = "chosen for the model and the machine" if name == "auto" else METHODS[name].help
    return f"{name}: {what}"


def _show_editions() -> None:
    st.header("The labour code", anchor=False)
    with open_store() as store:
        labels = _label_editions(store.editions.all())
        current = current_edition(store)
    if st.session_state.get("edition-choice") not in labels:  # not chosen yet, or removed meanwhile
        st.session_state["edition-choice"] = current
    choose_edition(
        st.selectbox("Answer from", list(labels), format_func=labels.__getitem__, key="edition-choice")
    )
    uploaded = st.file_uploader(
        "Another code (PDF, Word, web page, Akoma Ntoso or text)",
        ["pdf", "docx", "html", "htm", "xml", "md", "txt"],
        key=f"upload-{st.session_state.get('stored-uploads', 0)}",  # empty again once a code was stored
    )
    if uploaded is not None:
        with _temporary_file(uploaded) as path:
            _show_preview(inspect_file(path))
        st.button("Store this code", type="primary", key="store-code", on_click=_store_code, args=(uploaded,))


def _label_editions(editions: Sequence[Edition]) -> dict[Edition, str]:
    """Different labels, as a selectbox needs: two files of one name may hold different texts of one version."""
    count = Counter(map(str, editions))
    return {
        edition: f"{edition}, SHA-256 {edition.sha256[:8]}" if count[str(edition)] > 1 else str(edition)
        for edition in editions
    }


def _show_preview(inspection: Inspection) -> None:
    """What was recognised in an uploaded document, and what the visitor should check before it is stored."""
    code = inspection.code
    first, last = (escape_markdown(show_number(code.articles[index].number)) for index in (0, -1))
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(code.name)}**, {escape_markdown(code.date or 'no date found')}")
        st.markdown(
            f"{len(code.articles)} articles recognised, Art. {first} to {last}. Are these its articles?"
        )
        for reason in inspection.report.reasons:
            st.warning(escape_markdown(reason))
        rows = [{"article": show_number(article.number), "title": article.title} for article in code.articles]
        st.dataframe(rows, hide_index=True, height=240)
        st.caption("Once stored, it is the current edition. The model reads it once before the first answer.")


def _store_code(uploaded: UploadedFile) -> None:
    """A callback, which runs before the page is drawn again, so that the new edition can be chosen there."""
    with user_errors(), _temporary_file(uploaded) as path, open_store() as store:
        # Stored even if it was read with little confidence: the visitor has seen why.
        edition = Assistant(current_settings(), store).ingest(path, force=True)
        choose_edition(edition)
        st.session_state["edition-choice"] = edition
        st.session_state["stored-uploads"] = st.session_state.get("stored-uploads", 0) + 1


@contextmanager
def _temporary_file(uploaded: UploadedFile) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(uploaded.name).name
        path.write_bytes(uploaded.getvalue())
        yield path


def _show_model() -> None:
    st.header("The model, for everyone on this server", anchor=False)
    settings = server().settings
    with st.form("model"):
        model = st.text_input(
            "Model",
            settings.model,
            help="auto, smollm2-135m, a hub id such as meta-llama/Llama-3.2-3B-Instruct, a local folder, "
            "a GGUF file or the address of an OpenAI-compatible server",
        )
        precision = st.selectbox("Precision", PRECISIONS, PRECISIONS.index(settings.precision))
        if st.form_submit_button("Load"):
            chosen = load_settings({"model": model, "precision": precision})  # checks both
            server().load(replace(settings, model=chosen.model, precision=chosen.precision))
            st.rerun()
    models = server().loading.models
    if models:
        info = models.engine.info
        st.caption(
            escape_markdown(f"Loaded: {info.name} in {info.dtype} on {info.device} ({models.reason}).")
        )


def _show_installation() -> None:
    st.header("This machine", anchor=False)
    with open_store() as store:
        lines = describe_installation(server().settings, store)
    st.table({"": lines})


def _show_erasing() -> None:
    st.header("Forget everything", anchor=False)
    with open_store() as store:
        count = len(store.conversations.search())
    st.write(
        f"{count} conversation{'' if count == 1 else 's'} stored in a database on this machine, and nowhere else."
    )
    if st.button("Forget everything", icon=":material/delete_forever:", disabled=not count, key="forget"):
        _confirm_erasing()


@st.dialog("Forget everything?")
def _confirm_erasing() -> None:
    st.write("All questions, answers and feedback are erased from this machine for good.")
    if st.button("Erase all conversations", type="primary", key="erase"):
        with open_store() as store:
            store.conversations.erase_all()
        for name in ("answers", "conversation"):
            st.session_state.pop(name, None)
        st.rerun()


show()
