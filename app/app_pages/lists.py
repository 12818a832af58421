"""Lists of questions: a CSV file or spreadsheet is answered question by question and comes back with the answers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shutil import rmtree

import streamlit as st
from language import _, ngettext
from messages import ProgressBars, user_errors
from server import server, wait_for_models
from visitor import current_edition, current_owner, current_settings, lists_folder, open_store

from labourqa.answering.report import Report
from labourqa.evaluation.question_lists import SUFFIXES, QuestionList, read_list, write_list
from labourqa.evaluation.results import evaluate_cases, read_reports
from labourqa.files import safe_file_name
from labourqa.pipeline import Assistant
from labourqa.progress import SilentProgress, count_up
from labourqa.server.service import Question

REPORTS = "reports.jsonl"  # beside the list, in a folder for each
NEW = "New list"
TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def show() -> None:
    st.title(_("Lists of questions"), anchor=False)
    with user_errors():
        folder = lists_folder()
        earlier = sorted((path.parent.name for path in folder.glob("*/list")), reverse=True)
        if to_run := st.session_state.pop("list-to-run", None):
            st.session_state["question-list"] = to_run
        chosen = st.selectbox(_("Choose a list"), [NEW, *earlier], key="question-list", format_func=_)
        if chosen == NEW:
            _show_new(folder)
        else:
            _show_list(folder / chosen, run=to_run is not None)


def _show_new(folder: Path) -> None:
    st.write(
        _(
            "Upload a CSV file or a spreadsheet with a column named “question”. Each question is asked on its own, and "
            "the list comes back with answers, references and pages. It is stored on this machine until you remove it."
        )
    )
    uploaded = st.file_uploader(_("List of questions"), list(SUFFIXES), key="list-file")
    if uploaded is None:
        return
    questions = read_list(uploaded.getvalue(), uploaded.name)
    count = len(questions.cases)
    st.write(
        ngettext("{count} question can be asked.", "{count} questions can be asked.", count).format(
            count=count
        )
    )
    if st.button(_("Ask all"), type="primary", icon=":material/play_arrow:", key="ask-list"):
        name = f"{datetime.now():%Y-%m-%d-%H%M%S}-{safe_file_name(Path(uploaded.name).stem)}"
        (folder / name).mkdir(parents=True)
        (folder / name / "list").write_bytes(uploaded.getvalue())
        _run_next(folder / name)


def _run_next(folder: Path) -> None:
    st.session_state["list-to-run"] = folder.name
    st.rerun()


def _show_list(folder: Path, *, run: bool) -> None:
    questions = read_list((folder / "list").read_bytes(), folder.name)
    if run:
        running = st.empty()
        with running.container():
            st.button(_("Stop"), icon=":material/stop_circle:", key="stop-list")
            _run(folder, questions)
        running.empty()
    reports = read_reports(folder / REPORTS) if (folder / REPORTS).exists() else {}
    asked, count = len(reports), len(questions.cases)
    if asked < count:
        st.info(_("{asked} of {count} questions have been asked.").format(asked=asked, count=count))
        if st.button(_("Continue"), icon=":material/play_arrow:", key="continue-list"):
            _run_next(folder)
    if reports:
        _show_answers(folder.name, questions, reports)
    if st.button(_("Remove this list"), icon=":material/delete:", type="tertiary", key="remove-list"):
        rmtree(folder)
        st.session_state["list-to-run"] = NEW
        st.rerun()


def _run(folder: Path, questions: QuestionList) -> None:
    """Ask the questions that were not asked yet; the questions of other visitors are answered in between."""
    progress = ProgressBars()
    models = wait_for_models(server(), progress.show_done)
    owner, settings = current_owner(), replace(current_settings(), log=False)
    assert owner is not None
    with open_store() as store:
        edition = current_edition(store)
        run = Assistant(settings, store, models=models).describe_run(edition)

    def ask(question: str) -> Report:
        asked = Question(question, settings, edition=edition, owner=owner)
        return server().answer(asked, client=owner, progress=SilentProgress()).report

    cases = questions.cases
    show_more = count_up(progress, "questions asked", len(cases))
    evaluate_cases(cases, ask, run=run, out=folder / REPORTS, show_more=show_more)


def _show_answers(name: str, questions: QuestionList, reports: Mapping[str, Report]) -> None:
    with st.container(horizontal=True):
        for suffix, label in (("csv", "CSV"), ("xlsx", _("Spreadsheet"))):
            st.download_button(
                label, write_list(questions, reports, suffix), f"{name}-answers.{suffix}", TYPES[suffix],
                icon=":material/download:", on_click="ignore", key=f"list-{suffix}",
            )  # fmt: skip
    head, *rows = questions.add_answers(reports)
    st.dataframe([dict(zip(_unique(head), row, strict=True)) for row in rows], hide_index=True)


def _unique(headings: list[str]) -> list[str]:
    """The headings, each different, as a table needs them."""
    return [
        f"{one} ({number})" if one in headings[:number] or not one else one
        for number, one in enumerate(headings)
    ]


show()
