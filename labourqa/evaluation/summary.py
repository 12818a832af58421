"""The summary of an evaluation: means of the measures, with bootstrap intervals, by style, and the worst questions."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labourqa.answering.report import Report
from labourqa.evaluation.cases import Case
from labourqa.evaluation.metrics import (
    f_beta,
    fact_stated,
    ndcg_at,
    precision,
    recall,
    recall_at,
    reciprocal_rank,
)

SELECTION_MEASURES = (
    "recall", "precision", "f2", "all_needed", "selected", "mrr", "recall_at_5", "recall_at_10", "recall_at_20",
    "ndcg_at_10",
)  # fmt: skip
MEASURES = (
    *SELECTION_MEASURES, "facts_stated", "short_facts_stated", "citations_resolve", "refused_rightly",
    "refused_wrongly",
)  # fmt: skip
RESAMPLES = 2_000
WORST = 20

# What one question contributes to each mean: no, one or several values by measure.
_Values = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Means:
    """Means over the questions for which a measure is defined; None where there is no such question."""

    selection: Mapping[str, float]  # SELECTION_MEASURES, over answerable questions with a needed article
    facts: int
    facts_stated: float | None  # over facts
    short_facts_stated: float | None  # over facts, by the short answer alone
    citations: int
    citations_resolve: float | None  # over citations
    refused_rightly: float | None  # over unanswerable questions
    refused_wrongly: float | None  # over answerable questions


@dataclass(frozen=True)
class MissedQuestion:
    """A question for which a needed article was not selected."""

    id: str
    question: str
    missed: Mapping[str, int]  # rank by article number
    selected: Sequence[str]


@dataclass(frozen=True)
class Summary:
    questions: int
    answerable: int
    means: Means
    intervals: Mapping[
        str, tuple[float, float]
    ]  # bootstrap 95% intervals over questions (Efron 1979), by measure
    by_style: Mapping[str, tuple[int, Means]]  # number of questions, and their means
    worst: Sequence[MissedQuestion]  # the one whose needed article ranks lowest first
    median_seconds: Mapping[str, float]  # by stage
    tokens: Mapping[str, int]  # by stage, summed
    peak_memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """The "summary" of `eval --json`."""
        return {
            "questions": self.questions,
            "answerable": self.answerable,
            **asdict(self.means),
            "intervals": dict(self.intervals),
            "by_style": {
                style: {"questions": questions, **asdict(means)}
                for style, (questions, means) in self.by_style.items()
            },
            "worst": [asdict(missed) for missed in self.worst],
            "median_seconds": dict(self.median_seconds),
            "tokens": dict(self.tokens),
            "peak_memory_bytes": self.peak_memory_bytes,
        }


def summarize(cases: Sequence[Case], reports: Sequence[Report]) -> Summary:
    """`reports`: one for each of `cases`, in order, at least one."""
    values = [_measure(case, report) for case, report in zip(cases, reports, strict=True)]
    by_style = {}
    for style in sorted({case.style for case in cases if case.style}):
        of_style = [one for case, one in zip(cases, values, strict=True) if case.style == style]
        by_style[style] = len(of_style), _means(of_style)
    documents = [report.to_json() for report in reports]
    return Summary(
        questions=len(cases),
        answerable=sum(case.answerable for case in cases),
        means=_means(values),
        intervals=_intervals(values),
        by_style=by_style,
        worst=_worst(cases, reports),
        median_seconds={
            stage: statistics.median(document["seconds"][stage] for document in documents)
            for stage in documents[0]["seconds"]
        },
        tokens={
            stage: sum(document["tokens"][stage] for document in documents)
            for stage in documents[0]["tokens"]
        },
        peak_memory_bytes=max(report.peak_memory_bytes for report in reports),
    )


def _measure(case: Case, report: Report) -> _Values:
    refused = report.answer.kind == "refused"
    answered = "" if refused else report.answer.text  # passages beside "no clear answer" answer nothing
    values: dict[str, Sequence[float]] = {
        "facts_stated": [fact_stated(answered, fact) for fact in case.facts],
        "short_facts_stated": [fact_stated(_short_text(report), fact) for fact in case.facts],
        "citations_resolve": [citation.supported for citation in report.answer.citations],
        "refused_wrongly" if case.answerable else "refused_rightly": [refused],
    }
    if case.answerable and case.needed:
        selected, ranked, needed = report.selection.selected, report.ranked_numbers, case.needed
        r, p = recall(selected, needed), precision(selected, needed)
        measured = (
            r, p, f_beta(p, r, beta=2), float(r == 1), len(selected), reciprocal_rank(ranked, needed),
            recall_at(ranked, needed, 5), recall_at(ranked, needed, 10), recall_at(ranked, needed, 20),
            ndcg_at(ranked, case.grades, 10),
        )  # fmt: skip
        values |= {name: [value] for name, value in zip(SELECTION_MEASURES, measured, strict=True)}
    return values


def _short_text(report: Report) -> str:
    return "\n".join(citation.quote for citation in report.answer.short)


def _means(values: Sequence[_Values]) -> Means:
    collected = {name: [value for one in values for value in one.get(name, ())] for name in MEASURES}
    means = {name: statistics.fmean(some) if some else None for name, some in collected.items()}
    return Means(
        selection={name: mean for name in SELECTION_MEASURES if (mean := means[name]) is not None},
        facts=len(collected["facts_stated"]),
        facts_stated=means["facts_stated"],
        short_facts_stated=means["short_facts_stated"],
        citations=len(collected["citations_resolve"]),
        citations_resolve=means["citations_resolve"],
        refused_rightly=means["refused_rightly"],
        refused_wrongly=means["refused_wrongly"],
    )


def _intervals(values: Sequence[_Values]) -> dict[str, tuple[float, float]]:
    """The 2.5th and 97.5th percentiles of each mean when questions are resampled with replacement."""
    samples = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    intervals = {}
    for name in MEASURES:
        sums = np.array([math.fsum(one.get(name, ())) for one in values])[samples].sum(1)
        counts = np.array([len(one.get(name, ())) for one in values])[samples].sum(1)
        if counts.any():
            low, high = np.quantile(sums[counts > 0] / counts[counts > 0], (0.025, 0.975))
            intervals[name] = (float(low), float(high))
    return intervals


def _worst(cases: Sequence[Case], reports: Sequence[Report]) -> list[MissedQuestion]:
    worst = []
    for case, report in zip(cases, reports, strict=True):
        rank = {number: i for i, number in enumerate(report.ranked_numbers, 1)}
        selected = report.selection.selected
        missed = {n: rank[n] for n in case.needed if n in rank and n not in selected}
        if missed:
            worst.append(MissedQuestion(case.id, case.question, missed, list(selected)))
    return sorted(worst, key=lambda one: -max(one.missed.values()))[:WORST]
