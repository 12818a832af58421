"""The engine in bfloat16, beside transformers in float32: bounds, where the other tests ask for the same numbers.

Two right implementations round differently here: scores differ by hundredths, and of two tokens that are about as
likely either may be chosen. That the computation is exact is proven in float32; here, that it is the same one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from labourqa.articles import Article, Code
from labourqa.benchmark import margin_difference, rank_correlation
from labourqa.decoder import Decoder
from labourqa.engine import Evidence
from labourqa.llama import LlamaEngine

from .conftest import small_code
from .test_decoder import PLAIN, Guard
from .test_llama import QUESTION, QUESTIONS, ask_kept, ask_kept_at_once, hold_at_most, judge

pytestmark = pytest.mark.model

EVIDENCE: tuple[Evidence, ...] = ("likelihood", "yes-no")
# Each bound is about twice the most that was measured (in parentheses), with AMX and with bfloat16 emulated on AVX2.
# Of a score, the largest and the mean difference from float32 (0.06 and 0.03; 0.09 and 0.045).
BOUNDS = {"likelihood": (0.12, 0.05), "yes-no": (0.2, 0.09)}
# Of final states, which are thousands of numbers: their distance from float32's, in distances of transformers' own
# bfloat16 (0.83 to 1.15; the question one position off gives 1.7 to 2.5, attention scaled up by 5% 2).
FURTHER = 1.4
# How much greater the best logit in float32 may be than that of the chosen token (0.04).
REGRET = 0.1


@dataclass(frozen=True)
class Plain:
    """What transformers computes of whole prompts, one by one."""

    scores: dict[str, float]
    states: torch.Tensor  # (articles, states, hidden), those that the evidence is read from, in float32


@pytest.fixture(scope="module")
def engine(bfloat16_engine: LlamaEngine) -> LlamaEngine:
    assert bfloat16_engine.info.dtype == "bfloat16"
    return bfloat16_engine


@pytest.fixture(scope="module")
def articles(code: Code) -> tuple[Article, ...]:
    """Six short ones: a processor that only emulates bfloat16 is six times slower in it."""
    return (
        *(article for article in code.articles if article.number in ("7", "151", "229")),
        *small_code().articles,
    )


@pytest.fixture(scope="module")
def exact(float32_engine: LlamaEngine, articles: tuple[Article, ...]) -> dict[Evidence, Plain]:
    return {evidence: read_plainly(float32_engine, articles, evidence) for evidence in EVIDENCE}


@pytest.fixture(scope="module")
def rounded(engine: LlamaEngine, articles: tuple[Article, ...]) -> dict[Evidence, Plain]:
    return {evidence: read_plainly(engine, articles, evidence) for evidence in EVIDENCE}


def read_plainly(
    engine: LlamaEngine, articles: Sequence[Article], evidence: Evidence, question: str = QUESTION
) -> Plain:
    suffix = engine._suffix(evidence, question)
    scores: dict[str, float] = {}
    states: list[torch.Tensor] = []
    for article in articles:
        last, logits = run_plainly(engine, engine._prefix(evidence, article) + suffix.ids, suffix.states)
        states.append(last)
        if suffix.targets is None:
            scores[article.number] = float(logits[-1, engine._yes] - logits[-1, engine._no])
        else:
            logprobs = logits.log_softmax(-1)[range(len(logits)), suffix.targets]
            scores[article.number] = float(logprobs.mean())
    return Plain(scores, torch.stack(states))


def run_plainly(engine: LlamaEngine, ids: list[int], last: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `last` final states and logits of transformers' own model, (last, hidden) and (last, vocab)."""
    with torch.inference_mode():
        states = engine._model.base_model(torch.tensor([ids]), use_cache=False).last_hidden_state[0, -last:]
        return states.float(), engine._model.get_output_embeddings()(states).float()


def read_with_states(
    engine: LlamaEngine, articles: tuple[Article, ...], monkeypatch: pytest.MonkeyPatch, **options: object
) -> Plain:
    """What `judge` gives, and the states that it read it from."""
    states_of: dict[float, torch.Tensor] = {}
    compute = engine._scores

    def watch(states: torch.Tensor, suffix: object) -> list[float]:
        scores = compute(states, suffix)  # type: ignore[arg-type]  # handed through
        states_of.update(zip(scores, states.float(), strict=True))
        return scores

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_scores", watch)
        scores = judge(engine, articles, **options)
    return Plain(scores, torch.stack([states_of[score] for score in scores.values()]))


def distance(states: torch.Tensor, exact: torch.Tensor) -> float:
    """The length of the difference, in lengths of the exact ones."""
    return float((states - exact).norm() / exact.norm())


def check_states(states: torch.Tensor, rounded: torch.Tensor, exact: torch.Tensor) -> None:
    assert distance(states, exact) < FURTHER * distance(rounded, exact)


def check_scores(scores: dict[str, float], evidence: Evidence, exact: dict[str, float]) -> None:
    assert list(scores) == list(exact)
    largest, mean = BOUNDS[evidence]
    difference = margin_difference(exact, scores)
    assert difference["max"] < largest
    assert difference["mean"] < mean
    correlation = rank_correlation(exact, scores)
    assert correlation is not None
    assert correlation > 0.75  # three that are nearly alike may stand in any order
    assert exact[max(scores, key=scores.__getitem__)] > max(exact.values()) - largest


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def keep(
    engine: LlamaEngine,
    articles: tuple[Article, ...],
    evidence: Evidence,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    bits: Literal[16, 8] = 16,
) -> None:
    monkeypatch.setattr(engine, "_kept", [])  # whatever other tests keep
    engine.keep_articles(articles, evidence=evidence, folder=folder, bits=bits, show_fraction=lambda _: None)


@pytest.mark.parametrize(
    ("reading", "evidence", "layers"),
    [
        ("token-batches", "likelihood", "the library's own"),
        ("packed", "likelihood", "lean"),
        ("packed", "likelihood", "the library's own"),
        ("article-cache", "likelihood", "lean"),
        ("article-cache", "yes-no", "the library's own"),
    ],
)
def test_every_way_of_reading_stays_as_near_to_float32_as_transformers_does(
    engine: LlamaEngine,
    articles: tuple[Article, ...],
    exact: dict[Evidence, Plain],
    rounded: dict[Evidence, Plain],
    cache_folder: Path,
    reading: str,
    evidence: Evidence,
    layers: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if layers != "lean":
        monkeypatch.setattr(engine, "_layers", None)
    if reading == "article-cache":
        keep(engine, articles, evidence, cache_folder, monkeypatch)
    read = read_with_states(engine, articles, monkeypatch, evidence=evidence, reading=reading)
    check_scores(read.scores, evidence, exact[evidence].scores)
    check_states(read.states, rounded[evidence].states, exact[evidence].states)


def test_an_article_cache_of_8_bits_stays_near_to_float32(
    engine: LlamaEngine,
    articles: tuple[Article, ...],
    exact: dict[Evidence, Plain],
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(engine, articles, "likelihood", cache_folder, monkeypatch, bits=8)
    scores = judge(engine, articles, evidence="likelihood", reading="article-cache")
    check_scores(scores, "likelihood", exact["likelihood"].scores)


def test_of_clear_margins_the_word_that_is_generated_is_float32s(
    engine: LlamaEngine, float32_engine: LlamaEngine, articles: tuple[Article, ...]
) -> None:
    question = "When may a decision be challenged?"  # to which some of them say yes
    exact = read_plainly(float32_engine, articles, "yes-no", question).scores
    clear = {number: margin > 0 for number, margin in exact.items() if abs(margin) > BOUNDS["yes-no"][0]}
    assert set(clear.values()) == {True, False}
    words = engine.judge(
        [article for article in articles if article.number in clear], question,
        evidence="word", reading="token-batches", batch_tokens=10_000, batch_articles=4,
        show_read=lambda more: None,
    ).scores  # fmt: skip
    assert words == clear


def test_questions_asked_at_once_get_their_own_scores(
    engine: LlamaEngine,
    float32_engine: LlamaEngine,
    articles: tuple[Article, ...],
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(engine, articles, "likelihood", cache_folder, monkeypatch)
    together = ask_kept_at_once(engine, articles, QUESTIONS)
    for question in QUESTIONS:
        exact = read_plainly(float32_engine, articles, "likelihood", question).scores
        check_scores(together[question], "likelihood", exact)
        check_scores(ask_kept(engine, articles, question), "likelihood", together[question])


@pytest.mark.parametrize("reading", ["token-batches", "packed", "article-cache"])
def test_batches_that_are_halved_lose_and_change_no_article(
    engine: LlamaEngine,
    articles: tuple[Article, ...],
    exact: dict[Evidence, Plain],
    rounded: dict[Evidence, Plain],
    cache_folder: Path,
    reading: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suffix = len(engine._suffix("yes-no", QUESTION).ids)
    longest = max(len(engine._prefix("yes-no", article)) for article in articles) + suffix
    keep(engine, articles, "yes-no", cache_folder, monkeypatch)
    hold_at_most(2 * suffix if reading == "article-cache" else 2 * longest, engine, monkeypatch)
    shown: list[int] = []
    read = read_with_states(
        engine, articles, monkeypatch, evidence="yes-no", reading=reading, show_read=shown.append
    )
    assert sum(shown) == len(articles)
    assert max(shown) <= 4
    check_scores(read.scores, "yes-no", exact["yes-no"].scores)
    check_states(read.states, rounded["yes-no"].states, exact["yes-no"].states)


@pytest.fixture
def decoder(engine: LlamaEngine) -> Decoder:
    """Without the buffers of an earlier test."""
    assert engine._decoder is not None
    engine._decoder._idle.clear()
    return engine._decoder


@pytest.fixture(scope="module")
def plain(engine: LlamaEngine) -> list[int]:
    return engine._before + engine._ids(PLAIN) + engine._after


@pytest.fixture(scope="module")
def quoting(engine: LlamaEngine, articles: tuple[Article, ...]) -> list[int]:
    """A prompt that the embedded model answers by repeating an article."""
    law = min((article.print() for article in articles[:3]), key=len)
    return engine._before + engine._ids(f"{law}\n\nRepeat the article above word for word.") + engine._after


@pytest.mark.parametrize("lookup", [False, True])
@pytest.mark.parametrize("prompt", ["plain", "quoting"])
def test_every_generated_token_is_about_the_likeliest_and_read_as_transformers_reads_it(
    engine: LlamaEngine,
    float32_engine: LlamaEngine,
    decoder: Decoder,
    prompt: str,
    lookup: bool,
    request: pytest.FixtureRequest,
) -> None:
    ids: list[int] = request.getfixturevalue(prompt)
    steps = check_generation(engine, float32_engine, decoder, ids, lookup=lookup)
    assert steps < 8 if lookup and prompt == "quoting" else steps > 8


def test_what_is_held_of_an_earlier_prompt_serves_the_next_that_begins_alike(
    engine: LlamaEngine, float32_engine: LlamaEngine, decoder: Decoder, plain: list[int], quoting: list[int]
) -> None:
    check_generation(engine, float32_engine, decoder, quoting, lookup=True)
    check_generation(engine, float32_engine, decoder, quoting[:60] + plain, lookup=True)
    assert decoder._idle[0].ids[: 60 + len(plain)] == quoting[:60] + plain


def check_generation(
    engine: LlamaEngine, float32_engine: LlamaEngine, decoder: Decoder, ids: list[int], *, lookup: bool
) -> int:
    """Generate 16 tokens, hold them and the states of each against whole passes of transformers; the steps."""
    read_at: dict[int, tuple[list[int], torch.Tensor]] = {}  # where a pass began: its tokens and final states
    read = decoder._read

    def watch(some: list[int], position: int, buffers: Any) -> torch.Tensor:
        states = read(some, position, buffers)
        read_at[position] = some, states.float()
        return states

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder, "_read", watch)
        steps = list(decoder.generate(ids, max_tokens=16, ends=set(), guard=Guard(), lookup=lookup))
    tokens = [token for step in steps for token in step]
    assert len(tokens) == 16
    text = (ids + tokens)[:-1]  # the last token was never fed
    states: list[torch.Tensor] = []
    while len(states) < len(tokens):
        position = len(ids) - 1 + len(states)
        some, found = read_at[position]
        assert some[0] == text[position]
        right = next(
            (i for i, one in enumerate(some) if text[position + i : position + i + 1] != [one]), None
        )
        states += found[:right]
    exact, logits = run_plainly(float32_engine, text, len(tokens))
    rounded, _ = run_plainly(engine, text, len(tokens))
    regret = logits.max(-1).values - logits[range(len(tokens)), tokens]
    assert float(regret.max()) < REGRET
    check_states(torch.stack(states), rounded, exact)
    return len(steps)
