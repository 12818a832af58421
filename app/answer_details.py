"""Behind an answer: the score of every article, and the time each stage took beside the published method's."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st
from visitor import open_store

from labourqa.answering.report import Report, Seconds
from labourqa.answering.selection import select_above
from labourqa.evaluation.cases import published_figures
from labourqa.law.references import show_number
from labourqa.methods import PUBLISHED_METHOD
from labourqa.text import escape_markdown

if TYPE_CHECKING:
    import altair as alt  # imported where a chart is drawn: it takes 0.25 s, which the first page does not need

CHART_ARTICLES = 60
RELEVANCE = ("decisive", "useful", "read and left out", "not read")


def show_articles(report: Report, key: str) -> None:
    """Every article with its score, and a slider for what another threshold would have selected."""
    selection, ranked = report.selection, report.ranked_numbers
    if not selection.read:
        st.write("No article was read.")
        return
    read_scores = {number: selection.scores[number] for number in ranked[: selection.read]}
    lowest, highest = min(read_scores.values()), max(read_scores.values())
    used = min(max(selection.threshold, lowest), highest)
    threshold = st.slider(
        "What would another threshold have selected?",
        float(math.floor(lowest)),  # whole numbers, which the browser sends back unchanged
        float(math.ceil(highest)),
        used,
        key=f"{key}-threshold",
        format="%.2f",
    )
    changed = threshold != used
    selected = select_above(threshold, read_scores, selection.top) if changed else list(selection.selected)
    cited = [] if changed else report.cited_numbers
    limit = f", at most {selection.top}" if selection.top else ""
    st.markdown(
        f"**{len(read_scores)} of {len(report.titles)} articles read, {len(selected)} "
        f"{'would be ' if changed else ''}selected** with a score of at least {threshold:.2f}{limit}."
    )
    if not changed and 0 < len(cited) < len(selected):
        st.markdown(
            f"The answer rests on {len(cited)} of the selected articles: those whose paragraphs come nearest to the "
            "question. The others are useful for reading on."
        )
    rows = [
        {
            "relevance": _describe_relevance(number, selected, cited, read_scores),
            "share": _share(selection.scores[number], lowest, highest),
            "article": f"Art. {show_number(number)}",
            "title": report.titles[number],
            "score": selection.scores[number],
            "rank": rank,
        }
        for rank, number in enumerate(ranked, 1)
    ]
    st.caption(
        f"Each mark is one of the {min(CHART_ARTICLES, len(rows))} best articles, the best on the left. The higher it "
        "stands, the better it fits the question; those above the dashed line are selected."
    )
    st.altair_chart(_score_chart(rows[:CHART_ARTICLES], threshold), alt="Scores of the best articles")
    with_scores = st.toggle("Show the scores as numbers", key=f"{key}-scores")
    st.dataframe(
        rows,
        hide_index=True,
        height=320,
        column_order=["relevance", "share", "article", "title", *(["score"] if with_scores else [])],
        column_config={
            "share": st.column_config.ProgressColumn("fits", format=" ", min_value=0.0, max_value=1.0),
            "score": st.column_config.NumberColumn(format="%.2f"),
        },
    )


def _describe_relevance(
    number: str, selected: Collection[str], cited: Collection[str], read: Collection[str]
) -> str:
    if number in cited:
        return RELEVANCE[0]
    if number in selected:
        return RELEVANCE[1]
    return RELEVANCE[2] if number in read else RELEVANCE[3]


def _share(score: float, lowest: float, highest: float) -> float:
    """Where a score stands between the lowest and the highest one of the articles that were read, 0 to 1."""
    return min(1.0, max(0.0, (score - lowest) / (highest - lowest))) if highest > lowest else 1.0


def show_seconds(report: Report, key: str) -> None:
    """Seconds by stage; on demand tokens a second, peak memory, and the published method's seconds to compare."""
    seconds, tokens, model = report.seconds, report.tokens, report.run.model
    loading = f"{seconds.load:.1f} s to load the model, " if seconds.load else ""
    what = "write the answer" if tokens.answer_generated else "choose what to quote"
    st.markdown(
        f"**{seconds.total:.1f} s in all:** {loading}{seconds.tokenize + seconds.filter:.1f} s to read "
        f"{report.selection.read:,} articles, {seconds.answer:.1f} s to {what}."
    )
    _show_seconds_chart(seconds)
    if not st.toggle("Technical details", key=f"{key}-technical"):
        return
    with st.container(horizontal=True):
        st.metric("tokens read", f"{tokens.filter:,}")
        if seconds.filter:
            st.metric("read", f"{tokens.filter / seconds.filter:,.0f} tokens/s")
        if tokens.answer_generated:
            st.metric("written", f"{tokens.answer_generated / seconds.answer:,.1f} tokens/s")
        st.metric("peak memory", f"{report.peak_memory_bytes / 1e9:.1f} GB")
    st.caption(
        escape_markdown(
            f"{model.name} in {model.dtype} on {model.server_url or model.device}, method {report.run.method}."
        )
    )
    st.markdown("**Compared with the published method**")
    st.table(_compare_with_published(report))
    if report.run.method != PUBLISHED_METHOD:
        st.caption(
            f"To measure it on this machine, choose the method {PUBLISHED_METHOD} in the settings and ask the same "
            "question."
        )


def _score_chart(rows: Sequence[Mapping[str, object]], threshold: float) -> "alt.LayerChart | alt.FacetChart":
    import altair as alt

    scale = alt.Scale(domain=RELEVANCE, range=["#d4701f", "#2f7fc1", "#8795a1", "#8795a1"])
    shapes = alt.Scale(domain=RELEVANCE, range=["diamond", "circle", "triangle-down", "cross"])
    legend = alt.Legend(orient="top", title=None)
    points = (
        alt.Chart({"values": rows})
        .mark_point(size=70, opacity=0.9, filled=True)
        .encode(
            x=alt.X("rank:Q", title=f"the {len(rows)} best articles, the best first"),
            y=alt.Y("score:Q", title="score", scale=alt.Scale(zero=False)),
            color=alt.Color("relevance:N", scale=scale, legend=legend),
            shape=alt.Shape("relevance:N", scale=shapes, legend=legend),  # colour alone carries no meaning
            tooltip=["article:N", "title:N", alt.Tooltip("score:Q", format=".2f")],
        )
    )
    line = alt.Chart({"values": [{"score": threshold}]}).mark_rule(color="#d4701f", strokeDash=[6, 4])
    return alt.layer(points, line.encode(y="score:Q")).properties(height=240)


def _show_seconds_chart(seconds: Seconds) -> None:
    import altair as alt

    stages = {
        "load the model": seconds.load,
        "tokenize": seconds.tokenize,
        "read the articles": seconds.filter,
    }
    if seconds.answer_first_token < seconds.answer:
        stages["first token"] = seconds.answer_first_token
        stages["rest of the answer"] = seconds.answer - seconds.answer_first_token
    else:  # not generated
        stages["answer"] = seconds.answer
    rows = [{"stage": stage, "seconds": value} for stage, value in stages.items()]
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


def _compare_with_published(report: Report) -> list[dict[str, str]]:
    """Seconds to read and to answer: of this answer, of the published method on this machine, and as published."""
    with open_store() as store:
        measured = store.conversations.latest_report(report.question, PUBLISHED_METHOD)
    figures = published_figures()
    low, high = figures.answer_seconds
    rows = [_seconds_row("this answer", report.seconds)]
    if measured:
        rows.append(_seconds_row("published method, this question, this machine", measured.seconds))
    rows.append(
        {
            "": f"as published ({figures.model}, {figures.device})",
            "read the articles, s": f"{figures.filter_seconds[PUBLISHED_METHOD]}",
            "answer, s": f"{low} to {high}",
        }
    )
    return rows


def _seconds_row(name: str, seconds: Seconds) -> dict[str, str]:
    return {"": name, "read the articles, s": f"{seconds.filter:.1f}", "answer, s": f"{seconds.answer:.1f}"}
