"""Several codes in one database: listing, choosing, renaming and removing them, and --code."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from labourqa.cli.main import main
from labourqa.config import Settings
from labourqa.store import Store
from tests.conftest import small_code
from tests.fakes import FakeEngine

WAGES = replace(small_code(), name="Wages Act", date="", articles=small_code().articles[:2])


@pytest.fixture
def codes(home: Path) -> Path:
    """A data folder with two editions of one code, and the Wages Act, which is the current code."""
    with Store(Settings(home=home).database) as store:
        for date, checksum in (("2025-01-01", "a" * 64), ("2023-07-01", "b" * 64)):
            store.editions.save(
                replace(small_code(), date=date), source=f"nowhere-{date}.pdf", sha256=checksum
            )
        store.editions.save(WAGES, source="wages.txt", sha256="c" * 64)
    return home


def listed(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The rows of `labourqa codes`, without the time of ingestion."""
    capsys.readouterr()
    assert main(["codes"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    return [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows]


def marked(rows: list[list[str]]) -> list[str]:
    return [f"{row[1]} {row[2]}" for row in rows if row[0] == "*"]


def test_codes_lists_all_editions_and_marks_the_current_one(
    codes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = listed(capsys)
    assert [[*row[:-2], row[-1]] for row in rows] == [
        ["*", "Wages Act", "cccccccc", "2", "wages.txt"],  # without a date, the checksum names it
        ["Labour Code of Nowhere", "2025-01-01", "3", "nowhere-2025-01-01.pdf"],
        ["Labour Code of Nowhere", "2023-07-01", "3", "nowhere-2023-07-01.pdf"],
    ]


def test_codes_lists_the_embedded_edition_of_a_new_database(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marked(listed(capsys)) == ["Labour Code of the Republic of Lithuania 2025-01-01"]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("nowhere", "Labour Code of Nowhere 2025-01-01"),
        ("nowhere@2023-07-01", "Labour Code of Nowhere 2023-07-01"),
        ("nowhere@bbbb", "Labour Code of Nowhere 2023-07-01"),
        ("Wages Act", "Wages Act cccccccc"),
    ],
)
def test_a_code_that_is_chosen_is_the_current_one(
    codes: Path, capsys: pytest.CaptureFixture[str], wanted: str, chosen: str
) -> None:
    assert main(["codes", "choose", wanted]) == 0
    assert marked(listed(capsys)) == [chosen]


def test_an_unknown_code_is_one_sentence(codes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["codes", "choose", "civil"], ["show", "1", "--code", "civil"]):
        assert main(arguments) == 1
        sentence = "labourqa: No code has 'civil' in the name; run `labourqa codes`.\n"
        assert capsys.readouterr().err == sentence


def test_a_renamed_code_keeps_its_editions_and_articles(
    codes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codes", "rename", "nowhere", "  Code of   Elsewhere "]) == 0
    assert "Labour Code of Nowhere is now Code of Elsewhere.\n" in capsys.readouterr().out
    assert [row[-5] for row in listed(capsys)] == ["Wages Act", "Code of Elsewhere", "Code of Elsewhere"]
    assert main(["show", "2", "--code", "elsewhere@2023-07-01"]) == 0
    assert "Night work is paid" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", " ", "a@b", "x" * 300])
def test_a_name_that_cannot_be_typed_again_is_refused(
    codes: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["codes", "rename", "wages", name]) == 1
    assert "choose another one" in capsys.readouterr().err


def test_when_the_current_code_is_removed_the_one_before_is_current(
    codes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codes", "remove", "wages", "--yes"]) == 0
    shown = capsys.readouterr()
    assert shown.out == (
        "Removed: Wages Act (wages.txt)\n"
        "Current code: Labour Code of Nowhere, version of 2023-07-01 (nowhere-2023-07-01.pdf)\n"
    )
    assert str(codes / "article-cache") in shown.err
    assert len(listed(capsys)) == 2


def test_one_of_several_editions_is_removed_only_by_its_date(
    codes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codes", "remove", "nowhere", "--yes"]) == 1
    assert "several editions; add one of @2025-01-01, @2023-07-01." in capsys.readouterr().err
    assert main(["codes", "remove", "nowhere@2023-07-01", "--yes"]) == 0
    assert [row[-4] for row in listed(capsys)] == ["cccccccc", "2025-01-01"]


def test_after_the_last_code_is_removed_the_embedded_one_answers(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(Settings(home=home).database) as store:
        store.editions.save(WAGES, source="wages.txt", sha256="c" * 64)
    assert main(["codes", "remove", "wages", "--yes"]) == 0
    assert "No code is left" in capsys.readouterr().out
    assert main(["show", "117"]) == 0


class Terminal(io.StringIO):
    """Someone who types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "status", "remaining"), [("y\n", 0, 2), ("n\n", 0, 3), ("", 130, 3)])
def test_on_a_terminal_a_removal_is_confirmed(
    codes: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    status: int,
    remaining: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert main(["codes", "remove", "wages"]) == status
    assert "Remove Wages Act (wages.txt)? [y/N]: " in capsys.readouterr().err
    assert len(listed(capsys)) == remaining


def test_without_a_terminal_a_removal_needs_yes(
    codes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["codes", "remove", "wages"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert len(listed(capsys)) == 3


def test_the_setting_code_decides_and_is_named(
    codes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABOURQA_CODE", "nowhere@2023-07-01")
    assert marked(listed(capsys)) == ["Labour Code of Nowhere 2023-07-01"]
    assert main(["codes", "choose", "wages"]) == 0
    assert "The setting code = 'nowhere@2023-07-01' decides" in capsys.readouterr().err
    monkeypatch.setenv("LABOURQA_CODE", "civil")  # the names are listed all the same
    assert marked(listed(capsys)) == ["Wages Act cccccccc"]


def test_ask_chat_search_and_eval_use_the_named_code(
    codes: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = ["--code", "nowhere@2023-07-01"]
    assert main(["ask", "How is night work paid?", "--json", *named]) == 0
    assert json.loads(capsys.readouterr().out)["edition"]["date"] == "2023-07-01"
    monkeypatch.setattr("sys.stdin", io.StringIO("How is night work paid?\n"))
    assert main(["chat", "--json", *named]) == 0
    assert json.loads(capsys.readouterr().out)["edition"]["date"] == "2023-07-01"
    assert main(["search", "study leave", *named]) == 0
    assert capsys.readouterr().out.startswith("Art. 2¹  Study")
    assert main(["search", "ten days"]) == 1  # the current code, the Wages Act, has no such article
    capsys.readouterr()
    (codes / "cases.jsonl").write_text('{"question": "How is night work paid?", "articles": {"2": 2}}')
    assert main(["eval", "cases.jsonl", "--json", *named]) == 0
    assert json.loads(capsys.readouterr().out)["reports"][0]["edition"]["date"] == "2023-07-01"


def test_a_chat_stays_with_its_code_when_another_one_is_chosen_meanwhile(
    codes: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        """Before each line that is typed, someone chooses another code."""

        lines = iter(["How is night work paid?\n", "and on Sundays?\n", ""])

        def isatty(self) -> bool:
            return False

        def readline(self) -> str:
            with Store(Settings(home=codes).database) as store:
                store.editions.choose(store.editions.find("nowhere"))
            return next(self.lines)

    monkeypatch.setattr("sys.stdin", Stdin())
    assert main(["chat", "--answer", "quoted"]) == 0
    assert capsys.readouterr().out.count("\nWages Act (wages.txt). Information") == 2
    with Store(Settings(home=codes).database) as store:
        assert store.editions.current().code == "Labour Code of Nowhere"


def test_a_code_of_a_visitor_is_listed_with_all_and_becomes_everyones_when_it_is_chosen(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Settings(home=home).database
    with Store(database) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    with Store(database, owner="visitor:ada") as store:
        store.editions.save(replace(small_code(), name="Draft"), source="draft.txt", sha256="1" * 64)
    assert main(["codes"]) == 0
    assert "Draft" not in capsys.readouterr().out
    assert main(["codes", "--all"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in listed] == ["owner", "visitor:ada", "everyone"]
    assert main(["codes", "choose", "draft"]) == 0
    with Store(database, owner="visitor:bob") as store:
        assert store.editions.current().code == "Draft"
