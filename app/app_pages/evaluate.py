"""Evaluation: the four reference cases or a file of questions, measured on this machine."""

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import altair as alt
import common
import streamlit as st

from labourqa.answering.export import escape_markdown
from labourqa.config import REFERENCE_CASES
from labourqa.evaluation.cases import Case, ask_cases, published_figures, read_cases, read_reports, summarize

QUESTIONS, REPORTS = "questions.jsonl", "reports.jsonl"  # in a folder of its own for each evaluation
NEW = "A new one"
MEASURES = {
    "recall": "needed articles selected",
    "precision": "selected articles needed",
    "mrr": "mean reciprocal rank",
    "recall_at_10": "needed among the first 10",
}


def show() -> None:
    st.title("Evaluation", anchor=False)
    with common.user_errors():
        folder = common.server().loading.settings.home / "evaluations"
        earlier = sorted((path.parent.name for path in folder.glob(f"*/{QUESTIONS}")), reverse=True)
        if begun := st.session_state.pop("begun", None):
            st.session_state.evaluation = begun
        chosen = st.selectbox("Which evaluation", [NEW, *earlier], key="evaluation")
        if chosen == NEW:
            _prepare(folder)
        else:
            _show_evaluation(folder / chosen, run=begun is not None)


def _prepare(folder: Path) -> None:
    st.write(
        "Ask labelled questions and see whether the articles that are needed were selected. Without a file these are "
        "the four reference cases, beside the published figures."
    )
    uploaded = st.file_uploader("A file of questions, one JSON object a line", ["jsonl"], key="questions")
    if not st.button("Run", type="primary", icon=":material/play_arrow:", key="run"):
        return
    name = re.sub(r"[^\w.-]+", "-", Path(uploaded.name).stem) if uploaded else "reference-cases"
    with tempfile.TemporaryDirectory() as draft:
        questions = Path(draft) / name
        questions.write_bytes(uploaded.getvalue() if uploaded else REFERENCE_CASES.read_bytes())
        read_cases(questions)  # what is no file of questions is not kept
        own = folder / f"{datetime.now():%Y-%m-%d-%H%M%S}-{name}"
        own.mkdir(parents=True)
        shutil.copy(questions, own / QUESTIONS)
    st.session_state.begun = own.name
    st.rerun()


def _show_evaluation(own: Path, *, run: bool) -> None:
    """What was measured so far; with `run`, ask what was not asked yet first."""
    cases = read_cases(own / QUESTIONS)
    if run:
        running = st.empty()
        with running.container():
            st.button("Stop", icon=":material/stop_circle:", key="stop-evaluation")
            _run(own, cases)
        running.empty()
    reports = read_reports(own / REPORTS) if (own / REPORTS).exists() else {}
    asked = [case for case in cases if case.id in reports]
    if len(asked) < len(cases):
        st.info(f"{len(asked)} of {len(cases)} questions were asked.")
        if st.button("Go on", icon=":material/play_arrow:", key="go-on"):
            st.session_state.begun = own.name
            st.rerun()
    if asked:
        _show_results(own.name, asked, [reports[case.id] for case in asked])


def _run(own: Path, cases: Sequence[Case]) -> None:
    progress = common.Shown()
    models = common.wait_for_models(progress.show_done)
    with common.open_store() as store:
        ask_cases(
            cases,
            settings=common.settings(),
            store=store,
            edition=common.edition(store),
            models=models,
            progress=progress,
            out=own / REPORTS,
        )


def _show_results(name: str, cases: Sequence[Case], reports: Sequence[dict[str, Any]]) -> None:
    _show_summary(summarize(cases, reports))
    rows = [_describe(case, report) for case, report in zip(cases, reports, strict=True)]
    st.dataframe(rows, hide_index=True)
    _show_seconds(reports)
    if any(case.published for case in cases):
        _show_published(cases, reports)
    lines = "".join(json.dumps(report) + "\n" for report in reports)
    st.download_button("Reports (JSON lines)", lines, f"{name}.jsonl", on_click="ignore")


def _show_summary(summary: dict[str, Any]) -> None:
    with st.container(horizontal=True):
        st.metric("questions", summary["questions"])
        for name, label in MEASURES.items():
            if (value := summary["selection"].get(name)) is not None:
                st.metric(label, f"{value:.2f}")
        if summary["facts_stated"] is not None:
            st.metric("facts stated", f"{summary['facts_stated']:.2f}")
        st.metric("median seconds", f"{summary['median_seconds']['total']:.1f}")


def _describe(case: Case, report: dict[str, Any]) -> dict[str, Any]:
    return {
        "question": case.question,
        "selected": ", ".join(report["selected"]) or "none",
        "needed": ", ".join(case.needed) or "none",
        "found": f"{len(set(case.needed) & set(report['selected']))} of {len(case.needed)}",
        "read, s": round(report["seconds"]["filter"], 1),
        "answer, s": round(report["seconds"]["answer"], 1),
        "answer": report["answer"]["kind"],
    }


def _show_seconds(reports: Sequence[dict[str, Any]]) -> None:
    rows = [
        {"question": place, "stage": label, "seconds": report["seconds"][stage]}
        for place, report in enumerate(reports, 1)
        for stage, label in (("filter", "read the articles"), ("answer", "answer"))
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
    st.altair_chart(chart, alt="Seconds of each question by stage")


def _show_published(cases: Sequence[Case], reports: Sequence[dict[str, Any]]) -> None:
    figures = published_figures()
    low, high = figures["answer_seconds"]
    st.subheader("Beside the published figures", anchor=False)
    st.caption(escape_markdown(f"Published: {figures['model']} on {figures['device']}."))
    rows = [
        {
            "question": case.question,
            "selected": f"{len(report['selected'])} [{case.published['selected']}]",
            "of those named in the published answer": f"{sum(n in report['selected'] for n in named)} of {len(named)}",
            "read, s": f"{report['seconds']['filter']:.1f} [{figures['filter_seconds']['token-batches']}]",
            "answer, s": f"{report['seconds']['answer']:.1f} [{low} to {high}]",
        }
        for case, report in zip(cases, reports, strict=True)
        if case.published
        for named in [case.published["answer_articles"]]
    ]
    st.caption("In brackets: what was published.")
    st.table(rows)


show()
