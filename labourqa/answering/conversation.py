"""Follow-up questions: "and if I am pregnant?" means little without the question before it."""

import re
from dataclasses import dataclass

# What people begin a question with when it leans on the one before ...
_OPENING = re.compile(
    r"(?:and|but|or|then|also|what about|how about|even if|only if|if so|in that case|otherwise|the same for|why not|"
    r"are you sure|since when|until when|how so|(?:is|are) (?:it|this|that|they) the same)\b",
    re.IGNORECASE,
)
# ... what only a short question that leans begins with ...
_SHORT_OPENING = re.compile(r"(?:what if|so|why|by when)\b", re.IGNORECASE)
# ... and words that stand for something said before; "they" is the employer in questions of any kind.
_PRONOUN = re.compile(r"\b(?:it|this|those|these)\b|\bthat\W*$", re.IGNORECASE)
_EXPLETIVE = re.compile(
    r"\b(?:is|was|would) it (?:be )?(?:ok|okay|possible|legal|illegal|lawful|allowed|true|right|fair|normal|necessary|"
    r"an?|open|permissible|permitted|enough)\b|\bthis (?:law|code)\b",
    re.IGNORECASE,
)
FEW_WORDS = 8  # a longer question explains its pronouns itself


@dataclass(frozen=True)
class Turn:
    """A question that was asked before, as it was understood, and what was selected for it."""

    understood: str
    selected: tuple[str, ...]


def resolve_follow_up(question: str, before: Turn | None) -> str:
    """The question so that it can be answered by itself: a follow-up stands behind the question before it."""
    return f"{before.understood} {question}" if before and is_follow_up(question) else question


def is_follow_up(question: str) -> bool:
    """Whether a question cannot be understood by itself, as far as its form shows."""
    question = question.lstrip("¿ \"'")
    if _OPENING.match(question):
        return True
    if len(question.split()) > FEW_WORDS:
        return False
    return bool(_SHORT_OPENING.match(question) or _PRONOUN.search(_EXPLETIVE.sub("", question)))
