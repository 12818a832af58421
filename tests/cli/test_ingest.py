"""`labourqa ingest`: what it says before anything is stored, and what it stores."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labourqa.cli.main import main
from labourqa.config import Settings
from labourqa.errors import EngineError
from labourqa.pipeline import open_assistant
from labourqa.store import Store
from tests.cli.process import ROOT
from tests.fakes import FakeEngine, FakePrefixCache
from tests.samples import TWO_ACTS, write_act

POOR = write_act("LABOUR CODE OF NOWHERE", "Wages Rest")  # "Only 2 articles are found."


def stored_codes(home: Path) -> dict[str, int]:
    """The number of articles of each stored code, the current one first."""
    with Store(Settings(home=home).database) as store:
        return {one.edition.code: one.articles for one in store.editions.describe()}


def test_a_dry_run_prints_the_report_and_stores_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "acts.txt").write_text(TWO_ACTS)
    assert main(["ingest", "acts.txt", "--dry-run"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[:4] == [
        "Confidence: good",
        "  - The text holds other acts that were not read: 2: Holidays Act (5).",
        "",
        "Wages Act",
    ]
    assert "  articles                  6, Art. 1 to 6" in lines
    assert "* 1: Wages Act, 6 articles" in lines
    assert "  2: Holidays Act, 5 articles" in lines
    assert "  missing numbers           none" in lines
    samples = [line for line in lines[lines.index("Three articles to look at") :] if "Art." in line]
    assert [line.split()[1] for line in samples] == ["1", "4"]  # the longest of them is the middle one
    assert shown.err == "Nothing was stored.\n"
    assert not (home / "labourqa.db").exists()


def test_a_dry_run_of_a_poorly_read_text_says_so_and_succeeds(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "poor.txt").write_text(POOR)
    assert main(["ingest", "poor.txt", "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Confidence: poor: ")
    assert "  - Only 2 articles are found.\n" in shown.out
    assert shown.err == "Nothing was stored; it would need --force.\n"


def test_a_poorly_read_text_is_refused_and_stored_with_force(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "poor.txt").write_text(POOR)
    assert main(["ingest", "poor.txt"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "poor.txt was read with little confidence: Only 2 articles are found." in shown.err
    assert "--force" in shown.err
    assert not (home / "labourqa.db").exists() or stored_codes(home) == {}
    assert main(["ingest", "poor.txt", "--force"]) == 0
    assert capsys.readouterr().out.startswith("Confidence: poor: ")
    assert stored_codes(home) == {"Labour Code of Nowhere": 2}


def test_a_text_to_check_is_stored_and_the_reasons_are_shown(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TWO_ACTS.replace("Article 4. Deductions", "Deductions of all kinds")
    (home / "gap.txt").write_text(text)
    assert main(["ingest", "gap.txt", "--name", "Wages"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Confidence: check: look at what is named below\n  - Number 4 is missing.\n")
    assert "Wages (gap.txt): 5 articles, Art. 1 to 6\n" in shown
    assert stored_codes(home) == {"Wages": 5}


@pytest.mark.parametrize("wanted", ["2", "holidays"])
def test_an_act_is_chosen_by_its_number_or_a_part_of_its_name(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str], wanted: str
) -> None:
    (home / "acts.txt").write_text(TWO_ACTS)
    assert main(["ingest", "acts.txt"]) == 0
    assert main(["ingest", "acts.txt", "--act", wanted]) == 0
    assert stored_codes(home) == {"Holidays Act": 5, "Wages Act": 6}
    capsys.readouterr()
    assert main(["show", "2"]) == 0
    assert "Article 2. Leave" in capsys.readouterr().out
    assert main(["show", "2", "--code", "wages"]) == 0
    assert "Article 2. Wages" in capsys.readouterr().out


def test_an_unknown_act_is_one_sentence_with_the_acts_of_the_file(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "acts.txt").write_text(TWO_ACTS)
    assert main(["ingest", "acts.txt", "--act", "3"]) == 1
    assert 'no act "3"; its acts are 1: Wages Act; 2: Holidays Act.' in capsys.readouterr().err


def test_json_prints_the_report_as_one_document(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "acts.txt").write_text(TWO_ACTS)
    assert main(["ingest", "acts.txt", "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["source"], document["articles"]) == ("Wages Act", "acts.txt", 6)
    assert document["acts"] == [
        {"number": 1, "name": "Wages Act", "articles": 6},
        {"number": 2, "name": "Holidays Act", "articles": 5},
    ]
    assert (document["confidence"], document["chosen_act"]) == ("good", 1)
    assert main(["ingest", "acts.txt", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == document
    assert "Wages Act (acts.txt): 6 articles" in shown.err
    assert stored_codes(home) == {"Wages Act": 6}


def test_a_setting_that_chooses_another_code_is_named(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "acts.txt").write_text(TWO_ACTS)
    monkeypatch.setenv("LABOURQA_CODE", "holidays")
    assert main(["ingest", "acts.txt"]) == 0
    assert "The setting code = 'holidays' decides which code is used.\n" in capsys.readouterr().err


@pytest.mark.slow
def test_a_process_killed_while_it_stores_a_third_code_leaves_the_others_as_they_were(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "acts.txt").write_text(TWO_ACTS)
    (home / "new.txt").write_text(write_act("NEW ACT", "Scope Duties Rights Courts Entry"))
    with open_assistant(Settings(home=home)) as assistant:
        for act in ("2", "1"):
            assistant.store.editions.choose(assistant.ingest(home / "acts.txt", act=act))
    # Wraps a private function, to stop for certain between two articles of one transaction.
    stop_after_two_articles = (
        "import sys, time; from pathlib import Path\n"
        "from labourqa.config import Settings; from labourqa.pipeline import open_assistant\n"
        "from labourqa.store import editions\n"
        "insert, count = editions.insert_article, iter(range(9))\n"
        "def insert_two(*args, **kwargs):\n"
        "    if next(count) == 2: print('two articles written', flush=True); time.sleep(60)\n"
        "    insert(*args, **kwargs)\n"
        "editions.insert_article = insert_two\n"
        "home = Path(sys.argv[1])\n"
        "with open_assistant(Settings(home=home)) as assistant: assistant.ingest(home / 'new.txt')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", stop_after_two_articles, str(home)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout
    assert process.stdout.readline() == b"two articles written\n"
    process.kill()
    process.communicate()
    assert stored_codes(home) == {"Wages Act": 6, "Holidays Act": 5}
    assert main(["show", "2"]) == 0
    assert "Article 2. Wages" in capsys.readouterr().out
    assert main(["show", "2", "--code", "holidays"]) == 0
    assert "Article 2. Leave" in capsys.readouterr().out
    with open_assistant(Settings(home=home)) as assistant:  # and the database is not locked
        assistant.ingest(home / "new.txt")
    assert stored_codes(home) == {"New Act": 5, "Wages Act": 6, "Holidays Act": 5}


def test_a_code_becomes_current_only_when_a_question_to_it_can_be_answered(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> FakePrefixCache:
        raise EngineError("Article 2 is too long.")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "open_prefix_cache", fail)
        assert main(["ingest", "nowhere.txt"]) == 1
    errors = capsys.readouterr().err
    assert "labourqa: Article 2 is too long." in errors
    assert "Labour Code of Nowhere (nowhere.txt) is stored, but does not answer questions yet; " in errors
    assert (
        "Labour Code of the Republic of Lithuania, version of 2025-01-01 (labour-code-lt.en.txt) still"
        in errors
    )
    [choose] = re.findall(r"codes choose \"(.+?)\"", errors.replace("\n", " "))
    assert main(["ask", "How is night work paid?"]) == 0
    assert "labour-code-lt.en.txt" in capsys.readouterr().out

    assert main(["codes"]) == 0
    listed = capsys.readouterr()
    assert "* Labour Code of the Republic of Lithuania" in re.sub(" +", " ", listed.out)
    assert f"{choose} does not answer questions yet" in listed.err
    with monkeypatch.context() as patch:
        patch.setattr(engine, "open_prefix_cache", fail)
        assert main(["codes", "choose", choose]) == 1
    assert main(["codes", "choose", choose]) == 0
    assert main(["show", "3"]) == 0
    assert "Night work is paid" in capsys.readouterr().out


def test_a_code_without_any_text_is_refused(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before, the program failed on it with an IndexError, and from then on on every question."""
    (home / "empty.txt").write_text("Labour Code of Nothing\n\nArticle 1. A\nArticle 2. B\n")
    assert main(["ingest", "--force", "empty.txt"]) == 1
    assert "No article of the Labour Code of Nothing has any text" in capsys.readouterr().err
    assert main(["ask", "How is night work paid?"]) == 0
    assert stored_codes(home) == {"Labour Code of the Republic of Lithuania": 257}


def test_an_article_longer_than_the_models_context_is_read_in_parts(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "The employer pays one and a half times the pay for night work. " * 3_000
    (home / "long.txt").write_text(
        f"LONG CODE\n\nArticle 1. Leave\n\nLeave lasts ten days.\n\nArticle 2. Night Work\n\n{text}\n\n"
        "Article 3. Disputes\n\nA court decides.\n"
    )
    assert main(["ingest", "--force", "long.txt"]) == 0
    assert main(["ask", "How is night work paid?"]) == 0
    shown = capsys.readouterr()
    assert "Art. 2  Night Work" in shown.out
    assert "parts of articles read" in shown.err
    assert len(engine.prefix_caches[-1].articles) > 10
    for part in engine.prefix_caches[-1].articles:
        assert engine.count_tokens([part.format()]) < [engine.context_tokens]
