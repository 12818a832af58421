"""The footnotes of a PDF's page and the raised marks that refer to them."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from labourqa.documents.pdf_lines import SMALL, Line, is_raised
from labourqa.documents.pdf_pages import Rule, Run

FOOTNOTE_MARK = re.compile(r"\(?(\d{1,3}|[a-z]|[*†‡§¶]{1,4})[).]?(?=\W|[A-Z]|$)")

_SIGNS = re.compile(r"[*†‡]{1,4}")  # small and high by themselves


def split_footnotes(
    lines: Sequence[Line], rules: Sequence[Rule], body_size: float
) -> tuple[list[Line], list[Line]]:
    """The lines of text, and the footnotes: smaller lines at the foot, below a rule or marked in the text.

    `body_size` is the size in which most of the document is set: below a large title all else is smaller.
    """
    sizes = [line.size for line in lines]
    start = len(lines)
    while start > 0 and max(sizes[start - 1 :]) <= SMALL * min(max(sizes[:start]), body_size):
        start -= 1
    text, notes = list(lines[:start]), list(lines[start:])
    if not text or not notes:
        return list(lines), []
    between = [rule for rule in rules if notes[-1].baseline < rule.y < text[-1].baseline + 2]
    mark = FOOTNOTE_MARK.match(notes[0].text)
    starred = mark is not None and _SIGNS.fullmatch(mark[1]) is not None
    # More than one rule is a table's; so, mostly, is more small type than text.
    under_rule = (
        len(between) == 1 and between[0].y > notes[0].baseline and (starred or len(notes) <= len(text))
    )
    marked = mark is not None and mark[1] in _raised_marks(text)
    return (text, notes) if under_rule or marked else (list(lines), [])


def _raised_marks(lines: Sequence[Line]) -> Counter[str]:
    marks: Counter[str] = Counter()
    for line in lines:
        baseline, size = line.baseline, line.size
        marks.update(run.text for run in line.runs if _is_mark(run, baseline, size))
    return marks


def _is_mark(run: Run, baseline: float, size: float) -> bool:
    raised = is_raised(run, baseline, size) or _SIGNS.fullmatch(run.text)
    return bool(raised) and FOOTNOTE_MARK.fullmatch(run.text) is not None


def drop_marks(lines: Sequence[Line], marks: set[str]) -> None:
    """Take the marks of footnotes out; a raised number after a digit stays where another mark of it stands."""
    for mark in marks:
        positions = []
        for line in lines:
            baseline, size = line.baseline, line.size
            for before, run in pairwise([None, *line.runs]):
                if run is not None and run.text == mark and _is_mark(run, baseline, size):
                    after_digit = before is not None and run.glued and before.text[-1:].isdigit()
                    positions.append((after_digit, line, run))
        plain = [found for found in positions if not found[0]]
        for _, line, run in plain or positions[:1]:
            if len(line.runs) > 1:
                line.runs = [one for one in line.runs if one is not run]
