"""Lists of questions: read from a CSV file or a spreadsheet, and written back with their answers and references."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labourqa.answering.question import check_question
from labourqa.answering.report import Report
from labourqa.documents.decoding import decode
from labourqa.errors import EvaluationError, QuestionError
from labourqa.evaluation.cases import Case
from labourqa.law.references import show_number
from labourqa.text import printable

SUFFIXES = ("csv", "xlsx")
MAX_QUESTIONS = 2_000
MAX_BYTES = 5_000_000  # of the file
MAX_UNPACKED_BYTES = 50_000_000  # of a spreadsheet, which is a zip archive
MAX_COLUMNS = 50
_QUESTION_HEADINGS = ("question", "questions", "klausimas", "klausimai")
ANSWER_HEADINGS = ("answer", "in short", "references", "pages", "selected articles", "outcome", "edition")
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # with which a spreadsheet program takes a cell of a CSV for a formula


@dataclass(frozen=True)
class QuestionList:
    """The cells of a list; the first row has headings if one of them says where the questions are."""

    rows: tuple[tuple[str, ...], ...]
    column: int  # of the questions
    has_headings: bool

    @property
    def cases(self) -> list[Case]:
        """The questions that can be asked, named by the number of their row."""
        found = []
        for number, question in self._questions():
            if question and not why_not(question):
                found.append(Case(str(number), question, True, "", {}, (), None))
        return found

    def _questions(self) -> list[tuple[int, str]]:
        return [
            (number, row[self.column].strip() if self.column < len(row) else "")
            for number, row in enumerate(self.rows, 1)
            if number > self.has_headings
        ]

    def add_answers(self, reports: Mapping[str, Report]) -> list[list[str]]:
        """The rows with the columns ANSWER_HEADINGS; `reports` by the number of the row."""
        width = max(len(row) for row in self.rows)
        questions = dict(self._questions())
        added = []
        for number, row in enumerate(self.rows, 1):
            cells = list(row) + [""] * (width - len(row))
            if number not in questions:
                added.append(cells + list(ANSWER_HEADINGS))
            elif report := reports.get(str(number)):
                added.append(cells + _describe_answer(report))
            else:
                reason = why_not(questions[number]) if questions[number] else ""
                outcome = f"not asked: {reason}" if reason else ""
                added.append([*cells, "", "", "", "", "", outcome, ""])
        return (
            added
            if self.has_headings
            else [["question"] + [""] * (width - 1) + list(ANSWER_HEADINGS), *added]
        )


def why_not(question: str) -> str:
    """Why a question cannot be asked; "" if it can."""
    try:
        check_question(question)
    except QuestionError as error:
        return str(error)
    return ""


def read_list(data: bytes, name: str) -> QuestionList:
    """The list in a file's bytes. Raises EvaluationError, which names the file."""
    if len(data) > MAX_BYTES:
        raise EvaluationError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB; divide it.")
    cells = _read_spreadsheet(data, name) if data.startswith(b"PK\x03\x04") else _read_csv(data, name)
    rows = [tuple(printable(cell).strip() for cell in row[:MAX_COLUMNS]) for row in cells]
    while rows and not any(rows[-1]):
        rows.pop()
    width = max((number for row in rows for number, cell in enumerate(row, 1) if cell), default=0)
    rows = [row[:width] for row in rows]
    if not rows:
        raise EvaluationError(f"{name} holds no question.")
    headings = [cell.casefold() for cell in rows[0]]
    column = next((headings.index(one) for one in _QUESTION_HEADINGS if one in headings), None)
    if column is None and max(len(row) for row in rows) > 1:
        raise EvaluationError(
            f'{name} has several columns, and none of them has the heading "question"; name the column so.'
        )
    found = QuestionList(tuple(rows), column or 0, column is not None)
    if not found.cases:
        raise EvaluationError(f"{name} holds no question.")
    if len(found.cases) > MAX_QUESTIONS:
        raise EvaluationError(
            f"{name} has {len(found.cases):,} questions; at most {MAX_QUESTIONS:,} can be asked."
        )
    return found


def write_list(question_list: QuestionList, reports: Mapping[str, Report], suffix: str) -> bytes:
    """The list with its answers as a file of this kind, "csv" or "xlsx"."""
    rows = question_list.add_answers(reports)
    return _write_spreadsheet(rows) if suffix == "xlsx" else _write_csv(rows, len(ANSWER_HEADINGS))


def check_suffix(path: Path) -> str:
    """The kind of file that a list is written to. Raises EvaluationError."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in SUFFIXES:
        raise EvaluationError(f"{path} must end in .csv or .xlsx.")
    return suffix


def _describe_answer(report: Report) -> list[str]:
    answer = report.answer
    cited = [one for one in answer.citations if one.supported]
    pages = sorted({one.page for one in cited if one.page})
    return [
        answer.text,
        " ".join(one.quote for one in answer.short),
        ", ".join(dict.fromkeys(str(one.reference) for one in cited)),
        ", ".join(map(str, pages)),
        ", ".join(map(show_number, report.selection.selected)),
        answer.outcome,
        str(report.run.edition),
    ]


def _read_csv(data: bytes, name: str) -> list[list[str]]:
    text = decode(data, "").text.lstrip("\ufeff")
    first = text.partition("\n")[0]
    # Spreadsheet programs write semicolons where the comma stands in numbers.
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise EvaluationError(f"{name} is no CSV file: {error}.") from error


def _read_spreadsheet(data: bytes, name: str) -> list[list[str]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(one.file_size for one in archive.infolist())
        if unpacked <= MAX_UNPACKED_BYTES:
            sheet = load_workbook(io.BytesIO(data), read_only=True, data_only=True).active
            rows: Any = sheet.iter_rows(max_row=MAX_QUESTIONS + 100, max_col=MAX_COLUMNS, values_only=True)
            return [["" if cell is None else str(cell) for cell in row] for row in rows]
    except Exception as error:  # a damaged spreadsheet raises whatever its parts raise
        raise EvaluationError(f"{name} is no readable spreadsheet; save it as .xlsx or CSV.") from error
    raise EvaluationError(f"{name} unpacks to more than {MAX_UNPACKED_BYTES // 1_000_000} MB; divide it.")


def _write_csv(rows: Sequence[Sequence[str]], added: int) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    for row in rows:
        own, answers = row[:-added], row[-added:]
        writer.writerow([*own, *(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in answers)])
    return written.getvalue().encode("utf-8-sig")  # with which spreadsheet programs read it as UTF-8


def _write_spreadsheet(rows: Sequence[Sequence[str]]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    workbook = Workbook()
    sheet: Any = workbook.active
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(number, column)
            cell.value = text[:32_767]  # the format's longest cell
            cell.data_type = "s"  # as text, never as a formula
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if number == 1:
                cell.font = Font(bold=True)
    for column in sheet.columns:
        longest = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[column[0].column_letter].width = min(max(longest + 2, 12), 60)
    sheet.freeze_panes = "A2"
    written = io.BytesIO()
    workbook.save(written)
    return written.getvalue()
