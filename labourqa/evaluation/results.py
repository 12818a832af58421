"""Results of an evaluation: a file with one report a line, which an interrupted run resumes from."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from labourqa.answering.report import Report, Run
from labourqa.errors import EvaluationError, LabourQAError
from labourqa.evaluation.cases import Case, read_lines
from labourqa.files import write_atomically

_LINE_START = '{"id": '  # of every line


def evaluate_cases(
    cases: Sequence[Case],
    ask: Callable[[str], Report],
    *,
    run: Run,
    out: Path | None = None,
    show_more: Callable[[int], None],
) -> list[Report]:
    """The report of every case, in order.

    With `out`, each report is appended to that file as soon as it is there, with its case's id, and the cases that the
    file already has are not asked again. `show_more` receives how many more are done.
    Raises EvaluationError when the file has results of another `run`, or of other questions.
    """
    done: dict[str, Report] = {}
    if out is not None:
        _append(out, "")  # an unwritable file shows before minutes are spent
        done = read_reports(out)
    for report in done.values():
        _check_same_run(report.run, run, out)
    reports = []
    for case in cases:
        report_of_case = done.get(case.id)
        if report_of_case is None:
            report_of_case = ask(case.question)
            if out is not None:
                # ASCII, so that a line that was cut short is still valid text.
                _append(out, json.dumps({"id": case.id, **report_of_case.to_json()}) + "\n")
        elif report_of_case.question != case.question:
            raise EvaluationError(
                f"{out} has another question with the id {case.id}; choose another file for --out."
            )
        reports.append(report_of_case)
        show_more(1)
    return reports


def read_reports(out: Path) -> dict[str, Report]:
    """The reports in a file of results, by their case's id; an incomplete last line is removed from the file."""
    *lines, incomplete = read_lines(out)
    if not incomplete.startswith(_LINE_START[: len(incomplete)]):  # another program's file is not changed
        raise EvaluationError(f"{out} is not a file of reports; choose another file for --out.")
    reports = {}
    for number, line in enumerate(lines, 1):
        try:
            document = json.loads(line)
            reports[str(document["id"])] = Report.from_json(document)
        except (ValueError, LookupError, TypeError, AttributeError, LabourQAError) as error:
            raise EvaluationError(
                f"Line {number} of {out} is not a report; choose another file for --out."
            ) from error
    if incomplete:
        write_atomically(out, "".join(line + "\n" for line in lines))
    return reports


def _check_same_run(found: Run, run: Run, out: Path | None) -> None:
    for field in fields(Run):
        if getattr(found, field.name) != getattr(run, field.name):
            raise EvaluationError(
                f"{out} has results made with another {field.name.replace('_', ' ')}; "
                "choose another file for --out."
            )


def _append(out: Path, text: str) -> None:
    try:
        with out.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise EvaluationError(f"{out} cannot be written: {error.strerror}.") from error
