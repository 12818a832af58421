"""Follow-up questions: "and if I am pregnant?" means little without the question before it."""

import re
from dataclasses import dataclass

from labourqa.answering.question import check_question, clean_question, find_asking_part

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


@dataclass(frozen=True)
class ResolvedQuestion:
    """A question in a form that can be answered on its own."""

    asked: str  # as the person wrote it
    whole: str  # without markup and greetings; a follow-up is appended to the question before it
    text: str  # the part of `whole` that is read: all of it, or the sentences that ask
    follows_up: bool


def resolve_question(question: str, previous: Turn | None) -> ResolvedQuestion:
    """Raises QuestionError for a question that is empty or too long."""
    asked = check_question(question)
    whole = clean_question(asked)
    follows_up = previous is not None and is_follow_up(whole)
    if previous and follows_up:
        whole = f"{previous.question} {whole}"
    return ResolvedQuestion(asked, whole, find_asking_part(whole), follows_up)


def is_follow_up(question: str) -> bool:
    """Whether a question's form shows that it cannot be understood on its own."""
    question = question.lstrip("¿ \"'")
    if _CONTINUATION.match(question):
        return True
    if len(question.split()) > SHORT_WORDS:
        return False
    return bool(_SHORT_CONTINUATION.match(question) or _PRONOUN.search(_EXPLETIVE.sub("", question)))
