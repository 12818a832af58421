"""Behind an answer: the score of every article, and the time each stage took beside the published method's."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st
from language import _, format_number
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


def show_articles(report: Report, key: str) -> None:
    """Every article with its score, and a slider for what another threshold would have selected."""
    selection, ranked = report.selection, report.ranked_numbers
    if not selection.read:
        st.write(_("No article was read."))
        return
    read_scores = {number: selection.scores[number] for number in ranked[: selection.read]}
    lowest, highest = min(read_scores.values()), max(read_scores.values())
    used = min(max(selection.threshold, lowest), highest)
    threshold = st.slider(
        _("What would another threshold have selected?"),
        float(math.floor(lowest)),  # whole numbers, which the browser sends back unchanged
        float(math.ceil(highest)),
        used,
        key=f"{key}-threshold",
        format="%.2f",
    )
    changed = threshold != used
    selected = select_above(threshold, read_scores, selection.top) if changed else list(selection.selected)
    cited = [] if changed else report.cited_numbers
    would_be = _(
        "**{read} of {articles} articles read, {selected} would be selected** with a score of at least {threshold}."
    )
    were = _(
        "**{read} of {articles} articles read, {selected} selected** with a score of at least {threshold}."
    )
    st.markdown(
        (would_be if changed else were).format(
            read=len(read_scores),
            articles=len(report.titles),
            selected=len(selected),
            threshold=format_number(threshold, 2),
        )
    )
    if selection.top:
        st.caption(_("At most {count} articles are selected.").format(count=selection.top))
    if not changed and 0 < len(cited) < len(selected):
        st.markdown(
            _(
                "The answer rests on {count} of the selected articles: those whose paragraphs come nearest to the "
                "question. The others are useful for reading on."
            ).format(count=len(cited))
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
        _(
            "Each mark is one of the {count} best articles, the best on the left. The higher it stands, the better it "
            "fits the question; those above the dashed line are selected."
        ).format(count=min(CHART_ARTICLES, len(rows)))
    )
    st.altair_chart(_score_chart(rows[:CHART_ARTICLES], threshold), alt=_("Scores of the best articles"))
    with_scores = st.toggle(_("Show the scores as numbers"), key=f"{key}-scores")
    st.dataframe(
        rows,
        hide_index=True,
        height=320,
        column_order=["relevance", "share", "article", "title", *(["score"] if with_scores else [])],
        column_config={
            "relevance": _("relevance"),
            "article": _("article"),
            "title": _("title"),
            "share": st.column_config.ProgressColumn(_("fits"), format=" ", min_value=0.0, max_value=1.0),
            "score": st.column_config.NumberColumn(_("score"), format="%.2f"),
        },
    )


def _describe_relevance(
    number: str, selected: Collection[str], cited: Collection[str], read: Collection[str]
) -> str:
    decisive, useful, left_out, not_read = _relevances()
    if number in cited:
        return decisive
    if number in selected:
        return useful
    return left_out if number in read else not_read


def _relevances() -> tuple[str, ...]:
    return _("decisive"), _("useful"), _("read and left out"), _("not read")


def _share(score: float, lowest: float, highest: float) -> float:
    """Where a score stands between the lowest and the highest one of the articles that were read, 0 to 1."""
    return min(1.0, max(0.0, (score - lowest) / (highest - lowest))) if highest > lowest else 1.0


def show_seconds(report: Report, key: str) -> None:
    """Seconds by stage; on demand tokens a second, peak memory, and the published method's seconds to compare."""
    seconds, tokens, model = report.seconds, report.tokens, report.run.model
    read = _("**{total} s in all:** {finding} s to read {read} articles, {answer} s to choose what to quote.")
    wrote = _("**{total} s in all:** {finding} s to read {read} articles, {answer} s to write the answer.")
    st.markdown(
        (wrote if tokens.answer_generated else read).format(
            total=format_number(seconds.total, 1),
            finding=format_number(seconds.tokenize + seconds.filter, 1),
            read=format_number(report.selection.read),
            answer=format_number(seconds.answer, 1),
        )
    )
    _show_seconds_chart(seconds)
    if seconds.load:
        st.caption(_("{seconds} s of them to load the model").format(seconds=format_number(seconds.load, 1)))
    if not st.toggle(_("Technical details"), key=f"{key}-technical"):
        return
    with st.container(horizontal=True):
        st.metric(_("tokens read"), format_number(tokens.filter))
        if seconds.filter:
            st.metric(
                _("read"), _("{count} tokens/s").format(count=format_number(tokens.filter / seconds.filter))
            )
        if tokens.answer_generated:
            st.metric(
                _("written"),
                _("{count} tokens/s").format(
                    count=format_number(tokens.answer_generated / seconds.answer, 1)
                ),
            )
        st.metric(
            _("peak memory"),
            _("{size} GB").format(size=format_number(report.peak_memory_bytes / 1e9, 1)),
        )
    st.caption(
        escape_markdown(
            _("{name} in {dtype} on {device}, method {method}.").format(
                name=model.name,
                dtype=model.dtype,
                device=model.server_url or model.device,
                method=report.run.method,
            )
        )
    )
    st.markdown(_("**Compared with the published method**"))
    st.table(_compare_with_published(report))
    if report.run.method != PUBLISHED_METHOD:
        st.caption(
            _(
                "To measure it on this machine, choose the method {method} in the settings and ask the same question."
            ).format(method=PUBLISHED_METHOD)
        )


def _score_chart(rows: Sequence[Mapping[str, object]], threshold: float) -> "alt.LayerChart | alt.FacetChart":
    import altair as alt

    relevances = _relevances()
    scale = alt.Scale(domain=relevances, range=["#d4701f", "#2f7fc1", "#8795a1", "#8795a1"])
    shapes = alt.Scale(domain=relevances, range=["diamond", "circle", "triangle-down", "cross"])
    legend = alt.Legend(orient="top", title=None)
    points = (
        alt.Chart({"values": rows})
        .mark_point(size=70, opacity=0.9, filled=True)
        .encode(
            x=alt.X("rank:Q", title=_("the {count} best articles, the best first").format(count=len(rows))),
            y=alt.Y("score:Q", title=_("score"), scale=alt.Scale(zero=False)),
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
        _("load the model"): seconds.load,
        _("tokenize"): seconds.tokenize,
        _("read the articles"): seconds.filter,
    }
    if seconds.answer_first_token < seconds.answer:
        stages[_("first token")] = seconds.answer_first_token
        stages[_("rest of the answer")] = seconds.answer - seconds.answer_first_token
    else:  # not generated
        stages[_("answer")] = seconds.answer
    rows = [{"stage": stage, "seconds": value} for stage, value in stages.items()]
    chart = (
        alt.Chart({"values": rows})
        .mark_bar(size=22, color="#2f7fc1")
        .encode(
            x=alt.X("seconds:Q", title=_("seconds")),
            y=alt.Y("stage:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
            tooltip=["stage:N", alt.Tooltip("seconds:Q", format=".2f")],
        )
        .properties(height=40 * len(rows) + 40)
    )
    st.altair_chart(chart, alt=_("Seconds by stage"))


def _compare_with_published(report: Report) -> list[dict[str, str]]:
    """Seconds to read and to answer: of this answer, of the published method on this machine, and as published."""
    with open_store() as store:
        measured = store.conversations.latest_report(report.question, PUBLISHED_METHOD)
    figures = published_figures()
    low, high = figures.answer_seconds
    rows = [_seconds_row(_("this answer"), report.seconds)]
    if measured:
        rows.append(_seconds_row(_("published method, this question, this machine"), measured.seconds))
    rows.append(
        {
            "": _("as published ({model}, {device})").format(model=figures.model, device=figures.device),
            _("read the articles, s"): f"{figures.filter_seconds[PUBLISHED_METHOD]}",
            _("answer, s"): _("{low} to {high}").format(low=low, high=high),
        }
    )
    return rows


def _seconds_row(name: str, seconds: Seconds) -> dict[str, str]:
    return {
        "": name,
        _("read the articles, s"): format_number(seconds.filter, 1),
        _("answer, s"): format_number(seconds.answer, 1),
    }
