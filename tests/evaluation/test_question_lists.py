"""Lists of questions in CSV files and spreadsheets come back with answers and references."""

import csv
import io
from pathlib import Path

import openpyxl
import pytest

from labourqa.errors import EvaluationError
from labourqa.evaluation.question_lists import ANSWER_HEADINGS, check_suffix, read_list, write_list
from tests.samples import make_report

CSV = "id;Question;team\n1;How is night work paid?;HR\n2;;HR\n3;" + "x" * 2_001 + ";IT\n"


def spreadsheet(*rows: list[object]) -> bytes:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    written = io.BytesIO()
    workbook.save(written)
    return written.getvalue()


def read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_a_csv_file_comes_back_with_the_answers_beside_its_own_columns() -> None:
    questions = read_list(CSV.encode(), "list.csv")
    assert [(case.id, case.question) for case in questions.cases] == [("2", "How is night work paid?")]
    head, first, empty, too_long = read_csv(write_list(questions, {"2": make_report()}, "csv"))
    assert head == ["id", "Question", "team", *ANSWER_HEADINGS]
    assert first[:3] == ["1", "How is night work paid?", "HR"]
    assert "one and a half times" in first[3]
    assert first[5] == "Art. 2"
    assert first[8] == "answered"
    assert empty[3:] == [""] * 7
    assert too_long[8].startswith("not asked: The question has 2,001 characters")


def test_a_spreadsheet_comes_back_as_text_and_without_formulas() -> None:
    questions = read_list(spreadsheet(["Klausimas"], ["How is night work paid?"], [None]), "list.xlsx")
    report = make_report("=HYPERLINK()")
    sheet = openpyxl.load_workbook(io.BytesIO(write_list(questions, {"2": report}, "xlsx"))).active
    assert [cell.value for cell in sheet[1]] == ["Klausimas", *ANSWER_HEADINGS]
    assert all(cell.data_type != "f" for row in sheet for cell in row)
    assert "one and a half times" in sheet["B2"].value


def test_a_list_without_headings_has_one_question_a_line() -> None:
    questions = read_list("How long is leave?\nWho pays?\n".encode("cp1252"), "list.csv")
    assert [case.question for case in questions.cases] == ["How long is leave?", "Who pays?"]
    head, *_ = read_csv(write_list(questions, {}, "csv"))
    assert head[0] == "question"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no question"),
        (b"a,b\n1,2\n", 'none of them has the heading "question"'),
        (b"PK\x03\x04 no archive", "no readable spreadsheet"),
        (b"question\n" + b"why?\n" * 2_001, "at most 2,000"),
        (b"x" * 5_000_001, "larger than 5 MB"),
    ],
)
def test_what_is_no_list_is_one_sentence(data: bytes, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_list(data, "list.csv")


def test_an_answer_that_looks_like_a_formula_is_text_in_a_csv_file(tmp_path: Path) -> None:
    questions = read_list(b"question\nWhy?\n", "list.csv")
    report = make_report()
    document = report.to_json()
    document["answer"]["text"] = "=1+1"
    assert read_csv(write_list(questions, {"2": type(report).from_json(document)}, "csv"))[1][1] == "'=1+1"
    with pytest.raises(EvaluationError, match=r"must end in \.csv or \.xlsx"):
        check_suffix(tmp_path / "answers.pdf")
