"""A law's name and the date of its version, found in the lines before the first article."""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

from labourqa.law.languages import Language

_SMALL_WORDS = frozenset(
    ["a", "an", "and", "by", "for", "from", "in", "of", "on", "or", "the", "to", "de", "del", "la", "las", "los", "y",
     "do", "da", "dos", "das", "e", "du", "des", "et", "le", "les", "und", "der", "für"]
)  # fmt: skip


_CONTENTS = re.compile(r"(?:the )?arrangement of |(?:table of )?contents\b", re.IGNORECASE)
_OF_ITSELF = re.compile(r"\bthis (?:act|code|law|decree|proclamation)\b", re.IGNORECASE)


def find_name(language: Language, lines: Sequence[str]) -> str:
    """The lines in capitals that name a law, in title case; else the first line that names one; else the first."""
    for i, line in enumerate(lines):
        if line.isupper() and not language.match_level(line):
            in_capitals = takewhile(
                lambda line: line.isupper() and not language.match_level(line) and not _CONTENTS.match(line),
                lines[i : i + 5],
            )
            name = " ".join(in_capitals)
            if names_law(language, name):
                words = [word if word in _SMALL_WORDS else word.capitalize() for word in name.lower().split()]
                return " ".join([words[0].capitalize(), *words[1:]])
    printed = [line[:200] for line in lines if line and not language.match_level(line)]
    return next((line for line in printed if names_law(language, line)), next(iter(printed), ""))


def names_law(language: Language, line: str) -> bool:
    """Whether a line is the name of a law and not a heading inside it, such as "Purpose of this Act"."""
    return language.name.search(line) is not None and not _OF_ITSELF.search(line)


def find_date(language: Language, lines: Sequence[str]) -> str:
    """The ISO date that the text states for its version, "" if it states none."""
    match = language.date.search("\n".join(lines)[:20_000])
    try:
        return datetime.strptime(match[1], language.date_format).date().isoformat() if match else ""
    except ValueError:  # no such day
        return ""
