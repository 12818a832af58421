from dataclasses import replace

import pytest

from labourqa.benchmark.whole_code import make_prompt, parse_numbers
from labourqa.errors import EngineError
from tests.conftest import small_code
from tests.fakes import FakeEngine

NUMBERS = ["1", "2", "5", "57", "72", "72^1", "200", "57·2"]


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ("57, 72^1", {"57", "72^1"}),
        ("Articles 57 and 72¹.", {"57", "72^1"}),
        ("Art.57(2), Art. 72 (1)", {"57", "72"}),
        ("paragraph 2 of Article 57", {"57"}),
        ("1. Article 57\n2. Article 72", {"57", "72"}),
        ("57·2", {"57·2"}),
        ("576, 1572, 57.1", {"57"}),
        ("Article 999", set()),
        ("none", set()),
        ("", set()),
    ],
)
def test_a_reply_names_whole_article_numbers(reply: str, named: set[str]) -> None:
    assert parse_numbers(reply, NUMBERS) == named


def test_the_prompt_holds_every_article_and_the_question() -> None:
    articles = small_code().articles
    prompt = make_prompt(articles, "Who pays for study leave?", FakeEngine())
    assert all(article.format() in prompt.text for article in articles)
    assert "Who pays for study leave?" in prompt.text
    assert prompt.tokens == len(prompt.text.split())  # as the engine counts them


def test_a_code_that_does_not_fit_with_the_reply_is_refused() -> None:
    articles = small_code().articles
    engine = FakeEngine()
    tokens = make_prompt(articles, "Who pays?", engine).tokens
    engine.context_tokens = tokens + 200  # exactly the prompt and the longest reply
    make_prompt(articles, "Who pays?", engine)
    engine.context_tokens -= 1
    with pytest.raises(
        EngineError, match=f"take {tokens} tokens and the reply up to 200, but fake reads at most"
    ):
        make_prompt(articles, "Who pays?", engine)


def test_an_article_of_a_repeated_code_is_told_from_the_original() -> None:
    repeated = replace(small_code().articles[1], number="2·2")
    assert parse_numbers("2·2", ["2", repeated.number]) == {"2·2"}
