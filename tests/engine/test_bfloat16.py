"""The engine in bfloat16, compared with transformers in float32: within bounds, where other tests ask for equality.

Two correct implementations round differently here: scores differ by hundredths, and of two tokens that are about
equally likely either may be generated. The tests in float32 prove that the computation is exact; these, that it is the
same one in bfloat16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labourqa.engine import scoring as scoring_module
from labourqa.engine.decoder import Decoder
from labourqa.engine.local import LocalEngine
from labourqa.engine.prompts import Suffix
from labourqa.engine.runner import ModelRunner
from labourqa.law.structure import Article, Code
from labourqa.methods import BatchingStrategy, ScoringMode
from tests.conftest import small_code
from tests.engine.helpers import (
    QUESTION,
    QUESTIONS,
    memory_for,
    open_cache,
    score,
    score_at_once,
    score_cached,
)
from tests.engine.test_decoder import PLAIN, Guard

pytestmark = pytest.mark.model

MODES: tuple[ScoringMode, ...] = ("query_likelihood", "probe", "yes_no")
# Each bound is about twice the largest value measured (in parentheses), with AMX and with bfloat16 emulated on AVX2.
# Of a score, the largest and the mean difference from float32 (0.06 and 0.03; 0.09 and 0.045).
BOUNDS: dict[ScoringMode, tuple[float, float]] = {
    "query_likelihood": (0.12, 0.05),
    "probe": (0.3, 0.12),
    "yes_no": (0.2, 0.09),
}
# Of final states, which are thousands of numbers: their distance from float32's, in distances of transformers' own
# bfloat16 (0.83 to 1.15; with the question one position off 1.7 to 2.5, with attention scaled up by 5% 2).
MAX_DISTANCE = 1.4
# How much greater the best logit in float32 may be than that of the generated token (0.04).
MAX_REGRET = 0.1


@dataclass(frozen=True)
class Reading:
    """Scores of articles, and the final states that they are read from, in float32."""

    scores: dict[str, float]
    states: torch.Tensor  # (articles, states, hidden)


@pytest.fixture(scope="module")
def engine(bfloat16_engine: LocalEngine) -> LocalEngine:
    assert bfloat16_engine.info.dtype == "bfloat16"
    return bfloat16_engine


@pytest.fixture(scope="module")
def articles(code: Code) -> tuple[Article, ...]:
    """Six short ones: a processor that only emulates bfloat16 is six times slower in it."""
    some = (article for article in code.articles if article.number in ("7", "151", "229"))
    return (*some, *small_code().articles)


@pytest.fixture(scope="module")
def exact(float32_engine: LocalEngine, articles: tuple[Article, ...]) -> dict[ScoringMode, Reading]:
    return {scoring: read_with_transformers(float32_engine, articles, scoring) for scoring in MODES}


@pytest.fixture(scope="module")
def rounded(engine: LocalEngine, articles: tuple[Article, ...]) -> dict[ScoringMode, Reading]:
    return {scoring: read_with_transformers(engine, articles, scoring) for scoring in MODES}


def read_with_transformers(
    engine: LocalEngine, articles: Sequence[Article], scoring: ScoringMode, question: str = QUESTION
) -> Reading:
    """What transformers computes of whole prompts, one by one."""
    tokenizer = engine.tokenizer
    suffix = tokenizer.suffix(scoring, question)
    scores: dict[str, float] = {}
    states: list[torch.Tensor] = []
    for article in articles:
        ids = tokenizer.prefix(scoring, article) + suffix.ids
        last, logits = run_transformers(engine, ids, suffix.output_states, probed=suffix.probed)
        states.append(last)
        if suffix.probed:
            scores[article.number] = float(last.mean(0) @ torch.from_numpy(engine.runner.probe.weights))  # type: ignore[union-attr]
        elif suffix.targets is None:
            scores[article.number] = float(logits[-1, tokenizer.yes] - logits[-1, tokenizer.no])
        else:
            logprobs = logits.log_softmax(-1)[range(len(logits)), suffix.targets]
            scores[article.number] = float(logprobs.mean())
    return Reading(scores, torch.stack(states))


def run_transformers(
    engine: LocalEngine, ids: list[int], last: int, *, probed: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """The `last` final states and logits of transformers' own model, (last, hidden) and (last, vocab).

    With `probed`, the states are those that the probe reads.
    """
    model = engine.runner.model
    with torch.inference_mode():
        output = model.base_model(torch.tensor([ids]), use_cache=False, output_hidden_states=True)
        states = output.last_hidden_state[0, -last:]
        if probed:
            assert engine.runner.probe is not None
            return output.hidden_states[engine.runner.probe.depth][0, -last:].float(), states
        return states.float(), model.get_output_embeddings()(states).float()


def score_with_states(engine: LocalEngine, articles: Sequence[Article], **options: Any) -> Reading:
    """The engine's scores, and the states that it reads them from.

    Looks inside, because no public function returns the states, and the scores alone would hide small mistakes.
    """
    states_by_score: dict[float, torch.Tensor] = {}
    compute = scoring_module._scores_from_states

    def record(runner: ModelRunner, states: torch.Tensor, suffix: Suffix) -> list[float]:
        scores = compute(runner, states, suffix)
        states_by_score.update(zip(scores, states.float(), strict=True))
        return scores

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring_module, "_scores_from_states", record)
        scores = score(engine, articles, **options)
    return Reading(scores, torch.stack([states_by_score[value] for value in scores.values()]))


def distance(states: torch.Tensor, exact: torch.Tensor) -> float:
    """The length of the difference, in lengths of the exact ones."""
    return float((states - exact).norm() / exact.norm())


def check_states(states: torch.Tensor, rounded: torch.Tensor, exact: torch.Tensor) -> None:
    assert distance(states, exact) < MAX_DISTANCE * distance(rounded, exact)


def check_scores(scores: dict[str, float], scoring: ScoringMode, exact: dict[str, float]) -> None:
    assert list(scores) == list(exact)
    largest, mean = BOUNDS[scoring]
    differences = np.abs(np.array(list(scores.values())) - np.array(list(exact.values())))
    assert differences.max() < largest
    assert differences.mean() < mean
    ranks = [np.argsort(np.argsort(list(one.values()))) for one in (scores, exact)]
    assert (
        np.corrcoef(ranks[0], ranks[1])[0, 1] > 0.75
    )  # three articles with nearly equal scores may be in any order
    assert exact[max(scores, key=scores.__getitem__)] > max(exact.values()) - largest


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("batching", "scoring", "own_layers"),
    [
        ("token-batches", "query_likelihood", False),
        ("packed", "query_likelihood", True),
        ("packed", "query_likelihood", False),
        ("prefix-cache", "query_likelihood", True),
        ("prefix-cache", "probe", True),
        ("packed", "probe", False),
        ("prefix-cache", "yes_no", False),
    ],
)
def test_every_batching_strategy_is_as_close_to_float32_as_transformers_is(
    engine: LocalEngine,
    articles: tuple[Article, ...],
    exact: dict[ScoringMode, Reading],
    rounded: dict[ScoringMode, Reading],
    cache_folder: Path,
    batching: BatchingStrategy,
    scoring: ScoringMode,
    own_layers: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_cache(engine, articles, cache_folder, scoring) as cache:
        if not own_layers:
            monkeypatch.setattr(engine.runner, "layers", None)
            monkeypatch.setattr(engine.runner, "parallel_passes", 1)
        reading = score_with_states(engine, articles, scoring=scoring, batching=batching, prefix_cache=cache)
    check_scores(reading.scores, scoring, exact[scoring].scores)
    check_states(reading.states, rounded[scoring].states, exact[scoring].states)


def test_a_prefix_cache_of_8_bits_is_close_to_float32(
    engine: LocalEngine,
    articles: tuple[Article, ...],
    exact: dict[ScoringMode, Reading],
    cache_folder: Path,
) -> None:
    with open_cache(engine, articles, cache_folder, bits=8) as cache:
        scores = score_cached(engine, cache)
    check_scores(scores, "query_likelihood", exact["query_likelihood"].scores)


def test_where_the_margin_is_clear_the_generated_reply_is_that_of_float32(
    engine: LocalEngine, float32_engine: LocalEngine, articles: tuple[Article, ...]
) -> None:
    question = "When may a decision be challenged?"  # to which some of them say yes
    exact = read_with_transformers(float32_engine, articles, "yes_no", question).scores
    clear = {number: margin > 0 for number, margin in exact.items() if abs(margin) > BOUNDS["yes_no"][0]}
    assert set(clear.values()) == {True, False}
    some = [article for article in articles if article.number in clear]
    assert score(engine, some, question, scoring="generated") == clear


def test_questions_asked_at_once_get_their_own_scores(
    engine: LocalEngine, float32_engine: LocalEngine, articles: tuple[Article, ...], cache_folder: Path
) -> None:
    with open_cache(engine, articles, cache_folder) as cache:
        together = score_at_once(engine, cache, ["What is a strike?", *QUESTIONS])
        alone = {question: score_cached(engine, cache, question) for question in QUESTIONS}
    for question in QUESTIONS:
        exact = read_with_transformers(float32_engine, articles, "query_likelihood", question).scores
        check_scores(together[question], "query_likelihood", exact)
        check_scores(alone[question], "query_likelihood", together[question])


@pytest.mark.parametrize("batching", ["token-batches", "packed", "prefix-cache"])
def test_batches_that_are_halved_lose_and_change_no_article(
    engine: LocalEngine,
    articles: tuple[Article, ...],
    exact: dict[ScoringMode, Reading],
    rounded: dict[ScoringMode, Reading],
    cache_folder: Path,
    batching: BatchingStrategy,
) -> None:
    tokenizer = engine.tokenizer
    suffix = len(tokenizer.suffix("yes_no", QUESTION).ids)
    longest = max(len(tokenizer.prefix("yes_no", article)) for article in articles) + suffix
    read: list[int] = []
    with (
        open_cache(engine, articles, cache_folder, "yes_no") as cache,
        memory_for(2 * suffix if batching == "prefix-cache" else 2 * longest, engine),
    ):
        reading = score_with_states(
            engine,
            articles,
            scoring="yes_no",
            batching=batching,
            prefix_cache=cache,
            show_read=read.append,
        )
    assert sum(read) == len(articles)
    assert max(read) <= 4
    check_scores(reading.scores, "yes_no", exact["yes_no"].scores)
    check_states(reading.states, rounded["yes_no"].states, exact["yes_no"].states)


@pytest.fixture
def decoder(engine: LocalEngine) -> Decoder:
    """A decoder that holds nothing of an earlier prompt."""
    assert engine.runner.layers is not None
    return Decoder(engine.runner.layers)


@pytest.fixture(scope="module")
def plain(engine: LocalEngine) -> list[int]:
    return engine.tokenizer.chat(PLAIN)


@pytest.fixture(scope="module")
def quoting(engine: LocalEngine, articles: tuple[Article, ...]) -> list[int]:
    """A prompt that the embedded model answers by repeating an article."""
    law = min((article.format() for article in articles[:3]), key=len)
    return engine.tokenizer.chat(f"{law}\n\nRepeat the article above word for word.")


@pytest.mark.parametrize("lookup", [False, True])
@pytest.mark.parametrize("prompt", ["plain", "quoting"])
def test_every_generated_token_is_about_the_likeliest_and_its_states_are_those_of_transformers(
    engine: LocalEngine,
    float32_engine: LocalEngine,
    decoder: Decoder,
    prompt: str,
    lookup: bool,
    request: pytest.FixtureRequest,
) -> None:
    ids: list[int] = request.getfixturevalue(prompt)
    steps = check_generation(engine, float32_engine, decoder, ids, lookup=lookup)
    assert steps < 8 if lookup and prompt == "quoting" else steps > 8


def test_keys_and_values_of_an_earlier_prompt_serve_the_next_that_begins_the_same(
    engine: LocalEngine, float32_engine: LocalEngine, decoder: Decoder, plain: list[int], quoting: list[int]
) -> None:
    check_generation(engine, float32_engine, decoder, quoting, lookup=True)
    check_generation(engine, float32_engine, decoder, quoting[:60] + plain, lookup=True)
    # Looks inside, as test_decoder does: what is held does not show in the tokens.
    assert decoder._idle[0].ids[: 60 + len(plain)] == quoting[:60] + plain


def check_generation(
    engine: LocalEngine, float32_engine: LocalEngine, decoder: Decoder, ids: list[int], *, lookup: bool
) -> int:
    """Generate 16 tokens; compare them and the states of each with whole passes of transformers. Returns the steps."""
    read_at: dict[
        int, tuple[list[int], torch.Tensor]
    ] = {}  # by position of a pass: its tokens and final states
    read = decoder._read

    def record(some: list[int], position: int, buffers: Any) -> torch.Tensor:
        states = read(some, position, buffers)
        read_at[position] = some, states.float()
        return states

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder, "_read", record)
        steps = list(decoder.generate(ids, max_tokens=16, eos_ids=set(), guard=Guard(), lookup=lookup))
    tokens = [token for step in steps for token in step]
    assert len(tokens) == 16
    text = (ids + tokens)[:-1]  # the last token was never fed back
    states: list[torch.Tensor] = []
    while len(states) < len(tokens):
        position = len(ids) - 1 + len(states)
        some, found = read_at[position]
        assert some[0] == text[position]
        right = next(
            (i for i, one in enumerate(some) if text[position + i : position + i + 1] != [one]), None
        )
        states += found[:right]
    exact, logits = run_transformers(float32_engine, text, len(tokens))
    rounded, _ = run_transformers(engine, text, len(tokens))
    regret = logits.max(-1).values - logits[range(len(tokens)), tokens]
    assert float(regret.max()) < MAX_REGRET
    check_states(torch.stack(states), rounded, exact)
    return len(steps)
