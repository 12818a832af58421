"""`labourqa diff`, and what `show` says about an article's earlier versions."""

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest

from labourqa.cli.commands.diff import format_words
from labourqa.cli.main import main
from labourqa.config import Settings
from labourqa.law.comparison import compare_words
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.store import Store


def article(number: str, title: str, text: str) -> Article:
    return Article(number, title, (Paragraph("1", text),))


LEAVE = article("1", "Leave", "Annual leave lasts twenty working days for every employee of the company.")
NIGHT = article("2", "Night Work", "Night work is paid at one and a half times the pay of the employee.")
NOTICE = article("3", "Notice", "Notice is given in writing and at least two weeks before the last day.")
STRIKES = article("4", "Strikes", "A strike is called by a trade union after a vote of all of its members.")
REST = article("5", "Rest", "\n".join(f"Rule {number} about the hours of rest." for number in range(30)))
LONGER_LEAVE = article("1", "Leave", LEAVE.paragraphs[0].text.replace("twenty", "twenty-five"))
LONGER_REST = article("5", "Rest", REST.paragraphs[0].text.replace("Rule 15 about", "Rule 15 on"))
OLD = (LEAVE, NIGHT, NOTICE, REST)
NEW = (LONGER_LEAVE, replace(NIGHT, number="2^1"), STRIKES, LONGER_REST)


@pytest.fixture
def editions(home: Path) -> Path:
    """A data folder with three editions of one code; the first two are the same."""
    with Store(Settings(home=home).database) as store:
        for date, articles in (("2020-01-01", OLD), ("2023-07-01", OLD), ("2025-01-01", NEW)):
            code = Code("Labour Code of Nowhere", date, articles)
            store.editions.save(code, source="nowhere.pdf", sha256=date.replace("-", "") * 8)
    return home


def test_diff_prints_the_changed_words_of_every_article(
    editions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", "2023-07-01", "2025-01-01"]) == 0
    shown = capsys.readouterr()
    assert shown.out == (
        "old: Labour Code of Nowhere, version of 2023-07-01 (nowhere.pdf)\n"
        "new: Labour Code of Nowhere, version of 2025-01-01 (nowhere.pdf)\n"
        "1 added, 1 removed, 1 renumbered, 2 changed, 0 unchanged\n"
        "\n"
        "Art. 1: changed\n"
        "    Leave\n"
        "    1. Annual leave lasts [-twenty-]{+twenty-five+} working days for every employee of the company.\n"
        "\n"
        "Art. 2¹ (was Art. 2): renumbered\n"
        "    Night Work\n"
        "\n"
        "Art. 4: added\n"
        "    {+Strikes\n"
        "    1. A strike is called by a trade union after a vote of all of its members.+}\n"
        "\n"
        "Art. 5: changed\n"
        "    Rest\n"
        "    … hours of rest.\n"
        "    Rule 14 about the hours of rest.\n"
        "    Rule 15 [-about-]{+on+} the hours of rest.\n"
        "    Rule 16 about the hours of rest.\n"
        "    Rule …\n"
        "\n"
        "Art. 3: removed\n"
        "    [-Notice\n"
        "    1. Notice is given in writing and at least two weeks before the last day.-]\n"
    )
    assert shown.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere@2023-07-01", "nowhere"],
        ["nowhere@2023", "labour code of nowhere@2025-01-01"],
        ["@2023-07-01", "2025-01-01", "--code", "nowhere"],
    ],
)
def test_editions_are_named_by_code_date_and_checksum(
    editions: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with Store(Settings(home=editions).database) as store:  # makes another code the current one
        store.editions.save(Code("Wages Act", "", OLD), source="w", sha256="w")
    if "nowhere@2023" in arguments:
        arguments[0] = "nowhere@20230701"
    assert main(["diff", "--summary", *arguments]) == 0
    assert "1 added, 1 removed, 1 renumbered, 2 changed, 0 unchanged" in capsys.readouterr().out


def test_the_summary_lists_the_articles_without_their_words(
    editions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", "2023-07-01", "2025-01-01", "--summary"]) == 0
    assert capsys.readouterr().out.partition("unchanged\n")[2] == (
        "\nAdded\n  Art. 4  Strikes\n"
        "\nRemoved\n  Art. 3  Notice\n"
        "\nRenumbered\n  Art. 2¹ (was Art. 2)  Night Work\n"
        "\nChanged\n  Art. 1  Leave\n  Art. 5  Rest\n"
    )


def test_equal_editions_have_no_changes(editions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "2020-01-01", "2023-07-01"]) == 0
    assert capsys.readouterr().out.endswith("0 added, 0 removed, 0 renumbered, 0 changed, 4 unchanged\n")


def test_diff_json_prints_one_document(editions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "2023-07-01", "2025-01-01", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["old"]["date"], document["new"]["date"]) == ("2023-07-01", "2025-01-01")
    assert document["unchanged"] == 0
    changes = [(one["kind"], one["old_number"], one["number"]) for one in document["changes"]]
    assert changes == [
        ("changed", "1", "1"),
        ("renumbered", "2", "2^1"),
        ("added", "", "4"),
        ("changed", "5", "5"),
        ("removed", "3", "3"),
    ]
    words = document["changes"][0]["words"]
    assert {"old": " twenty", "new": " twenty-five"} in words
    assert "".join(one["new"] for one in words) == f"Leave\n{LONGER_LEAVE.text}"


def test_different_texts_are_said_to_be_so(editions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tuple(article(one.number, "Title", f"Other words of article {one.number}.") for one in NEW)
    with Store(Settings(home=editions).database) as store:
        store.editions.save(Code("Other Code", "", other), source="o", sha256="o")
    assert main(["diff", "nowhere", "other", "--summary"]) == 0
    assert "these may be different translations" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1999-01-01", "2025-01-01"], "There is no edition of 1999-01-01; the Labour Code of Nowhere has"),
        (["civil", "2025-01-01"], "No code has 'civil' in the name"),
    ],
)
def test_an_unknown_edition_is_one_sentence(
    editions: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(["diff", *arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_colours_stand_in_place_of_the_marks() -> None:
    words = compare_words("Leave lasts twenty days.", "Leave lasts thirty days.")
    assert "".join(format_words(words, coloured=False)) == "Leave lasts [-twenty-]{+thirty+} days."
    coloured = "".join(format_words(words, coloured=True))
    assert coloured == ("Leave lasts \x1b[31m\x1b[9mtwenty\x1b[0m \x1b[32m\x1b[4mthirty\x1b[0m days.")


def test_an_added_line_begins_on_a_line_of_its_own() -> None:
    words = compare_words("1. Leave is paid.", "1. Leave is due.\n2. Rest is due.")
    for coloured, shown in ((False, "1. Leave is [-paid.-]{+due.\n2. Rest is due.+}"),
                            (True, "1. Leave is paid. due.\n2. Rest is due.")):  # fmt: skip
        assert click.unstyle("".join(format_words(words, coloured=coloured))) == shown
    words = compare_words("Leave is paid. Always.", "Leave is paid.\n2. Rest too.")
    assert "".join(format_words(words, coloured=False)) == "Leave is paid. [-Always.-]\n{+2. Rest too.+}"


def test_a_law_cannot_command_the_terminal_through_its_changes() -> None:
    words = compare_words("Leave \x1b[2J lasts \x9b long.", "Leave lasts \x1b]0;title\x07 short.")
    shown = "".join(format_words(words, coloured=False))
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ("1", "Changed since 2023-07-01."),
        ("2^1", "Not in the edition of 2023-07-01 under this number."),
        ("5", "Changed since 2023-07-01."),
    ],
)
def test_show_says_since_when_an_article_has_changed(
    editions: Path, capsys: pytest.CaptureFixture[str], reference: str, line: str
) -> None:
    assert main(["show", reference]) == 0
    assert capsys.readouterr().out.endswith(f"\n{line}\n")


def test_show_says_nothing_of_articles_that_did_not_change(
    editions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for code in ("nowhere@2023-07-01", "nowhere@2020-01-01"):  # the same, and the first edition
        assert main(["show", "1", "--code", code]) == 0
        shown = capsys.readouterr().out
        assert "Changed" not in shown
        assert "Not in" not in shown


def test_show_marks_repealed_articles_and_titles_of_chapters(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    articles = (
        Article("1", "Leave", (Paragraph("", "(Deleted by Act A360)"),), repealed=True),
        replace(LEAVE, number="2", chapter="CHAPTER I. Leave", title_is_own=False),
        replace(LEAVE, number="3", chapter="CHAPTER I. X", section="SECTION 1. Leave", title_is_own=False),
        replace(LEAVE, number="4"),
    )
    with Store(Settings(home=home).database) as store:
        store.editions.save(Code("Leave Act", "", articles), source="x", sha256="x")
    shown = []
    for reference in ("1", "2", "3", "4", "2(1)"):
        assert main(["show", reference]) == 0
        shown.append(capsys.readouterr().out)
    assert "Article 1. Leave\n\nRepealed.\n(Deleted by Act A360)\n" in shown[0]
    assert "Article 2. Leave (title of its chapter)\n\n1. Annual" in shown[1]
    assert "Article 3. Leave (title of its section)\n" in shown[2]
    assert "Article 4. Leave\n" in shown[3]
    assert shown[4].startswith("Art. 2(1)  Leave (title of its chapter)\n")
