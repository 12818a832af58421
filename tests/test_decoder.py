"""Lean generation in float32, beside what transformers generates with the same weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from labourqa.articles import Code
from labourqa.decoder import CAPACITY_TOKENS, Decoder, _Lookup
from labourqa.layers import LlamaLayers
from labourqa.llama import LlamaEngine

from .test_layers import LLAMA3_ROPE, tiny_model

pytestmark = pytest.mark.model

PLAIN = "Name three colours."


@pytest.fixture(scope="module")
def engine(float32_engine: LlamaEngine) -> LlamaEngine:
    return float32_engine


@pytest.fixture(scope="module")
def joined(engine: LlamaEngine) -> Decoder:
    assert engine._decoder is not None  # a second one would join the weights again, and hold them twice
    return engine._decoder


@pytest.fixture
def decoder(joined: Decoder) -> Decoder:
    """Without the buffers of an earlier test."""
    joined._idle.clear()
    return joined


@pytest.fixture(scope="module")
def plain(engine: LlamaEngine) -> list[int]:
    return engine._before + engine._ids(PLAIN) + engine._after


@pytest.fixture(scope="module")
def quoting(engine: LlamaEngine, code: Code) -> list[int]:
    """A prompt that the embedded model answers by repeating an article."""
    law = "\n\n".join(article.print() for article in code.articles[30:32])
    return (
        engine._before
        + engine._ids(f"{law}\n\nRepeat the first article above word for word.")
        + engine._after
    )


class Guard:
    """Counts the steps on the device, and sees that none runs inside another."""

    def __init__(self) -> None:
        self.steps = 0
        self.inside = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        assert not self.inside
        self.steps += 1
        self.inside = True
        try:
            with torch.inference_mode():
                yield
        finally:
            self.inside = False


def generate(
    decoder: Decoder, ids: list[int], max_tokens: int, *, ends: tuple[int, ...] = (), lookup: bool = True
) -> list[int]:
    steps = decoder.generate(ids, max_tokens=max_tokens, ends=set(ends), guard=Guard(), lookup=lookup)
    return [token for step in steps for token in step]


def generate_with_transformers(model: Any, ids: list[int], max_tokens: int) -> list[int]:
    output = model.generate(
        torch.tensor([ids]), max_new_tokens=max_tokens, do_sample=False, pad_token_id=0, eos_token_id=-1
    )
    tokens: list[int] = output[0, len(ids) :].tolist()
    return tokens


@pytest.mark.parametrize("prompt", ["plain", "quoting"])
def test_the_tokens_are_those_of_transformers(
    engine: LlamaEngine, decoder: Decoder, prompt: str, request: pytest.FixtureRequest
) -> None:
    ids = request.getfixturevalue(prompt)
    assert generate(decoder, ids, 30) == generate_with_transformers(engine._model, ids, 30)


def test_lookup_changes_the_steps_and_not_the_tokens(decoder: Decoder, quoting: list[int]) -> None:
    single, drafted = (
        list(decoder.generate(quoting, max_tokens=40, ends=set(), guard=Guard(), lookup=lookup))
        for lookup in (False, True)
    )
    assert [token for step in single for token in step] == [token for step in drafted for token in step]
    assert len(single) == 40
    assert len(drafted) < 20


def test_a_prompt_that_begins_alike_is_read_from_where_it_differs(
    decoder: Decoder, plain: list[int], quoting: list[int]
) -> None:
    def generate_and_count_reads(ids: list[int]) -> tuple[list[int], int]:
        guard = Guard()
        steps = list(decoder.generate(ids, max_tokens=8, ends=set(), guard=guard))
        return [token for step in steps for token in step], guard.steps - len(
            steps
        ) - 1  # 1 takes the buffers

    law = quoting[:120]
    prompts = [law, law, law + plain, law[:60], plain]
    fresh = []
    for ids in prompts:
        decoder._idle.clear()
        fresh.append(generate_and_count_reads(ids)[0])
    decoder._idle.clear()
    kept = [generate_and_count_reads(ids) for ids in prompts]
    assert [tokens for tokens, _ in kept] == fresh
    assert [reads for _, reads in kept] == [1, 0, 1, 0, 1]


def test_what_is_held_after_drafts_is_what_reading_it_gives(decoder: Decoder, quoting: list[int]) -> None:
    ids = quoting[:100]
    tokens = generate(decoder, ids, 12)
    held = decoder._idle[0]
    assert held.ids == ids + tokens[:-1]  # the last token was never fed
    with torch.inference_mode():
        fresh = decoder._make_buffers(len(held.ids))
        decoder._read(held.ids, 0, fresh)
        for kept, read in ((held.keys, fresh.keys), (held.values, fresh.values)):
            torch.testing.assert_close(kept[:, :, :111], read[:, :, :111], atol=1e-3, rtol=1e-3)


def test_what_is_held_moves_to_greater_buffers(decoder: Decoder, plain: list[int]) -> None:
    expected = generate(decoder, plain, 20)
    small = decoder._idle[0]
    steps = decoder.generate(plain, max_tokens=20 + CAPACITY_TOKENS, ends=set(), guard=Guard(), lookup=False)
    assert [next(steps)[0] for _ in range(20)] == expected
    steps.close()  # type: ignore[attr-defined]  # an Iterator to its callers, a generator in truth
    assert decoder._idle[0].capacity == small.capacity + CAPACITY_TOKENS
    assert torch.equal(
        decoder._idle[0].keys[:, :, : len(plain) - 1], small.keys[:, :, : len(plain) - 1]
    )  # copied, not computed again


def test_two_generations_at_once_do_not_disturb_each_other(
    decoder: Decoder, plain: list[int], quoting: list[int]
) -> None:
    expected = [generate(decoder, ids, 12, lookup=False) for ids in (plain, quoting[:100])]
    both = [
        decoder.generate(ids, max_tokens=12, ends=set(), guard=Guard(), lookup=False)
        for ids in (plain, quoting[:100])
    ]
    pairs = list(zip(*both, strict=True))
    assert [[step[0] for step in steps] for steps in zip(*pairs, strict=True)] == expected


def test_a_generation_closed_early_gives_its_buffers_back(decoder: Decoder, plain: list[int]) -> None:
    expected = generate(decoder, plain, 10)
    buffers = decoder._idle[0]
    started = decoder.generate(plain, max_tokens=10, ends=set(), guard=Guard())
    next(started)
    assert not decoder._idle
    started.close()  # type: ignore[attr-defined]  # an Iterator to its callers, a generator in truth
    assert decoder._idle[0] is buffers
    assert generate(decoder, plain, 10) == expected


def test_a_failed_step_leaves_buffers_that_are_right(decoder: Decoder, quoting: list[int]) -> None:
    ids = quoting[:100]
    expected = generate(decoder, ids, 12)
    decoder._idle.clear()
    guard = Guard()
    started = decoder.generate(ids, max_tokens=12, ends=set(), guard=guard)
    next(started)
    guard.inside = True  # the next step raises
    with pytest.raises(AssertionError):
        next(started)
    assert generate(decoder, ids, 12) == expected


@pytest.mark.parametrize("max_tokens", [0, 1, 2, 5, 17])
def test_there_are_never_more_than_the_allowed_tokens(
    decoder: Decoder, quoting: list[int], max_tokens: int
) -> None:
    start = quoting[:150] * 2  # repeats itself, so that every step has a draft
    assert generate(decoder, start, max_tokens) == generate(decoder, start, 20)[:max_tokens]


def test_an_end_token_is_the_last_one_even_inside_a_draft(decoder: Decoder, quoting: list[int]) -> None:
    tokens = generate(decoder, quoting, 40)
    for end in (tokens[0], tokens[20], tokens[30]):
        assert generate(decoder, quoting, 40, ends=(end, -1)) == tokens[: tokens.index(end) + 1]


def test_attention_over_all_slots_is_attention_over_the_used_ones(
    decoder: Decoder, quoting: list[int]
) -> None:
    """The form of a step that a CUDA graph records, computed without one."""
    with torch.inference_mode():
        buffers = decoder._make_buffers(CAPACITY_TOKENS)
        decoder._read(quoting[:100], 0, buffers)
        for n in (1, 8):
            ids = quoting[100 : 100 + n]
            expected = decoder._step(ids, 100, buffers)
            full = decoder._full_step(torch.tensor(ids), torch.arange(100, 100 + n), buffers)
            torch.testing.assert_close(full, expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rope_parameters": LLAMA3_ROPE},
        {"num_key_value_heads": 6},
        {"num_key_value_heads": 1, "tie_word_embeddings": True},
        {"head_dim": 32},
    ],
    ids=["plain", "llama3 rope", "a head each", "one head for all", "heads wider than the states"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_are_those_of_transformers_for_any_shape(changes: dict[str, Any], dtype: torch.dtype) -> None:
    model = tiny_model(**changes).to(dtype)
    ids = torch.randint(97, (150,)).tolist()
    with torch.inference_mode():
        expected = model(torch.tensor([ids])).logits[0]
        decoder = Decoder(LlamaLayers(model, dtype))
        buffers = decoder._make_buffers(len(ids))
        decoder._read(ids[:147], 0, buffers)
        last = decoder._step(ids[147:], 147, buffers)
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(last, expected[147:], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        ([], (0, 0)),
        ([7], (0, 0)),
        ([7, 7], (0, 0)),
        ([7, 7, 7], (2, 2)),  # a match may overlap the end
        ([1, 2, 3, 9, 2, 3], (3, 2)),
        ([1, 2, 3, 9, 2, 3, 8, 2, 3], (6, 2)),  # of equals the latest
        ([1, 2, 3, 9, 2, 3, 8, 1, 2, 3], (3, 3)),  # the longest before the latest
        ([*range(20), *range(20)], (20, 8)),
        ([1, 2, 3], (0, 0)),
    ],
)
def test_a_draft_stands_behind_the_longest_earlier_match(tokens: list[int], found: tuple[int, int]) -> None:
    assert _Lookup(tokens).find() == found
    growing: list[int] = []
    lookup = _Lookup(growing)
    for token in tokens:
        growing.append(token)
        last = lookup.find()
    assert not tokens or last == found
