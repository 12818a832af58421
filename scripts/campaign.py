"""The reliability campaign: kills, damage, full disks, processes at once, hostile inputs, old data folders.

    python -m scripts.campaign                                  # the whole: under half an hour on a quiet machine
    python -m scripts.campaign --parts kills,documents --seconds 60
    python -m scripts.campaign --write                          # and the table of docs/reliability.md

Each part has a budget of time and makes as many tries as fit into it; the random choices are those of `--seed`. No
outcome may be a traceback, a hang, a wrong answer or a loss that is not named. The exit status is 1 if one was.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.campaign_parts import damage, inputs, processes
from scripts.campaign_parts.common import Budget, Tally

DOCUMENT = Path(__file__).parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- campaign: begin -->\n", "<!-- campaign: end -->\n"
HEAD = (
    "| part | what | tried | as it should be | what was said most often | when |",
    "|---|---|---|---|---|---|",
)
SHOWN_SENTENCES = 2  # of those that a part heard most often


@dataclass(frozen=True)
class Part:
    run: Callable[[Budget, int], Tally]
    seconds: float  # its budget in the whole campaign
    most: int  # tries


PARTS = {
    "kills": Part(processes.kill_at_random_moments, 400, 100),
    "processes": Part(processes.run_at_once, 90, 12),
    "database": Part(damage.damage_database, 400, 400),
    "cache": Part(damage.damage_cache, 120, 64),
    "weights": Part(damage.damage_weights, 60, 80),
    "settings": Part(damage.damage_settings, 20, 2_000),
    "disk": Part(damage.fill_disk, 200, 100),
    "documents": Part(inputs.read_hostile_documents, 240, 2_000),
    "arguments": Part(inputs.give_random_arguments, 120, 3_000),
    "soak": Part(inputs.ask_many_questions, 60, 1_000),
    "old folders": Part(inputs.open_old_folders, 30, 2),
}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="names, with commas between them")
    parser.add_argument("--seconds", type=float, help="for each part, instead of its own budget")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    arguments = parser.parse_args(argv)
    started = time.monotonic()
    tallies: dict[str, Tally] = {}
    for name in arguments.parts.split(","):
        part = PARTS[name]
        with tempfile.TemporaryDirectory(prefix="labourqa-campaign-") as folder:
            seconds = arguments.seconds or part.seconds
            tally = part.run(Budget(seconds, random.Random(arguments.seed), Path(folder)), part.most)
        tally.seconds = time.monotonic() - started - sum(one.seconds for one in tallies.values())
        tallies[name] = tally
        print(
            f"{name}: {tally.tried} tried, {tally.good} good, {tally.seconds:.0f} s", *tally.notes, sep="; "
        )
        for sentence, count in tally.said.most_common():
            print(f"    {count} x {sentence}")
        for failure in tally.failures:
            print(f"    FAILED {failure}", flush=True)
        if arguments.write:
            write_table({name: tally})
    return int(any(tally.failures for tally in tallies.values()))


def write_table(tallies: dict[str, Tally]) -> None:
    """Write the rows of these parts; those of other parts stay."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines()[2:]}
    rows |= {name: format_row(name, tally) for name, tally in tallies.items()}
    lines = [*HEAD, *(rows[name] for name in PARTS if name in rows), ""]
    DOCUMENT.write_text(before + BEGIN + "\n".join(lines) + END + after, encoding="utf-8")


def format_row(name: str, tally: Tally) -> str:
    said = [f"{count} × {sentence}" for sentence, count in tally.said.most_common(SHOWN_SENTENCES)]
    cells = [
        name,
        "; ".join([tally.what, *tally.notes]),
        f"{tally.tried:,}",
        f"{tally.good:,}",
        "<br>".join(said).replace("|", "/"),
        f"{datetime.now(UTC):%Y-%m-%d}, {tally.seconds:.0f} s",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
