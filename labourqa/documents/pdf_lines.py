"""Runs of characters on about one baseline -> a line of text, with raised numbers marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from labourqa.documents.pdf_pages import RIGHT_TO_LEFT, Run, most_common_size

_RAISED = 0.2  # of the line's size: a mark whose baseline stands so much higher is raised
SMALL = 0.92  # of the body's size: smaller type may be a footnote or a margin title


@dataclass(slots=True)
class Line:
    runs: list[Run]
    page: int
    blank_before: bool = False

    @property
    def left(self) -> float:
        return min(run.left for run in self.runs)

    @property
    def right(self) -> float:
        return max(run.right for run in self.runs)

    @property
    def size(self) -> float:
        return most_common_size(self.runs)

    @property
    def baseline(self) -> float:
        """Where most of the line's characters stand; raised and lowered ones do not count."""
        size = 0.85 * self.size
        return median(run.baseline for run in self.runs if run.size >= size)

    @property
    def text(self) -> str:
        return _write_line(self)


def make_lines(runs: Sequence[Run], page: int) -> list[Line]:
    """Runs on about the same baseline, from the top of the page to its foot, each line from left to right."""
    lines: list[Line] = []
    tops: list[float] = []  # the highest baseline of each line
    sizes: list[float] = []
    order = {id(run): index for index, run in enumerate(runs)}
    for run in sorted(runs, key=lambda run: -run.baseline):
        if lines and tops[-1] - run.baseline <= 0.5 * max(run.size, sizes[-1]):
            lines[-1].runs.append(run)
            sizes[-1] = max(sizes[-1], run.size)
        else:
            lines.append(Line([run], page))
            tops.append(run.baseline)
            sizes.append(run.size)
    for line in lines:
        if any(RIGHT_TO_LEFT.search(run.text) for run in line.runs):
            line.runs.sort(key=lambda run: order[id(run)])  # PDFium has put them in the order of reading
        else:
            line.runs.sort(key=lambda run: (run.left, order[id(run)]))
    return lines


def _write_line(line: Line) -> str:
    """The line's text; a raised number is written after "^", so that 72 with a raised 1 does not read 721."""
    pieces: list[str] = []
    baseline, size = line.baseline, line.size
    for before, run in pairwise([None, *line.runs]):
        assert run is not None
        text = run.text
        if pieces and not (run.glued and before is not None and run.left - before.right < 0.5 * size):
            pieces.append(" ")
        elif pieces and is_raised(run, baseline, size) and text.isdigit() and pieces[-1][-1:].isalnum():
            pieces.append("^")
        pieces.append(text)
    return "".join(pieces)


def is_raised(run: Run, baseline: float, size: float) -> bool:
    return run.size < 0.85 * size and run.baseline - baseline > _RAISED * size
