"""The question: its limits, what is removed from it before it is read, and the articles that it names."""

import html
import re
from collections.abc import Sequence

from labourqa.errors import QuestionError
from labourqa.law.citations import resolve_reference
from labourqa.law.references import Reference, find_mentions
from labourqa.law.structure import Article
from labourqa.text import is_unicode, printable

MAX_QUESTION_CHARACTERS = 2_000
# The longest question that is read whole. The longest of 11,359 labelled questions has 61 words, half have at most 22.
# Each word is read once for each article, so 2,000 characters would cost 15 times as much as a usual question.
MAX_READ_WORDS = 70

_TAG = re.compile(r"<!--.*?-->|</?[a-z][^<>]*>", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*\)")
_URL = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_EMPHASIS = re.compile(r"(\*{1,3}|_{1,3}|~~|`{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}|>+|[-*+•])[ \t]+", re.MULTILINE)
_REPEATED = re.compile(r"([!,])\1+")
_MANY_MARKS = re.compile(r"[!?]*\?[!?]*")
_HELLO = (
    r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|"
    r"dear (?:sir|madam|sirs|all|team)(?: or madam)?)"
)
_GREETING = rf"(?:{_HELLO}(?: (?:there|all|everyone|everybody|team|guys|again|sir|madam))?)"
_THANKS = (
    r"(?:(?:many |(?:ok(?:ay)?|great|perfect)[,.!]? )?(?:thanks|thank you|thx|ty|cheers)"
    r"(?: (?:a lot|so much|very much|again|in advance|for (?:your|the|any) (?:help|answer|reply|time|advice)))*)"
)
_CLOSING = r"(?:(?:kind|best|warm) regards|regards|yours (?:sincerely|faithfully)|sincerely|best wishes|all the best)"
_OPENING = re.compile(rf"(?:{_GREETING}|{_THANKS})\s*[,.!:;–-]+\s*|{_HELLO}\s+(?=\S+\s+\S)", re.IGNORECASE)
_ENDING = re.compile(
    rf"(?:(?<=[.!?])|(?<=[.!?] )|\n)\s*(?:{_THANKS}|{_CLOSING})[\s,.!]*(?:\w+[\s.,!]*){{0,3}}$", re.IGNORECASE
)
_SMALL_TALK = re.compile(
    rf"(?:(?:{_GREETING}|{_THANKS}|{_CLOSING}|(?:good)?bye|see you(?: later| soon)?|have a (?:nice|good) day|"
    r"ok(?:ay)?|great|perfect|nice|cool|got it|i see|understood|that(?:'s| is| was) (?:all|great|helpful|clear)|"
    r"how are you(?: doing)?(?: today)?|who are you|what are you|what(?:'s| is) your name|are you (?:a )?(?:human|"
    r"robot|bot|real)|what can (?:you|i) (?:do|ask)(?: you| here)?|(?:can you )?help(?: me)?|test(?:ing)?|"
    r"please)\b\W*)+",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bart\.)(?<!\bno\.)(?<!\bpara\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+|\n+", re.IGNORECASE
)
_ASKS = re.compile(
    r"\?\W*$"
    r"|^(?:(?:and|so|but|now|also|then)\W+)?(?:how|what|when|where|which|who|whom|whose|why|can|could|may|must|should|"
    r"do|does|did|is|are|am|was|will|would|has|have)\b(?!.*[.!]$)"
    r"|\b(?:i (?:just )?(?:want|need|would like|wish|'d like) to (?:know|ask|understand|find out)|tell me|explain|"
    r"my question|i(?: a|')m (?:asking|wondering)|i wonder|(?:not sure|no idea|don't know) (?:if|whether|what|how|who)|"
    r"please (?:advise|help|say|tell))\b",
    re.IGNORECASE,
)


def check_question(question: str) -> str:
    """The question as it was asked, without surrounding space and control characters. Raises QuestionError."""
    if not is_unicode(question):
        raise QuestionError("The question is not UTF-8 text; type it anew, or save it as UTF-8.")
    # Spaces of other kinds become usual ones; what has no shape on paper would only change the answer.
    question = printable(re.sub(r"[^\S\n\t]", " ", question)).strip()
    if not any(character.isalnum() for character in question):
        raise QuestionError(
            'The question is empty; ask one in plain words, such as "How long is annual leave?"'
        )
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise QuestionError(
            f"The question has {len(question):,} characters; ask it in at most {MAX_QUESTION_CHARACTERS:,}."
        )
    return question


def clean_question(question: str) -> str:
    """The question without markup, addresses of web pages, greetings and thanks; as it is if nothing else remains."""
    text = html.unescape(_TAG.sub(" ", question))
    text = _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", _LINE_MARK.sub("", text)))
    text = _URL.sub(" ", text)
    text = _REPEATED.sub(r"\1", text)
    text = _MANY_MARKS.sub("?", text)
    while shorter := _OPENING.match(text.lstrip()):
        text = text.lstrip()[shorter.end() :]
    text = _ENDING.sub("", text)
    text = " ".join(text.split())
    return text if any(character.isalnum() for character in text) else " ".join(question.split())


def is_small_talk(question: str) -> bool:
    """Whether a question only greets, thanks or asks who answers, so that no law has to be read."""
    return _SMALL_TALK.fullmatch(clean_question(question)) is not None


def split_question(question: str) -> list[str]:
    """The sentences of a question."""
    return [sentence.strip() for sentence in _SENTENCE_END.split(question) if sentence.strip()]


def asks(sentence: str) -> bool:
    """Whether the form of a sentence asks something."""
    return _ASKS.search(sentence) is not None


def find_asking_part(question: str, max_words: int = MAX_READ_WORDS) -> str:
    """The sentences of a long question that ask, and as many of those before them as fit into `max_words` words.

    A question that is short enough is returned as it is.
    """
    if len(question.split()) <= max_words:
        return question
    sentences = split_question(question)
    asking = [i for i, sentence in enumerate(sentences) if asks(sentence)]
    # The last question is usually the one meant; what explains it stands before it.
    order = [*reversed(asking), *(i for last in reversed(asking) for i in range(last - 1, -1, -1))]
    chosen: set[int] = set()
    words = 0
    for i in dict.fromkeys([*order, *range(len(sentences))]):
        length = len(sentences[i].split())
        if words + length <= max_words:
            chosen.add(i)
            words += length
    if not chosen:  # one long sentence
        return " ".join(question.split()[-max_words:])
    return " ".join(sentences[i] for i in sorted(chosen))


def resolve_mentions(
    question: str, articles: Sequence[Article]
) -> tuple[tuple[Reference, ...], tuple[Reference, ...]]:
    """The references in a question that the code resolves, and those that it does not.

    Where the article exists but the paragraph does not, as in Art. 144(99), the article is among the first and the
    whole reference among the second.
    """
    named: list[Reference] = []
    unknown: list[Reference] = []
    for mention in find_mentions(question):
        if resolve_reference(mention, articles).supported:
            named.append(mention)
            continue
        unknown.append(mention)
        if any(article.number == mention.article for article in articles):
            named.append(Reference(mention.article))
    return tuple(named), tuple(unknown)
