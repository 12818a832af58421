"""Follow-up questions: "and if I am pregnant?" means little without the question before it."""

import re
from dataclasses import dataclass

# Openings that continue the question before, however long the new one is ...
_CONTINUATION = re.compile(
    r"(?:and|but|or|then|also|what about|how about|even if|only if|if so|in that case|otherwise|the same for|why not|"
    r"are you sure|since when|until when|how so|(?:is|are) (?:it|this|that|they) the same)\b",
    re.IGNORECASE,
)
# ... openings that do so in a short question only ...
_SHORT_CONTINUATION = re.compile(r"(?:what if|so|why|by when)\b", re.IGNORECASE)
# ... and pronouns that refer to something said before. "They" is not among them: it usually means the employer.
_PRONOUN = re.compile(r"\b(?:it|this|those|these)\b|\bthat\W*$", re.IGNORECASE)
_EXPLETIVE = re.compile(  # "is it legal to ...", where "it" refers to nothing
    r"\b(?:is|was|would) it (?:be )?(?:ok|okay|possible|legal|illegal|lawful|allowed|true|right|fair|normal|necessary|"
    r"an?|open|permissible|permitted|enough)\b|\bthis (?:law|code)\b",
    re.IGNORECASE,
)
SHORT_WORDS = 8  # a longer question explains its pronouns itself


@dataclass(frozen=True)
class Turn:
    """An earlier question of a conversation, and the articles selected for it."""

    question: str  # as it was answered: with the question before it, if it was itself a follow-up
    selected: tuple[str, ...]  # article numbers


def resolve_follow_up(question: str, previous: Turn | None) -> str:
    """The question in a form that can be answered on its own: a follow-up is appended to the question before it."""
    return f"{previous.question} {question}" if previous and is_follow_up(question) else question


def is_follow_up(question: str) -> bool:
    """Whether a question's form shows that it cannot be understood on its own."""
    question = question.lstrip("¿ \"'")
    if _CONTINUATION.match(question):
        return True
    if len(question.split()) > SHORT_WORDS:
        return False
    return bool(_SHORT_CONTINUATION.match(question) or _PRONOUN.search(_EXPLETIVE.sub("", question)))
