"""Follow-up questions: "and if I am pregnant?" means little without the question before it."""

import re
from dataclasses import dataclass

# What people begin a question with when it leans on the one before.
_OPENING = re.compile(
    r"(?:and|but|or|so|then|also|what about|how about|what if|and if|even if|only if|if so|in that case|otherwise|"
    r"same|the same|which of|why|why not|really|are you sure|since when|until when|by when|how so|"
    r"(?:does|do|is|are|can|may|must|will|would|has|have|was|were) (?:it|that|this|they|those|these|he|she|them))\b",
    re.IGNORECASE,
)
# A word that stands for something said before, and nothing in the sentence that it could stand for.
_PRONOUN = re.compile(
    r"\b(?:it|that|this|they|them|their|those|these|there|one|same|such)\b(?! (?:is|are|was|were) (?:a|an|the)\b)",
    re.IGNORECASE,
)
FEW_WORDS = 8  # a question with a pronoun is a follow-up up to this length; a longer one explains itself


@dataclass(frozen=True)
class Turn:
    """A question that was asked before, as it was understood, and what was selected for it."""

    understood: str
    selected: tuple[str, ...]


def understand(question: str, before: Turn | None) -> str:
    """The question so that it can be answered by itself: a follow-up stands behind the question before it."""
    return f"{before.understood} {question}" if before and leans(question) else question


def leans(question: str) -> bool:
    """Whether a question cannot be understood by itself, as far as its form shows."""
    words = question.split()
    return bool(
        _OPENING.match(question.lstrip("¿ \"'")) or (len(words) <= FEW_WORDS and _PRONOUN.search(question))
    )
