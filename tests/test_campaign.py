"""A short reliability campaign: no traceback, no hang, no wrong answer and no loss."""

import sys

import pytest

from scripts.campaign import PARTS, format_row, main
from scripts.campaign_parts.common import Tally, normalise

SHORT = {
    "kills": 10,
    "processes": 1,
    "database": 15,
    "settings": 5,
    "disk": 10,
    "documents": 10,
    "arguments": 10,
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals, and limits of memory and files, of Linux")
@pytest.mark.parametrize("name", SHORT)
def test_a_short_campaign_finds_nothing_that_must_not_happen(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--parts", name, "--seconds", str(SHORT[name])]) == 0, capsys.readouterr().out
    assert ": 0 tried" not in capsys.readouterr().out


def test_a_failure_is_counted_and_a_row_says_so() -> None:
    tally = Tally("bytes overwritten")
    tally.count(said="The database /tmp/a/x.db is damaged (page 12); run it again.")
    tally.count(said="The database /tmp/b/x.db is damaged (page 7); run it again.")
    tally.count("a wrong answer")
    assert (tally.tried, tally.good, tally.failures) == (3, 2, ["a wrong answer"])
    [(sentence, count)] = tally.said.items()
    assert (sentence, count) == (normalise("The database /x is damaged (page 1); run it again."), 2)
    assert format_row("database", tally).startswith(
        "| database | bytes overwritten | 3 | 2 | 2 × The database"
    )


def test_every_part_has_a_budget_and_the_whole_takes_less_than_half_an_hour() -> None:
    assert sum(part.seconds for part in PARTS.values()) < 30 * 60
