"""The question: its limits, and the articles that it names."""

import re
from collections.abc import Sequence

from labourqa.errors import QuestionError
from labourqa.law.citations import resolve_reference
from labourqa.law.references import Reference, find_mentions
from labourqa.law.structure import Article
from labourqa.text import is_unicode, printable

MAX_QUESTION_CHARACTERS = 2_000


def check_question(question: str) -> str:
    """The question without surrounding space and control characters. Raises QuestionError."""
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
