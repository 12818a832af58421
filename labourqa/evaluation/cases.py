"""Batch evaluation: cases -> reports -> measures. A case is a line of a JSON-lines file (format: data/README.md)."""

import json
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labourqa import pipeline
from labourqa.answering.report import describe_run, ranked_numbers
from labourqa.config import DATA, Settings
from labourqa.errors import EvaluationError
from labourqa.evaluation.metrics import (
    f_beta,
    fact_stated,
    ndcg_at,
    precision,
    recall,
    recall_at,
    reciprocal_rank,
)
from labourqa.store.database import Edition, Store

NEEDED_GRADE = 2
SELECTION = (
    "recall", "precision", "f2", "all_needed", "selected", "mrr", "recall_at_5", "recall_at_10", "recall_at_20",
    "ndcg_at_10",
)  # fmt: skip
MEASURES = (*SELECTION, "facts_stated", "citations_resolve", "refused_rightly", "refused_wrongly")
RESAMPLES = 2_000
WORST = 20


@dataclass(frozen=True)
class Case:
    """A question with what is known of its answer."""

    id: str
    question: str
    answerable: bool
    style: str  # how it is put: everyday, scenario, keywords, formal; "" if that is not known
    grades: Mapping[str, int]  # article number -> 2 needed, 1 useful
    facts: Sequence[Sequence[Sequence[str]]]  # of each fact: one string of every inner list occurs
    published: Mapping[str, Any] | None  # what the published method gave, for the reference cases

    @property
    def needed(self) -> list[str]:
        return [number for number, grade in self.grades.items() if grade >= NEEDED_GRADE]


def read_cases(path: Path) -> list[Case]:
    """Raises EvaluationError naming the line that cannot be used."""
    cases = []
    for number, line in enumerate(_read_lines(path), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            case = Case(
                id=str(fields.get("id", number)),
                question=str(fields["question"]),
                answerable=bool(fields.get("answerable", True)),
                style=str(fields.get("style", "")),
                grades={str(article): int(grade) for article, grade in fields.get("articles", {}).items()},
                facts=[fact["must_contain"] for fact in fields.get("facts", [])],
                published=fields.get("published"),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(
                f'Line {number} of {path} is no question ({error}); a line is {{"question": "...", ...}}.'
            ) from error
        cases.append(case)
    if not cases:
        raise EvaluationError(f"{path} holds no question.")
    if len({case.id for case in cases}) < len(cases):
        raise EvaluationError(f"{path} uses an id twice; give each question its own.")
    return cases


def evaluate(
    cases: Sequence[Case],
    ask: Callable[[str], dict[str, Any]],
    *,
    run: Mapping[str, Any],
    out: Path | None = None,
    show_done: Callable[[int], None],
) -> list[dict[str, Any]]:
    """The report of every case, in order, each with the case's `id`.

    With `out`, each report is appended to that file as soon as it is there, and those it already holds are
    not asked again. Raises EvaluationError when the file holds reports of another `run` (report.describe_run).
    """
    done = {}
    if out is not None:
        _append(out, "")  # before minutes are spent on what could not be written
        done = read_reports(out)
    for report in done.values():
        _check_same_run(report, run, out)
    reports: list[dict[str, Any]] = []
    for case in cases:
        report = done.get(case.id, {})
        if not report:
            report = {"id": case.id, **ask(case.question)}
            if out is not None:
                _append(out, json.dumps(report) + "\n")  # ASCII: a line cut short is still text
        elif report["question"] != case.question:
            raise EvaluationError(
                f"{out} holds another question as {case.id}; choose another file for --out."
            )
        reports.append(report)
        show_done(len(reports))
    return reports


def ask_cases(
    cases: Sequence[Case],
    *,
    settings: Settings,
    store: Store,
    edition: Edition,
    models: pipeline.Models,
    progress: pipeline.Progress,
    out: Path | None = None,
) -> list[dict[str, Any]]:
    """`evaluate` with the program itself, on `edition`."""

    def ask(question: str) -> dict[str, Any]:
        return pipeline.ask(
            question, settings=settings, store=store, edition=edition, models=models, progress=progress
        ).to_json()

    def show_done(done: int) -> None:
        progress.show_done("questions asked", done, len(cases))

    method = pipeline.choose_method(settings.method, models.engine)
    run = describe_run(edition, models.engine.info, models.encoder.name, method, settings)
    show_done(0)
    return evaluate(cases, ask, run=run, out=out, show_done=show_done)


def summarize(cases: Sequence[Case], reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the questions for which a measure is defined; seconds are medians.

    Selection measures are over answerable questions with a needed article, `facts_stated` over facts,
    `citations_resolve` over citations. `intervals` are bootstrap 95% intervals over questions (Efron 1979),
    `worst` are the questions for which a needed article was not selected, the furthest behind first.
    """
    pairs = list(zip(cases, reports, strict=True))
    measured = [_measure(case, report) for case, report in pairs]
    styles = sorted({case.style for case in cases if case.style})
    return {
        "questions": len(pairs),
        "answerable": sum(case.answerable for case in cases),
        **_means(measured),
        "intervals": _intervals(measured),
        "by_style": {
            style: {
                "questions": sum(case.style == style for case in cases),
                **_means([one for case, one in zip(cases, measured, strict=True) if case.style == style]),
            }
            for style in styles
        },
        "worst": _worst(pairs),
        "median_seconds": {
            stage: statistics.median(report["seconds"][stage] for report in reports)
            for stage in reports[0]["seconds"]
        },
        "tokens": {
            stage: sum(report["tokens"][stage] for report in reports) for stage in reports[0]["tokens"]
        },
        "peak_memory_bytes": max(report["peak_memory_bytes"] for report in reports),
    }


def published_figures() -> dict[str, Any]:
    """What the published method took, with which model."""
    figures: dict[str, Any] = json.loads((DATA / "published-figures.json").read_text(encoding="utf-8"))
    return figures


# By measure, what one question adds to its mean: values of no, one or more things.
_Measured = Mapping[str, Sequence[float]]


def _measure(case: Case, report: Mapping[str, Any]) -> _Measured:
    measured: dict[str, Sequence[float]] = {
        "facts_stated": [fact_stated(report["answer"]["text"], fact) for fact in case.facts],
        "citations_resolve": [citation["supported"] for citation in report["answer"]["citations"]],
        "refused_wrongly" if case.answerable else "refused_rightly": [_refused(report)],
    }
    if case.answerable and case.needed:
        selected, ranked, needed = report["selected"], ranked_numbers(report), case.needed
        r, p = recall(selected, needed), precision(selected, needed)
        values = (
            r, p, f_beta(p, r, beta=2), float(r == 1), len(selected), reciprocal_rank(ranked, needed),
            recall_at(ranked, needed, 5), recall_at(ranked, needed, 10), recall_at(ranked, needed, 20),
            ndcg_at(ranked, case.grades, 10),
        )  # fmt: skip
        measured |= {name: [value] for name, value in zip(SELECTION, values, strict=True)}
    return measured


def _means(measured: Sequence[_Measured]) -> dict[str, Any]:
    values = {name: [v for one in measured for v in one.get(name, ())] for name in MEASURES}
    means = {name: statistics.fmean(some) if some else None for name, some in values.items()}
    return {
        "selection": {name: means[name] for name in SELECTION if values[name]},
        "facts": len(values["facts_stated"]),
        "facts_stated": means["facts_stated"],
        "citations": len(values["citations_resolve"]),
        "citations_resolve": means["citations_resolve"],
        "refused_rightly": means["refused_rightly"],
        "refused_wrongly": means["refused_wrongly"],
    }


def _intervals(measured: Sequence[_Measured]) -> dict[str, tuple[float, float]]:
    """From the 2.5th to the 97.5th percentile of each mean, when the questions are drawn anew with replacement."""
    drawn = np.random.default_rng(0).integers(len(measured), size=(RESAMPLES, len(measured)))
    intervals = {}
    for name in MEASURES:
        sums = np.array([math.fsum(one.get(name, ())) for one in measured])
        counts = np.array([len(one.get(name, ())) for one in measured])
        of_sums, of_counts = sums[drawn].sum(1), counts[drawn].sum(1)
        if of_counts.any():
            low, high = np.quantile(of_sums[of_counts > 0] / of_counts[of_counts > 0], (0.025, 0.975))
            intervals[name] = (float(low), float(high))
    return intervals


def _worst(pairs: Sequence[tuple[Case, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    worst = []
    for case, report in pairs:
        ranked = ranked_numbers(report)
        missed = {n: ranked.index(n) + 1 for n in case.needed if n in ranked and n not in report["selected"]}
        if missed:
            worst.append(
                {
                    "id": case.id,
                    "question": case.question,
                    "missed": missed,  # rank by number
                    "selected": report["selected"],
                }
            )
    return sorted(worst, key=lambda one: -max(one["missed"].values()))[:WORST]


def _refused(report: Mapping[str, Any]) -> bool:
    return bool(report["answer"]["kind"] == "refused")


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")  # not splitlines(): a question may hold U+2028
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise EvaluationError(f"{path} cannot be read: {reason}.") from error


_LINE_START = '{"id": '  # of every report


def read_reports(out: Path) -> dict[str, dict[str, Any]]:
    """The reports that a run left in `out`, by the case's id; a last line cut short is taken off the file."""
    *lines, cut = _read_lines(out)
    if not cut.startswith(_LINE_START[: len(cut)]):  # whatever it is, it is not ours to take off
        raise EvaluationError(f"{out} is no file of reports; choose another file for --out.")
    reports = {}
    for number, line in enumerate(lines, 1):
        try:
            report = json.loads(line)
            reports[report["id"]] = report
            report["question"], report["selected"]
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(
                f"Line {number} of {out} is no report; choose another file for --out."
            ) from error
    if cut:
        _replace(out, lines)
    return reports


def _check_same_run(report: Mapping[str, Any], run: Mapping[str, Any], out: Path | None) -> None:
    for field, value in run.items():
        if report.get(field) != value:
            raise EvaluationError(
                f"{out} holds results made with another {field.replace('_', ' ')}; choose another file for --out."
            )


def _append(out: Path, text: str) -> None:
    try:
        with out.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise EvaluationError(f"{out} cannot be written: {error.strerror}.") from error


def _replace(out: Path, lines: Sequence[str]) -> None:
    part = out.with_name(out.name + ".part")
    part.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    part.replace(out)
