"""Mistyped words of a question: an unknown word is read as the near word that is most probably meant.

A word of the law or of the English dictionary is never changed, nor is a name, an abbreviation or a reference. The
dictionary, 82,765 words with their frequency, comes with symspellpy; its own index of it takes a second to build, so
the words within one edit are looked up (Norvig, How to Write a Spelling Corrector, 2007).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files

from snowballstemmer import stemmer  # type: ignore[import-untyped]

from labourqa.law.structure import Article

MIN_LETTERS = 4
# So much more probable is a word of the law, and a word with the same first letter, than another of that frequency.
LAW_FACTOR = 100.0
FIRST_LETTER_FACTOR = 10.0
LAW_FREQUENCY = 1e6  # of a word that only the law knows
MIN_FREQUENCY = 1e6  # of other words: a rarer one is not what was meant
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = re.compile(r"(?<![\w'’.@/^-])[a-z]+(?![\w'’@/^-]|\.\w)")
_SHORT_FORMS = frozenset(
    re.findall(
        r"\w+",
        "dont doesnt didnt cant couldnt wont wouldnt shouldnt isnt arent wasnt werent hasnt havent hadnt whats whos "
        "thats theres youre theyre weve theyve youve shes",
    )
)
_stem = lru_cache(100_000)(stemmer("english").stemWord)


@dataclass(frozen=True)
class Correction:
    """A word as it was typed, and as it is read."""

    typed: str
    read: str

    def __str__(self) -> str:
        return f'"{self.typed}" as "{self.read}"'


class SpellingCorrector:
    """Corrects questions on an English law."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = articles

    @cached_property
    def _law(self) -> frozenset[str]:
        """The words of the law, which are read when a question has a word that the dictionary does not have."""
        texts = (f"{article.title} {article.text}".lower() for article in self._articles)
        return frozenset(word for text in texts for word in re.findall(r"[a-z]+", text))

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(map(_stem, self._law))

    def correct(self, question: str) -> tuple[str, tuple[Correction, ...]]:
        """The question as it is read, and what was changed in it."""
        corrections: dict[str, str] = {}

        def correct_word(match: re.Match[str]) -> str:
            read = self._read(match[0])
            if read != match[0]:
                corrections[match[0]] = read
            return read

        text = _WORD.sub(correct_word, question.lower() if question.isupper() else question)
        if not corrections:
            return question, ()
        return text, tuple(Correction(typed, read) for typed, read in corrections.items())

    def _read(self, word: str) -> str:
        dictionary = read_dictionary()
        if len(word) < MIN_LETTERS or word in dictionary or word in _SHORT_FORMS:
            return word
        if word in self._law or _stem(word) in self._stems:
            return word

        def weigh(near: str) -> float:
            frequency = dictionary.get(near, LAW_FREQUENCY)
            in_law = LAW_FACTOR if near in self._law else 1.0
            return frequency * in_law * (FIRST_LETTER_FACTOR if near[0] == word[0] else 1.0)

        near = [
            one for one in _edit_once(word) if one in self._law or dictionary.get(one, 0) >= MIN_FREQUENCY
        ]
        return max(near, key=weigh, default=word)


@lru_cache(maxsize=4)
def load_corrector(articles: tuple[Article, ...]) -> SpellingCorrector:
    """The corrector of a law; those of the last laws stay in memory (60 ms to build)."""
    return SpellingCorrector(articles)


@cache
def read_dictionary() -> Mapping[str, int]:
    """English words and their frequency (60 ms)."""
    text = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    return {word: int(count) for word, count in map(str.split, text.splitlines())}


def _edit_once(word: str) -> set[str]:
    """All strings of at least MIN_LETTERS - 1 letters with one letter exchanged, left out, replaced or added."""
    parts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    exchanged = {a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1}
    shorter = {a + b[1:] for a, b in parts if b}
    replaced = {a + letter + b[1:] for a, b in parts if b for letter in _LETTERS}
    longer = {a + letter + b for a, b in parts for letter in _LETTERS}
    return exchanged | shorter | replaced | longer
