"""Greedy generation in float32, compared with what transformers generates with the same weights.

Some tests look inside the decoder: which keys and values it holds after a generation, and the form of a step that a
CUDA graph captures, do not show in the tokens until they are wrong much later.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from labourqa.engine.decoder import CAPACITY_TOKENS, Decoder, _PromptLookup
from labourqa.engine.layers import LlamaLayers
from labourqa.engine.local import LocalEngine
from labourqa.law.structure import Code
from tests.engine.test_layers import LLAMA3_ROPE, tiny_model

pytestmark = pytest.mark.model

PLAIN = "Name three colours."


@pytest.fixture(scope="module")
def engine(float32_engine: LocalEngine) -> LocalEngine:
    return float32_engine


@pytest.fixture
def decoder(engine: LocalEngine) -> Decoder:
    """A decoder that holds nothing of an earlier prompt."""
    assert engine.runner.layers is not None
    return Decoder(engine.runner.layers)


@pytest.fixture(scope="module")
def plain(engine: LocalEngine) -> list[int]:
    return engine.tokenizer.chat(PLAIN)


@pytest.fixture(scope="module")
def quoting(engine: LocalEngine, code: Code) -> list[int]:
    """A prompt that the embedded model answers by repeating an article."""
    law = "\n\n".join(article.format() for article in code.articles[30:32])
    return engine.tokenizer.chat(f"{law}\n\nRepeat the first article above word for word.")


class Guard:
    """Counts the steps on the device, and checks that none runs inside another."""

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
    decoder: Decoder, ids: list[int], max_tokens: int, *, eos_ids: tuple[int, ...] = (), lookup: bool = True
) -> list[int]:
    steps = decoder.generate(ids, max_tokens=max_tokens, eos_ids=set(eos_ids), guard=Guard(), lookup=lookup)
    return [token for step in steps for token in step]


def generate_with_transformers(model: Any, ids: list[int], max_tokens: int) -> list[int]:
    output = model.generate(
        torch.tensor([ids]), max_new_tokens=max_tokens, do_sample=False, pad_token_id=0, eos_token_id=-1
    )
    tokens: list[int] = output[0, len(ids) :].tolist()
    return tokens


@pytest.mark.parametrize("prompt", ["plain", "quoting"])
def test_the_tokens_are_those_of_transformers(
    engine: LocalEngine, decoder: Decoder, prompt: str, request: pytest.FixtureRequest
) -> None:
    ids = request.getfixturevalue(prompt)
    assert generate(decoder, ids, 30) == generate_with_transformers(engine.runner.model, ids, 30)


def test_lookup_changes_the_steps_and_not_the_tokens(decoder: Decoder, quoting: list[int]) -> None:
    single, drafted = (
        list(decoder.generate(quoting, max_tokens=40, eos_ids=set(), guard=Guard(), lookup=lookup))
        for lookup in (False, True)
    )
    assert [token for step in single for token in step] == [token for step in drafted for token in step]
    assert len(single) == 40
    assert len(drafted) < 20


def test_a_prompt_that_begins_like_the_one_before_is_read_from_where_it_differs(
    decoder: Decoder, plain: list[int], quoting: list[int]
) -> None:
    def generate_and_count_reads(ids: list[int]) -> tuple[list[int], int]:
        guard = Guard()
        steps = list(decoder.generate(ids, max_tokens=8, eos_ids=set(), guard=guard))
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
    reused = [generate_and_count_reads(ids) for ids in prompts]
    assert [tokens for tokens, _ in reused] == fresh
    assert [reads for _, reads in reused] == [1, 0, 1, 0, 1]


def test_keys_and_values_after_drafts_are_those_of_reading_the_text(
    decoder: Decoder, quoting: list[int]
) -> None:
    ids = quoting[:100]
    tokens = generate(decoder, ids, 12)
    held = decoder._idle[0]
    assert held.ids == ids + tokens[:-1]  # the last token was never fed
    with torch.inference_mode():
        fresh = decoder._make_buffers(len(held.ids))
        decoder._read(held.ids, 0, fresh)
        for held_numbers, read in ((held.keys, fresh.keys), (held.values, fresh.values)):
            torch.testing.assert_close(held_numbers[:, :, :111], read[:, :, :111], atol=1e-3, rtol=1e-3)


def test_keys_and_values_move_to_larger_buffers(decoder: Decoder, plain: list[int]) -> None:
    expected = generate(decoder, plain, 20)
    small = decoder._idle[0]
    steps = decoder.generate(
        plain, max_tokens=20 + CAPACITY_TOKENS, eos_ids=set(), guard=Guard(), lookup=False
    )
    assert [next(steps)[0] for _ in range(20)] == expected
    steps.close()  # type: ignore[attr-defined]  # an Iterator to its callers, in fact a generator
    assert decoder._idle[0].capacity == small.capacity + CAPACITY_TOKENS
    assert torch.equal(
        decoder._idle[0].keys[:, :, : len(plain) - 1], small.keys[:, :, : len(plain) - 1]
    )  # copied, not computed again


def test_two_generations_at_once_do_not_disturb_each_other(
    decoder: Decoder, plain: list[int], quoting: list[int]
) -> None:
    expected = [generate(decoder, ids, 12, lookup=False) for ids in (plain, quoting[:100])]
    both = [
        decoder.generate(ids, max_tokens=12, eos_ids=set(), guard=Guard(), lookup=False)
        for ids in (plain, quoting[:100])
    ]
    pairs = list(zip(*both, strict=True))
    assert [[step[0] for step in steps] for steps in zip(*pairs, strict=True)] == expected


def test_a_generation_closed_early_gives_its_buffers_back(decoder: Decoder, plain: list[int]) -> None:
    expected = generate(decoder, plain, 10)
    buffers = decoder._idle[0]
    started = decoder.generate(plain, max_tokens=10, eos_ids=set(), guard=Guard())
    next(started)
    assert not decoder._idle
    started.close()  # type: ignore[attr-defined]  # an Iterator to its callers, in fact a generator
    assert decoder._idle[0] is buffers
    assert generate(decoder, plain, 10) == expected


def test_a_failed_step_leaves_buffers_that_are_valid(decoder: Decoder, quoting: list[int]) -> None:
    ids = quoting[:100]
    expected = generate(decoder, ids, 12)
    decoder._idle.clear()
    guard = Guard()
    started = decoder.generate(ids, max_tokens=12, eos_ids=set(), guard=guard)
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


def test_an_eos_token_is_the_last_one_even_inside_a_draft(decoder: Decoder, quoting: list[int]) -> None:
    tokens = generate(decoder, quoting, 40)
    for end in (tokens[0], tokens[20], tokens[30]):
        assert generate(decoder, quoting, 40, eos_ids=(end, -1)) == tokens[: tokens.index(end) + 1]


def test_attention_over_all_slots_is_attention_over_the_used_ones(
    decoder: Decoder, quoting: list[int]
) -> None:
    """The form of a step that a CUDA graph captures, computed without one."""
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
    ids=["plain", "llama3 rope", "a kv head each", "one kv head for all", "heads wider than the states"],
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
        ([1, 2, 3, 9, 2, 3, 8, 2, 3], (6, 2)),  # of two equal ones the latest
        ([1, 2, 3, 9, 2, 3, 8, 1, 2, 3], (3, 3)),  # the longest before the latest
        ([*range(20), *range(20)], (20, 8)),
        ([1, 2, 3], (0, 0)),
    ],
)
def test_a_draft_follows_the_longest_earlier_match(tokens: list[int], found: tuple[int, int]) -> None:
    assert _PromptLookup(tokens).find() == found
    growing: list[int] = []
    lookup = _PromptLookup(growing)
    for token in tokens:
        growing.append(token)
        last = lookup.find()
    assert not tokens or last == found
