"""An answer on the page: what it says and rests on, what was read for it, and where the time went."""

import math
from collections.abc import Mapping
from typing import Any

import common
import law
import streamlit as st

from labourqa.answering.export import NOTICE, describe_edition, escape_markdown
from labourqa.answering.selection import select_above
from labourqa.benchmark.compare import PUBLISHED
from labourqa.evaluation.cases import published_figures
from labourqa.law.references import Reference, show_number
from labourqa.store.database import Edition, LoggedAnswer, Store

SCORES_SHOWN = 60
STAGES = {
    "load": "load the model",
    "tokenize": "tokenize",
    "filter": "read the articles",
    "answer_first_token": "first token",
    "answer": "answer",
}


@st.fragment
def show_answer(answer: LoggedAnswer, key: str, *, kept: bool) -> None:
    """`key` tells it from the page's other answers; an answer that is `kept` in the database takes feedback."""
    report = answer.report
    if report["understood"] != report["question"]:
        st.caption(f"Understood as: {escape_markdown(report['understood'])}")
    for unknown in report["unknown"]:
        st.warning(escape_markdown(f"The {report['edition']['code']} has no {unknown}."))
    with common.open_store() as store:
        edition = _edition_of(report, store)
    if report["answer"]["kind"] == "refused":
        st.info(escape_markdown(report["answer"]["text"]), icon=":material/do_not_disturb_on:")
    elif not report["answer"]["statements"]:
        st.text(report["answer"]["text"])
    for place, statement in enumerate(report["answer"]["statements"]):
        _show_statement(statement, report, edition, f"{key}-{place}")
    if not report["answer"]["complete"]:
        limit = report["settings"]["answer_tokens"]
        st.warning(f"The answer stopped at its limit of {limit} tokens; the settings raise it.")
    if report["related"]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Referred to there:")
            _show_chips(report["related"], report, edition, f"{key}-related")
    st.caption(f"{escape_markdown(describe_edition(report))}. {NOTICE}")
    _show_actions(answer, key, kept=kept)
    total = report["seconds"]["total"]
    details = st.expander(
        f"{report['read']} of {len(report['articles'])} articles read, {len(report['selected'])} selected, "
        f"{total:.1f} seconds",
        icon=":material/troubleshoot:",
        key=f"{key}-details",
        on_change="rerun",
    )
    if details.open:
        with details:
            read, time = st.tabs(["What was read", "Where the time went"])
            with read:
                _show_read(report, key)
            with time:
                _show_time(report)


def _edition_of(report: Mapping[str, Any], store: Store) -> Edition | None:
    """The edition that the answer rests on, if it is still kept."""
    sha256 = report["edition"]["sha256"]
    return next((edition for edition in store.editions() if edition.sha256 == sha256), None)


def _show_statement(
    statement: Mapping[str, Any], report: Mapping[str, Any], edition: Edition | None, key: str
) -> None:
    with st.container(border=bool(statement["doubts"]), gap="xsmall"):
        st.text(statement["text"])
        with st.container(horizontal=True, gap="xsmall"):
            _show_chips(statement["references"], report, edition, key)
        for doubt in statement["doubts"]:
            st.badge(
                f"Not borne out by the law: {escape_markdown(doubt)}", icon=":material/flag:", color="orange"
            )


def _show_chips(
    places: list[Mapping[str, str]], report: Mapping[str, Any], edition: Edition | None, key: str
) -> None:
    """A button for each place, which opens its article with all that the answer cites in it."""
    titles = {article["number"]: article["title"] for article in report["articles"]}
    for number, place in enumerate(places):
        reference = Reference(place["article"], place["paragraph"], place["point"])
        opened = st.button(
            escape_markdown(str(reference)),
            key=f"{key}-chip-{number}",
            help=escape_markdown(titles.get(reference.article, "not in the code")),
            disabled=edition is None or reference.article not in titles,
        )
        if opened and edition:
            cited = [
                Reference(one["article"], one["paragraph"], one["point"])
                for one in report["answer"]["citations"]
                if one["supported"]
            ]
            law.open_article(edition, reference, [reference] if reference.paragraph else cited)


def _show_actions(answer: LoggedAnswer, key: str, *, kept: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Copy", icon=":material/content_copy:", type="tertiary"):
            st.code(answer.report["answer"]["text"], language=None, wrap_lines=True)
        if not kept:
            return
        thumbs = st.feedback(
            "thumbs",
            key=f"{key}-thumbs",
            default=None if answer.helpful is None else int(answer.helpful),
            on_change=_save_feedback,
            args=(answer.id, key),
        )
    if thumbs is not None:
        st.text_input(
            "Why? Kept on this machine.",
            value=answer.reason,
            key=f"{key}-reason",
            max_chars=500,
            placeholder="What was right or wrong?",
            on_change=_save_feedback,
            args=(answer.id, key),
        )


def _save_feedback(answer: int, key: str) -> None:
    thumbs = st.session_state[f"{key}-thumbs"]
    with common.open_store() as store:
        store.save_feedback(
            answer, None if thumbs is None else bool(thumbs), st.session_state.get(f"{key}-reason", "")
        )


def _show_read(report: Mapping[str, Any], key: str) -> None:
    scores = {article["number"]: article["score"] for article in report["articles"]}
    ranked = sorted(scores, key=lambda number: -scores[number])
    if not report["read"]:
        st.write("No article was read.")
        return
    read = {number: scores[number] for number in ranked[: report["read"]]}
    default = min(max(report["threshold"], min(read.values())), max(read.values()))
    threshold = st.slider(
        "What would another threshold have selected?",
        float(math.floor(min(read.values()))),  # whole numbers, which the browser sends back as they are
        float(math.ceil(max(read.values()))),
        default,
        key=f"{key}-threshold",
        format="%.2f",
    )
    changed, top = threshold != default, report.get("top")
    selected = select_above(threshold, read, top) if changed else list(report["selected"])
    limit = f", at most {top}" if top else ""
    st.markdown(
        f"**{len(read)} of {len(scores)} articles read, {len(selected)} "
        f"{'would be ' if changed else ''}selected** from a score of {threshold:.2f} on{limit}."
    )
    titles = {article["number"]: article["title"] for article in report["articles"]}
    rows = [
        {
            "selected": number in selected,
            "verdict": "selected" if number in selected else "not selected",
            "article": f"Art. {show_number(number)}",
            "title": titles[number],
            "score": scores[number],
            "rank": rank,
        }
        for rank, number in enumerate(ranked, 1)
    ]
    st.altair_chart(_chart_scores(rows[:SCORES_SHOWN], threshold), alt="Scores of the best articles")
    st.dataframe(
        sorted(rows, key=lambda row: not row["selected"]),
        hide_index=True,
        height=320,
        column_order=["selected", "article", "title", "score"],
        column_config={"score": st.column_config.NumberColumn(format="%.2f")},
    )


def _chart_scores(rows: list[dict[str, Any]], threshold: float) -> Any:
    import altair as alt  # a quarter of a second, which the first page does without

    points = (
        alt.Chart({"values": rows})
        .mark_circle(size=70, opacity=0.9)
        .encode(
            x=alt.X("rank:Q", title=f"the {len(rows)} best articles, by rank"),
            y=alt.Y("score:Q", title="score", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "verdict:N",
                title=None,
                scale=alt.Scale(domain=["selected", "not selected"], range=["#2f7fc1", "#9aa7b3"]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["article:N", "title:N", alt.Tooltip("score:Q", format=".2f")],
        )
    )
    line = alt.Chart({"values": [{"score": threshold}]}).mark_rule(color="#d4701f", strokeDash=[6, 4])
    return alt.layer(points, line.encode(y="score:Q")).properties(height=240)


def _show_time(report: Mapping[str, Any]) -> None:
    import altair as alt

    seconds, tokens = report["seconds"], report["tokens"]
    parts = {stage: seconds[stage] for stage in STAGES}
    if parts["answer_first_token"] < parts["answer"]:
        parts["answer"] -= parts["answer_first_token"]  # what came behind the first token
    else:
        del parts["answer_first_token"]  # the answer came at once
    rows = [{"stage": STAGES[stage], "seconds": value} for stage, value in parts.items()]
    chart = (
        alt.Chart({"values": rows})
        .mark_bar(size=22, color="#2f7fc1")
        .encode(
            x=alt.X("seconds:Q", title="seconds"),
            y=alt.Y("stage:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
            tooltip=["stage:N", alt.Tooltip("seconds:Q", format=".2f")],
        )
        .properties(height=40 * len(rows) + 40)
    )
    st.altair_chart(chart, alt="Seconds by stage")
    with st.container(horizontal=True):
        st.metric("total", f"{seconds['total']:.1f} s")
        st.metric("tokens read", f"{tokens['filter']:,}")
        if seconds["filter"]:
            st.metric("read", f"{tokens['filter'] / seconds['filter']:,.0f} tokens/s")
        if tokens["answer_generated"]:
            st.metric("written", f"{tokens['answer_generated'] / seconds['answer']:,.1f} tokens/s")
        st.metric("peak memory", f"{report['peak_memory_bytes'] / 1e9:.1f} GB")
    st.caption(
        escape_markdown(
            f"{report['model']['name']} in {report['model']['dtype']} on {report['model']['device']}, "
            f"method {report['method']}."
        )
    )
    st.markdown("**Compared with the published method**")
    st.table(_compare_with_published(report))
    if report["method"] != PUBLISHED:
        st.caption(
            f"To measure it here, choose the method {PUBLISHED} in the settings and ask the same question."
        )


def _compare_with_published(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Seconds to read the articles and to answer: here, by the published method here, and as published."""
    with common.open_store() as store:
        measured = store.latest_report(report["question"], PUBLISHED)
    figures = published_figures()
    low, high = figures["answer_seconds"]
    rows = [("this answer", f"{report['seconds']['filter']:.1f}", f"{report['seconds']['answer']:.1f}")]
    if measured:
        here = measured["seconds"]
        rows.append(
            (
                "published method, this question, this machine",
                f"{here['filter']:.1f}",
                f"{here['answer']:.1f}",
            )
        )
    rows.append(
        (
            f"as published ({figures['model']}, {figures['device']})",
            f"{figures['filter_seconds'][PUBLISHED]}",
            f"{low} to {high}",
        )
    )
    return [{"": what, "read the articles, s": read, "answer, s": answered} for what, read, answered in rows]
