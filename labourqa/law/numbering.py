"""The spelling and the order of numbers: 57 follows 56, 60A follows 60, and "721" between 72 and 73 is 72^1.

PDF and text editions often lose raised digits, so that 72¹ reads "721"; the numbers around it give it back.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from labourqa.law.references import spell_number

# How many numbers may be missing in a row; "2022. The employer" after paragraph 2 is no paragraph.
_LONGEST_GAP = 3
_LONGEST_RANGE = 100  # "45-56 (Deleted)" is twelve numbers; a longer range is a misreading
_LATIN_SUFFIXES = ("bis", "ter", "quater", "quinquies", "sexies", "septies", "octies", "nonies", "decies")
_ROMAN = re.compile(r"c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_NUMBER = re.compile(r"(?:[A-Z](?=\d))?(\d+)(?:[\^.:-](\d+))?(?:[\^.:-](\d+))?([A-Z]*|[a-z]+)")


class SortKey(NamedTuple):
    base: int  # 72 of 72^1; a letter's place in the alphabet
    raised: int = 0  # 1 of 72^1
    third: int = 0  # 3 of 1221-1-3
    suffix: str = ""  # A of 60A


@lru_cache(maxsize=10_000)
def sort_key(number: str) -> SortKey:
    """A key that sorts 9, 10, 60, 60A, 60bis, 72, 72^1, 73, and a, b, c; what is no number comes first."""
    if match := _NUMBER.fullmatch(number):
        suffix = match[4]
        if suffix in _LATIN_SUFFIXES:
            suffix = chr(ord("B") + _LATIN_SUFFIXES.index(suffix))
        return SortKey(int(match[1]), int(match[2] or 0), int(match[3] or 0), suffix.upper())
    first = number[:1].lower()
    return SortKey(ord(first) - ord("а" if first >= "а" else "a") + 1 if first else 0, suffix=number)


@lru_cache(maxsize=10_000)
def spell_article_number(printed: str, *, compound: bool = False) -> str:
    """An article's number in one spelling: "72¹" is 72^1, "60-A" and "60a" are 60A, "5 bis" is 5bis, "5.º" is 5.

    In a `compound` number a hyphen stands between a chapter's number and an article's: 14-9 stays 14-9.
    """
    number = re.sub(r"(?<=\d)(?:\.?[ºª°]|\.?o\.?(?=[ -]|$)|er(?![^\W\d_]))", "", printed).replace(" ", "")
    if match := re.fullmatch(r"([LRD])\.?(\d.*)", number):
        return match[1] + match[2]
    if match := re.fullmatch(r"(.*\d)-?([^\W\d_]+)", number):
        suffix = match[2].lower() if match[2].lower() in _LATIN_SUFFIXES else match[2].upper()
        number = match[1] + suffix
    return number if compound else spell_number(number)


def roman_value(numeral: str) -> int:
    """The value of a Roman numeral, in capitals or not; 0 for anything else."""
    numeral = numeral.lower()
    if not _ROMAN.fullmatch(numeral):
        return 0
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    # A smaller value before a larger one is subtracted: iv is 4.
    return sum(-one if one < other else one for one, other in pairwise([*values, 0]))


def next_number(number: str, last: str) -> str:
    """The number if it can follow the last one, with lost raised digits given back (21 after 2 is 2^1), else ""."""
    number = spell_number(number)
    lowest = sort_key(last)
    if sort_key(number) <= lowest:
        return ""
    return number if sort_key(number).base <= lowest.base + _LONGEST_GAP else raise_digit(number, last)


def is_next(number: str, last: SortKey) -> bool:
    """Whether no whole number is missing between the two: 5 and 6, 5 and 5A, 5A and 6, 5B and 5C."""
    key = sort_key(number)
    return last < key and key.base <= last.base + 1


def raise_digit(number: str, last: str) -> str:
    """ "721" read as 72^1, if that is what follows the last number, else ""."""
    key = sort_key(last)
    return f"{key.base}^{key.raised + 1}" if number == f"{key.base}{key.raised + 1}" else ""


def raise_digits(numbers: Sequence[str]) -> list[str]:
    """The numbers with lost raised digits given back: 72, 721, 73 is 72, 72^1, 73."""
    raised: list[str] = []
    for i, number in enumerate(numbers):
        candidate = raise_digit(number, raised[-1]) if raised else ""
        following = numbers[i + 1 : i + 9] if candidate else []  # 72 may be followed by 721, 722 and 723
        falls_back = any(sort_key(later) < sort_key(number) for later in following)
        raised.append(candidate if falls_back else number)
    return raised


def expand_range(first: str, last: str) -> list[str]:
    """The numbers of "45-56" or "69B-69E"; both ends alone where what lies between cannot be known."""
    low, high = sort_key(first), sort_key(last)
    if first.isdigit() and last.isdigit() and low.base < high.base <= low.base + _LONGEST_RANGE:
        return [str(number) for number in range(low.base, high.base + 1)]
    if low.base == high.base and len(low.suffix) == len(high.suffix) == 1 and low.suffix < high.suffix:
        return [f"{low.base}{chr(letter)}" for letter in range(ord(low.suffix), ord(high.suffix) + 1)]
    return [first, last]


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
        if length == len(last_keys) or key < last_keys[length]:  # of equal numbers, the first counts
            last_positions[length : length + 1] = [position]
            last_keys[length : length + 1] = [key]
    run = []
    position = last_positions[-1]
    while position >= 0:
        run.append(position)
        position = previous[position]
    return run[::-1]
