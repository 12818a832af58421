"""Evaluation: the four reference cases or a file of labelled questions, asked and measured on this machine."""

import json
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import altair as alt
import streamlit as st
from language import _, ngettext
from messages import ProgressBars, user_errors
from server import server, wait_for_models
from visitor import current_edition, current_settings, evaluations_folder, open_store

from labourqa.answering.report import Report
from labourqa.config import REFERENCE_CASES
from labourqa.evaluation.cases import Case, published_figures, read_cases
from labourqa.evaluation.feedback import ID_PREFIX, label_questions, write_questions
from labourqa.evaluation.results import read_reports
from labourqa.evaluation.summary import Summary, summarize
from labourqa.files import safe_file_name
from labourqa.methods import PUBLISHED_METHOD
from labourqa.pipeline import Assistant
from labourqa.text import escape_markdown

QUESTIONS, REPORTS = "questions.jsonl", "reports.jsonl"  # the files in each evaluation's folder
NEW = "New evaluation"


def show() -> None:
    st.title(_("Evaluation"), anchor=False)
    with user_errors():
        evaluations = evaluations_folder()
        earlier = sorted((path.parent.name for path in evaluations.glob(f"*/{QUESTIONS}")), reverse=True)
        if to_run := st.session_state.pop("evaluation-to-run", None):
            st.session_state.evaluation = to_run
        chosen = st.selectbox(_("Choose an evaluation"), [NEW, *earlier], key="evaluation", format_func=_)
        if chosen == NEW:
            _show_new(evaluations)
        else:
            _show_evaluation(evaluations / chosen, run=to_run is not None)


def _show_new(evaluations: Path) -> None:
    st.write(
        _(
            "Ask questions with known answers and see whether the needed articles are selected. Without a file, the "
            "four reference cases are asked and compared with the published figures."
        )
    )
    uploaded = st.file_uploader(_("File of questions, one JSON object per line"), ["jsonl"], key="questions")
    with open_store() as store:
        said = store.conversations.answers_with_feedback()
    count = len(label_questions(said))
    add_feedback = count > 0 and st.checkbox(
        ngettext(
            "Also ask the {count} question whose right articles you named",
            "Also ask the {count} questions whose right articles you named",
            count,
        ).format(count=count),
        key="add-feedback",
    )
    if not st.button(_("Run"), type="primary", icon=":material/play_arrow:", key="run"):
        return
    name = safe_file_name(Path(uploaded.name).stem) if uploaded else "reference-cases"
    content = uploaded.getvalue() if uploaded else REFERENCE_CASES.read_bytes()
    if add_feedback:
        content = content.rstrip() + b"\n" + write_questions(said).encode()
    _check_questions(f"{name}.jsonl", content)
    folder = evaluations / f"{datetime.now():%Y-%m-%d-%H%M%S}-{name}"
    folder.mkdir(parents=True)
    (folder / QUESTIONS).write_bytes(content)
    _run_next(folder)


def _check_questions(file_name: str, content: bytes) -> None:
    """Raises EvaluationError, before anything is stored, when `content` is not a file of questions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file_name
        path.write_bytes(content)
        read_cases(path)


def _run_next(folder: Path) -> None:
    """Run the page again, with the evaluation in `folder` chosen and running."""
    st.session_state["evaluation-to-run"] = folder.name
    st.rerun()


def _show_evaluation(folder: Path, *, run: bool) -> None:
    """The results so far; with `run`, the questions that were not asked yet are asked first."""
    cases = read_cases(folder / QUESTIONS)
    if run:
        running = st.empty()
        with running.container():
            st.button(_("Stop"), icon=":material/stop_circle:", key="stop-evaluation")
            _run(folder, cases)
        running.empty()
    reports = read_reports(folder / REPORTS) if (folder / REPORTS).exists() else {}
    asked = [case for case in cases if case.id in reports]
    if len(asked) < len(cases):
        st.info(_("{asked} of {count} questions have been asked.").format(asked=len(asked), count=len(cases)))
        if st.button(_("Continue"), icon=":material/play_arrow:", key="continue"):
            _run_next(folder)
    if asked:
        _show_results(folder.name, asked, [reports[case.id] for case in asked])


def _run(folder: Path, cases: Sequence[Case]) -> None:
    progress = ProgressBars()
    models = wait_for_models(server(), progress.show_done)
    with open_store() as store:
        assistant = Assistant(current_settings(), store, models=models, progress=progress)
        assistant.evaluate(cases, edition=current_edition(store), out=folder / REPORTS)


def _show_results(name: str, cases: Sequence[Case], reports: Sequence[Report]) -> None:
    _show_summary(summarize(cases, reports))
    rows = [_describe_result(case, report) for case, report in zip(cases, reports, strict=True)]
    st.dataframe(rows, hide_index=True)
    _show_seconds(reports)
    published = [(case, report) for case, report in zip(cases, reports, strict=True) if case.published]
    if published:
        _show_published([case for case, _ in published], [report for _, report in published])
    lines = "".join(json.dumps(report.to_json()) + "\n" for report in reports)
    st.download_button(_("Reports (JSON lines)"), lines, f"{name}.jsonl", on_click="ignore")


def _show_summary(summary: Summary) -> None:
    means = summary.means
    with st.container(horizontal=True):
        st.metric(_("questions"), summary.questions)
        measures = {  # name in the summary -> label and explanation
            "recall": (_("recall"), _("needed articles that were selected")),
            "precision": (_("precision"), _("selected articles that were needed")),
            "mrr": (_("mean reciprocal rank"), _("1 divided by the rank of the first needed article")),
            "recall_at_10": (_("recall at 10"), _("needed articles among the 10 best")),
        }
        for name, (label, explanation) in measures.items():
            if (value := means.selection.get(name)) is not None:
                st.metric(label, f"{value:.2f}", help=explanation)
        if means.facts_stated is not None:
            st.metric(
                _("facts stated"),
                f"{means.facts_stated:.2f}",
                help=_("expected facts that the answers state"),
            )
        st.metric(_("median seconds"), f"{summary.median_seconds['total']:.1f}")


def _describe_result(case: Case, report: Report) -> dict[str, object]:
    selected = report.selection.selected
    return {
        _("question"): case.question,
        _("from"): _("feedback") if case.id.startswith(ID_PREFIX) else _("labelled"),
        _("selected"): ", ".join(selected) or _("none"),
        _("needed"): ", ".join(case.needed) or _("none"),
        _("found"): f"{len(set(case.needed) & set(selected))} / {len(case.needed)}",
        _("read, s"): round(report.seconds.filter, 1),
        _("answer, s"): round(report.seconds.answer, 1),
        _("answer"): _(report.answer.kind),
    }


def _show_seconds(reports: Sequence[Report]) -> None:
    rows = [
        {"question": number, "stage": stage, "seconds": seconds}
        for number, report in enumerate(reports, 1)
        for stage, seconds in (
            (_("read the articles"), report.seconds.filter),
            (_("answer"), report.seconds.answer),
        )
    ]
    chart = (
        alt.Chart({"values": rows})
        .mark_bar()
        .encode(
            x=alt.X("question:O", axis=alt.Axis(labelAngle=0)),
            y="seconds:Q",
            color=alt.Color("stage:N", title=None, scale=alt.Scale(range=["#d4701f", "#2f7fc1"])),
            tooltip=["question:O", "stage:N", alt.Tooltip("seconds:Q", format=".2f")],
        )
    )
    st.altair_chart(chart, alt=_("Seconds of each question by stage"))


def _show_published(cases: Sequence[Case], reports: Sequence[Report]) -> None:
    figures = published_figures()
    low, high = figures.answer_seconds
    st.subheader(_("Compared with the published figures"), anchor=False)
    st.caption(
        escape_markdown(
            _("In brackets: the figures published for {model} on {device}.").format(
                model=figures.model, device=figures.device
            )
        )
    )
    rows = []
    for case, report in zip(cases, reports, strict=True):
        if case.published:
            selected, named = report.selection.selected, case.published.answer_articles
            found = sum(number in selected for number in named)
            rows.append(
                {
                    "question": case.question,
                    "selected": f"{len(selected)} [{case.published.selected}]",
                    _("of those named in the published answer"): f"{found} of {len(named)}",
                    _("read, s"): f"{report.seconds.filter:.1f} [{figures.filter_seconds[PUBLISHED_METHOD]}]",
                    _("answer, s"): f"{report.seconds.answer:.1f} [{low} to {high}]",
                }
            )
    st.table(rows)


show()
