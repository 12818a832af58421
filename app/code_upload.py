"""Adds a code from a file: what was recognised in it is shown before it is stored."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import streamlit as st
from language import _
from messages import user_errors
from visitor import choose_edition, current_settings, open_store

from labourqa.ingestion import CONFIDENCE_SENTENCES, Inspection, describe_findings, describe_law, inspect_file
from labourqa.law.edition import check_code_name
from labourqa.law.inspection import FoundAct
from labourqa.law.references import show_number
from labourqa.pipeline import Assistant
from labourqa.text import escape_markdown

FILE_TYPES = ["pdf", "docx", "html", "htm", "xml", "md", "txt"]
ICONS = {"good": ":material/check_circle:", "check": ":material/visibility:", "poor": ":material/warning:"}


def show() -> None:
    uploaded = st.file_uploader(
        _("Another code (PDF, Word, web page, Akoma Ntoso or text)"),
        FILE_TYPES,
        key=f"upload-{st.session_state.get('stored-uploads', 0)}",  # empty again once a code was stored
    )
    if uploaded is None:
        st.session_state.pop("inspections", None)
        return
    content = uploaded.getvalue()
    with user_errors():
        inspection = _inspect(uploaded.name, content, act=None)
        acts = inspection.report.acts
        if len(acts) > 1:
            chosen = st.selectbox(
                _("The file has {count} acts. Which one do you want to read?").format(count=len(acts)),
                acts,
                inspection.report.chosen_act - 1,
                format_func=_describe_act,
                key="act",
            )
            if chosen.number != inspection.report.chosen_act:
                inspection = _inspect(uploaded.name, content, act=str(chosen.number))
        _show_report(inspection)
        _show_storing(inspection)


def _inspect(name: str, content: bytes, act: str | None) -> Inspection:
    """The code in the file. It is read once, not at each run of the page."""
    key = (name, hashlib.sha256(content).digest(), act)
    inspections: dict[object, Inspection] = st.session_state.setdefault("inspections", {})
    if key not in inspections:
        with st.spinner(_("Reading the file")), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(content)
            inspections[key] = inspect_file(path, act=act)
    return inspections[key]


def _describe_act(act: FoundAct) -> str:
    name = act.name or _("without a name")
    return _("{number}: {name}, {articles} articles").format(
        number=act.number, name=name, articles=act.articles
    )


def _show_report(inspection: Inspection) -> None:
    code, report = inspection.code, inspection.report
    first, last = (escape_markdown(show_number(code.articles[index].number)) for index in (0, -1))
    with st.container(border=True):
        date = code.date or _("no date found")
        st.markdown(f"**{escape_markdown(code.name)}**, {escape_markdown(date)}")
        st.markdown(
            _("{count} articles recognised, Art. {first} to {last}.").format(
                count=len(code.articles), first=first, last=last
            )
        )
        st.markdown(
            _("{icon} Confidence: {sentence}.").format(
                icon=ICONS[report.confidence], sentence=CONFIDENCE_SENTENCES[report.confidence]
            )
        )
        for reason in report.reasons:
            st.warning(escape_markdown(reason))
        st.markdown(_("**Three articles to compare with the file**"))
        for sample in report.samples:
            with st.container(gap="xxsmall"):
                st.caption(escape_markdown(f"Art. {show_number(sample.number)}  {sample.title}".rstrip()))
                st.text(sample.beginning)
        details = st.expander(_("Everything that was found"), key="findings", on_change="rerun")
        if details.open:
            with details:
                st.table({"": dict([*describe_law(inspection), *describe_findings(inspection)])})
                for line in report.unassigned_examples:
                    st.text(line)
                rows = [{"article": show_number(one.number), "title": one.title} for one in code.articles]
                st.dataframe(rows, hide_index=True, height=240)


def _show_storing(inspection: Inspection) -> None:
    with open_store() as store:
        names = list(store.editions.codes())
    name = st.selectbox(
        _("Name of the code"),
        list(dict.fromkeys([inspection.code.name, *names])),
        accept_new_options=True,
        key=f"name-{inspection.document.sha256}-{inspection.report.chosen_act}",
        help=_("Files under one name are editions of one code, ordered by their dates."),
    )
    is_poor = inspection.report.confidence == "poor"
    st.button(
        _("Store this code all the same") if is_poor else _("Store this code"),
        type="primary",
        key="store-code",
        on_click=_store,
        args=(inspection, name),
    )
    st.caption(_("Your next conversation uses it. The model reads it once before the first answer."))


def _store(inspection: Inspection, name: str) -> None:
    """A callback, which runs before the page is drawn again, so that the new edition is chosen there."""
    with user_errors(), open_store() as store:
        named = replace(inspection, code=replace(inspection.code, name=check_code_name(name)))
        # Stored even if it was read with little confidence: the visitor has seen why.
        choose_edition(Assistant(current_settings(), store).store_code(named, force=True))
        st.session_state["stored-uploads"] = st.session_state.get("stored-uploads", 0) + 1
