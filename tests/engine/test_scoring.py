"""Scores do not depend on how the prompts go through the model, nor on how much memory there is."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from labourqa.engine.local import LocalEngine
from labourqa.engine.prefix_cache import OpenPrefixCache
from labourqa.engine.scoring import plan_batches
from labourqa.errors import EngineError
from labourqa.law.structure import Article, Code
from labourqa.methods import BatchingStrategy, ScoringMode
from tests.conftest import small_code
from tests.engine.helpers import (
    QUESTION,
    QUESTIONS,
    memory_for,
    open_cache,
    record_pass_sizes,
    score,
    score_at_once,
    score_cached,
    short_articles,
)

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def engine(float32_engine: LocalEngine) -> LocalEngine:
    return float32_engine


@pytest.fixture(scope="module")
def articles(code: Code) -> tuple[Article, ...]:
    return short_articles(code)


@pytest.fixture(scope="module", params=["query_likelihood", "probe", "yes_no"])
def cache(
    request: pytest.FixtureRequest,
    engine: LocalEngine,
    articles: tuple[Article, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OpenPrefixCache]:
    """The cached prefixes of the articles, for each scoring mode."""
    with open_cache(engine, articles, tmp_path_factory.mktemp("cache"), request.param) as cache:
        yield cache


@pytest.mark.parametrize("scoring", ["query_likelihood", "probe", "yes_no"])
@pytest.mark.parametrize("batching", ["token-batches", "fixed-batches", "packed"])
def test_scores_do_not_depend_on_the_batches(
    engine: LocalEngine, articles: tuple[Article, ...], scoring: ScoringMode, batching: BatchingStrategy
) -> None:
    together = score(engine, articles, scoring=scoring, batching=batching)
    alone = score(engine, articles, scoring=scoring, batching="one-by-one")
    assert list(together) == [article.number for article in articles]
    assert together == pytest.approx(alone, abs=1e-4)


def test_the_prefix_cache_gives_the_scores_of_whole_prompts(
    engine: LocalEngine, cache: OpenPrefixCache
) -> None:
    cached = score_cached(engine, cache)
    whole = score(engine, cache.key.articles, scoring=cache.key.scoring, batching="one-by-one")
    assert list(cached) == list(whole)
    assert cached == pytest.approx(whole, abs=3e-3)  # stored in 16 bits


def test_a_probe_reads_the_mean_state_of_the_questions_tokens_in_a_middle_layer(
    engine: LocalEngine, articles: tuple[Article, ...]
) -> None:
    """transformers' own states of the whole prompt, multiplied with the probe's weights."""
    tokenizer, probe = engine.tokenizer, engine.runner.probe
    assert probe is not None
    question = tokenizer.encode(f" {QUESTION}") + tokenizer.encode("\n")
    expected = {}
    for article in articles:
        likelihood = tokenizer.suffix("query_likelihood", QUESTION)
        ids = tokenizer.prefix("query_likelihood", article) + likelihood.ids[:1] + question
        with torch.inference_mode():
            output = engine.runner.model.base_model(torch.tensor([ids]), output_hidden_states=True)
        mean = output.hidden_states[probe.depth][0, -len(question) :].float().mean(0)
        expected[article.number] = float(mean @ torch.from_numpy(probe.weights))
    assert score(engine, articles, scoring="probe", batching="packed") == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("batching", ["packed", "prefix-cache"])
def test_transformers_own_layers_give_the_same_scores(
    engine: LocalEngine, cache: OpenPrefixCache, batching: BatchingStrategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Architectures other than Llama's go through transformers' attention interface."""
    options: dict[str, Any] = {"scoring": cache.key.scoring, "batching": batching, "prefix_cache": cache}
    own = score(engine, cache.key.articles, **options)
    engine.runner.model  # noqa: B018  # loads it where LlamaLayers has taken the weights
    monkeypatch.setattr(engine.runner, "layers", None)
    monkeypatch.setattr(engine.runner, "parallel_passes", 1)  # as it is without these layers
    assert score(engine, cache.key.articles, **options) == pytest.approx(own, abs=1e-4)


def test_with_the_prefix_cache_only_the_question_is_processed(
    engine: LocalEngine, cache: OpenPrefixCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = record_pass_sizes(engine, monkeypatch)
    result = engine.score_articles(
        cache.key.articles, QUESTION, scoring=cache.key.scoring, batching="prefix-cache", prefix_cache=cache,
        batch_tokens=1, batch_articles=1, show_read=lambda more: None,
    )  # fmt: skip
    suffix = len(engine.tokenizer.suffix(cache.key.scoring, QUESTION).ids)
    assert sum(sizes) == suffix * len(cache.key.articles)
    assert {one.tokens for one in result.articles} == {suffix}


def test_some_of_the_cached_articles_can_be_scored_in_any_order(
    engine: LocalEngine, cache: OpenPrefixCache
) -> None:
    some = [cache.key.articles[3], cache.key.articles[0]]
    whole = score_cached(engine, cache)
    assert score_cached(engine, cache, articles=some) == pytest.approx(
        {article.number: whole[article.number] for article in some}, abs=1e-5
    )


def test_questions_asked_at_once_get_their_own_scores(engine: LocalEngine, cache: OpenPrefixCache) -> None:
    alone = {question: score_cached(engine, cache, question) for question in QUESTIONS}
    together = score_at_once(engine, cache, ["What is a strike?", *QUESTIONS])
    for question, expected in alone.items():
        assert together[question] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("batching", ["token-batches", "packed"])
def test_a_batch_that_does_not_fit_the_memory_is_halved_and_no_article_is_lost(
    engine: LocalEngine, articles: tuple[Article, ...], batching: BatchingStrategy
) -> None:
    expected = score(engine, articles, scoring="yes_no", batching=batching)
    suffix = len(engine.tokenizer.suffix("yes_no", QUESTION).ids)
    longest = max(len(engine.tokenizer.prefix("yes_no", article)) for article in articles) + suffix
    read: list[int] = []
    with memory_for(2 * longest, engine):
        halved = score(engine, articles, scoring="yes_no", batching=batching, show_read=read.append)
    assert halved == pytest.approx(expected, abs=1e-4)
    assert sum(read) == len(articles)
    assert max(read) <= 4


def test_a_pass_after_prefixes_that_does_not_fit_the_memory_is_halved(
    engine: LocalEngine, cache: OpenPrefixCache
) -> None:
    expected = score_cached(engine, cache)
    suffix = len(engine.tokenizer.suffix(cache.key.scoring, QUESTION).ids)
    read: list[int] = []
    with memory_for(2 * suffix, engine):
        halved = score_cached(engine, cache, show_read=read.append)
    assert halved == pytest.approx(expected, abs=1e-4)
    assert sum(read) == len(cache.key.articles)
    assert max(read) <= 4


def test_after_full_memory_the_next_question_has_passes_of_full_size_again(
    engine: LocalEngine, cache: OpenPrefixCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = record_pass_sizes(engine, monkeypatch)
    score_cached(engine, cache)
    full = list(sizes)
    suffix = len(engine.tokenizer.suffix(cache.key.scoring, QUESTION).ids)
    sizes.clear()
    with memory_for(suffix, engine):
        score_cached(engine, cache)
    assert set(sizes) == {suffix}  # an article a pass
    sizes.clear()
    score_cached(engine, cache)
    assert sorted(sizes) == sorted(full)
    assert max(full) > suffix


def test_memory_that_is_too_small_for_one_article_is_one_sentence(
    engine: LocalEngine, articles: tuple[Article, ...], cache: OpenPrefixCache
) -> None:
    with memory_for(0, engine):
        for batching in ("token-batches", "packed", "prefix-cache"):
            with pytest.raises(EngineError, match="not enough memory for even one article"):
                score(engine, articles, scoring=cache.key.scoring, batching=batching, prefix_cache=cache)
    assert score_cached(engine, cache)  # the engine is usable afterwards


def test_other_errors_of_the_device_are_not_taken_for_full_memory(
    engine: LocalEngine, cache: OpenPrefixCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("illegal instruction")

    monkeypatch.setattr(engine.runner, "states", fail)
    with pytest.raises(RuntimeError, match="illegal instruction"):
        score_cached(engine, cache)


def test_the_published_method_generates_a_reply_for_each_article(engine: LocalEngine) -> None:
    read: list[int] = []
    scores = score(engine, small_code().articles, scoring="generated", show_read=read.append)
    assert set(scores.values()) <= {0.0, 0.5, 1.0}
    assert sum(read) == 3


def test_the_reply_that_is_generated_is_the_word_with_the_greater_logit(
    engine: LocalEngine, articles: tuple[Article, ...]
) -> None:
    replies = score(engine, articles, scoring="generated")
    margins = score(engine, articles, scoring="yes_no")
    assert replies == {number: float(margin > 0) for number, margin in margins.items()}


@pytest.mark.parametrize(
    ("batching", "batches"),
    [
        ("one-by-one", [[0], [1], [2], [3]]),
        ("fixed-batches", [[0, 1, 2], [3]]),
        ("packed", [[3], [1, 0], [2]]),  # at most 60 tokens in all
        ("token-batches", [[3], [1], [0, 2]]),  # at most 60 with padding
    ],
)
def test_batches_are_planned_by_number_by_tokens_or_by_padded_tokens(
    batching: BatchingStrategy, batches: list[list[int]]
) -> None:
    lengths = [20, 40, 10, 50]
    assert plan_batches(lengths, batching, pass_tokens=60, batch_tokens=60, batch_articles=3) == batches
