"""The whole code in one prompt, which the model answers with article numbers."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from labourqa.config import read_prompt
from labourqa.engine.base import Engine
from labourqa.errors import EngineError
from labourqa.law.references import spell_number
from labourqa.law.structure import Article

REPLY_TOKENS = 200  # about forty numbers

_NOT_AN_ARTICLE = re.compile(
    r"\([^()]*\)"  # a paragraph, as in 57(2)
    r"|^\s*\d+[.)]\s+(?=Art)"  # the number of a list item, as in "1. Article 57"
    r"|\b(?:paragraph|point)s?\s+\d+",
    re.MULTILINE | re.IGNORECASE,
)
_WHOLE_NUMBER = re.compile(r"(?<![\w^·])(?<!\d\.)\d+(?:\^\d+|[⁰¹²³⁴-⁹]+|[A-Z]{1,2})?(?:·\d+)?(?![\w^·])")


@dataclass(frozen=True)
class WholeCodePrompt:
    text: str
    tokens: int


def make_prompt(articles: Sequence[Article], question: str, engine: Engine) -> WholeCodePrompt:
    """Raises EngineError when the prompt and the reply do not fit the model's context."""
    law = "\n\n".join(article.format() for article in articles)
    text = read_prompt("whole_code", ("articles", "question")).format(articles=law, question=question)
    tokens = engine.count_prompt_tokens(text)
    if tokens + REPLY_TOKENS > engine.context_tokens:
        raise EngineError(
            f"The code and the question take {tokens:,} tokens and the reply up to {REPLY_TOKENS}, "
            f"but {engine.info.name} reads at most {engine.context_tokens:,}."
        )
    return WholeCodePrompt(text, tokens)


def parse_numbers(reply: str, numbers: Collection[str]) -> set[str]:
    """Those of the article `numbers` that a reply names: "Art. 57(2), 72¹" names 57 and 72^1, but not 2."""
    text = _NOT_AN_ARTICLE.sub(" ", reply)
    return {spell_number(match) for match in _WHOLE_NUMBER.findall(text)} & set(numbers)
