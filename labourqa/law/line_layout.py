"""How the lines of a text are laid out: hard-wrapped at a width, or one paragraph a line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SENTENCE_ENDS = (".", ";", ":", "?", "!")
_HANGING = re.compile(r"(?:and|or|ir|ar|arba|и|или)\b")  # "employer- or workplace-level"
_LONGEST_WRAPPED_LINE = 150  # where lines are longer, each holds a whole paragraph


@dataclass(frozen=True)
class LineLayout:
    """The width at which lines are wrapped, 0 where a whole paragraph stands on each line."""

    width: int
    words: frozenset[str]  # every word of a wrapped text, to tell "fixed-term" from "employ-ment"

    def is_full(self, line: str) -> bool:
        """Whether a line may run on; an indented line of wide letters can be a third shorter than others."""
        return self.width > 0 and len(line) > max(0.6 * self.width, 40)

    def continues(self, line: str) -> bool:
        """Whether the line's sentence continues in the next line."""
        return self.is_full(line) and not line.endswith(SENTENCE_ENDS) and not line.isupper()

    def join(self, lines: Sequence[str]) -> str:
        """The lines as one, with words put together that were divided at a line's end."""
        pieces = []
        for line, following in pairwise(lines):
            if line.endswith("\xad"):  # a hyphen that stands only at the end of a line
                pieces.append(line[:-1])
            elif not line.endswith(("-", "–")) or line[-2:-1] == " " or _HANGING.match(following):
                pieces += line, " "
            elif line[-1] == "-" and self._is_one_word(_last_word(line), _first_word(following)):
                pieces.append(line[:-1])
            else:  # a compound: "fixed-term", "employer–work council", "8–10"
                pieces.append(line)
        return "".join([*pieces, *lines[-1:]])

    def _is_one_word(self, start: str, end: str) -> bool:
        return start + end in self.words and f"{start}-{end}" not in self.words


def measure_layout(lines: Sequence[str]) -> LineLayout:
    lengths = sorted(len(line) for line in lines if line)
    width = lengths[len(lengths) * 99 // 100] if lengths else 0  # a few lines may stick out
    if width > _LONGEST_WRAPPED_LINE:
        return LineLayout(0, frozenset())
    return LineLayout(width, frozenset(word for line in lines for word in re.findall(r"\w+(?:-\w+)*", line)))


def _last_word(line: str) -> str:
    return line.rpartition(" ")[2].strip("-(‘“'\"")


def _first_word(line: str) -> str:
    return line.partition(" ")[0].rstrip(".,;:)’”'\"")
