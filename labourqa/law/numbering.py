"""The order of numbers: 57 follows 56, 60A follows 60, and "721" between 72 and 73 is 72^1.

PDF and text editions often lose raised digits, so that 72¹ reads "721"; the numbers around it give it back.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from labourqa.law.references import spell_number

# How many numbers may be missing in a row; "2022. The employer" after paragraph 2 is no paragraph.
_LONGEST_GAP = 3

SortKey = tuple[int, int, str]


@lru_cache(maxsize=10_000)
def sort_key(number: str) -> SortKey:
    """A key that sorts 9, 10, 60, 60A, 72, 72^1, 73, and a, b, c; what is no number comes first."""
    if match := re.fullmatch(r"(\d+)(?:[\^.](\d+))?([A-Z]*)", number):
        return int(match[1]), int(match[2] or 0), match[3]
    first = number[:1].lower()
    return (ord(first) - ord("а" if first >= "а" else "a") + 1 if first else 0), 0, number


def next_number(number: str, last: str) -> str:
    """The number if it can follow the last one, with lost raised digits given back (21 after 2 is 2^1), else ""."""
    number = spell_number(number)
    lowest = sort_key(last)
    if sort_key(number) <= lowest:
        return ""
    return number if sort_key(number)[0] <= lowest[0] + _LONGEST_GAP else raise_digit(number, last)


def raise_digit(number: str, last: str) -> str:
    """ "721" read as 72^1, if that is what follows the last number, else ""."""
    base, raised, _ = sort_key(last)
    expected = f"{base}{raised + 1}"
    return f"{base}^{raised + 1}" if number == expected else ""


def raise_digits(numbers: Sequence[str]) -> list[str]:
    """The numbers with lost raised digits given back: 72, 721, 73 is 72, 72^1, 73."""
    raised: list[str] = []
    for i, number in enumerate(numbers):
        candidate = raise_digit(number, raised[-1]) if raised else ""
        following = numbers[i + 1 : i + 9] if candidate else []  # 72 may be followed by 721, 722 and 723
        falls_back = any(sort_key(later) < sort_key(number) for later in following)
        raised.append(candidate if falls_back else number)
    return raised


def longest_increasing_run(numbers: Sequence[str]) -> list[int]:
    """The positions of the longest strictly increasing subsequence (patience sorting)."""
    if not numbers:
        return []
    last_positions: list[int] = []  # [n]: where the run of n + 1 numbers with the lowest last number ends
    last_keys: list[SortKey] = []
    previous: list[int] = []  # of each position, the one before it in its run, or -1
    for position, number in enumerate(numbers):
        key = sort_key(number)
        length = bisect_left(last_keys, key)
        previous.append(last_positions[length - 1] if length else -1)
        last_positions[length : length + 1] = [position]
        last_keys[length : length + 1] = [key]
    run = []
    position = last_positions[-1]
    while position >= 0:
        run.append(position)
        position = previous[position]
    return run[::-1]
