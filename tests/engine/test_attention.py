"""Attention in packed passes against the library's own, on random numbers of the embedded model's shape."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from labourqa.engine.attention import PackedAttention, PrefixAttention, ReadTokens, supports

pytestmark = pytest.mark.model  # torch is loaded

HEADS, KV_HEADS, DIM, SCALING = 9, 3, 64, 0.125
LENGTHS = [5, 1, 40, 17]


@dataclass
class OneLayer:
    keys: torch.Tensor
    values: torch.Tensor

    def layer(self, layer: int) -> tuple[ReadTokens, ReadTokens]:
        return lambda span: self.keys[:, span], lambda span: self.values[:, span]


def numbers(heads: int, tokens: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(heads, tokens, DIM).to(dtype)


def expected(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visible: torch.Tensor
) -> torch.Tensor:
    """Plain attention in float64, (tokens, heads, dim)."""
    key, value = (one.double().repeat_interleave(HEADS // KV_HEADS, 0) for one in (key, value))
    scores = (query.double() @ key.transpose(1, 2) * SCALING).masked_fill(~visible, float("-inf"))
    return (scores.softmax(-1) @ value).transpose(0, 1).float()


def test_a_packed_article_attends_to_itself_alone_and_to_nothing_later() -> None:
    torch.manual_seed(0)
    tokens = sum(LENGTHS)
    query, key, value = numbers(HEADS, tokens), numbers(KV_HEADS, tokens), numbers(KV_HEADS, tokens)
    article = torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))
    visible = (article[:, None] == article).tril()
    output = PackedAttention(LENGTHS)(0, query, key, value, SCALING)
    assert torch.allclose(output, expected(query, key, value, visible), atol=1e-5)


def test_packed_attention_passes_on_each_layers_keys_and_values() -> None:
    stored = []
    attend = PackedAttention([2, 3], lambda layer, key, value: stored.append((layer, key, value)))
    query, key, value = numbers(HEADS, 5), numbers(KV_HEADS, 5), numbers(KV_HEADS, 5)
    attend(7, query, key, value, SCALING)
    [(layer, stored_key, stored_value)] = stored
    assert layer == 7
    assert stored_key is key
    assert stored_value is value


@pytest.mark.parametrize("suffixes", [[6], [1], [4, 3], [2, 2, 5]])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02), (torch.float16, 0.003)]
)
def test_a_suffix_attends_to_its_articles_prefix_and_itself_and_to_no_other_question(
    suffixes: list[int], dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(1)
    tokens, suffix = sum(LENGTHS), sum(suffixes)
    prefixes = OneLayer(numbers(KV_HEADS, tokens, dtype), numbers(KV_HEADS, tokens, dtype))
    ends = torch.tensor(LENGTHS).cumsum(0).tolist()
    spans = [slice(end - length, end) for end, length in zip(ends, LENGTHS, strict=True)]
    question = torch.arange(len(suffixes)).repeat_interleave(torch.tensor(suffixes))
    same_question = (question[:, None] == question).tril()
    mask = torch.zeros(suffix, suffix).masked_fill(~same_question, float("-inf"))
    rows = suffix * len(LENGTHS)
    query, key, value = (numbers(heads, rows, dtype) for heads in (HEADS, KV_HEADS, KV_HEADS))
    output = PrefixAttention(prefixes, spans, mask)(0, query, key, value, SCALING)
    for i, span in enumerate(spans):
        own = slice(i * suffix, (i + 1) * suffix)
        visible = torch.cat((torch.ones(suffix, LENGTHS[i], dtype=torch.bool), same_question), 1)
        whole = expected(
            query[:, own],
            torch.cat((prefixes.keys[:, span], key[:, own]), 1),
            torch.cat((prefixes.values[:, span], value[:, own]), 1),
            visible,
        )
        assert torch.allclose(output[own].float(), whole, atol=tolerance)


@pytest.mark.parametrize(
    ("config", "supported"),
    [
        ({"num_attention_heads": 9}, True),
        ({"num_attention_heads": 9, "layer_types": ["full_attention"] * 2}, True),
        ({"num_attention_heads": 9, "sliding_window": 4096, "use_sliding_window": False}, True),
        ({"num_attention_heads": 9, "sliding_window": 4096}, False),
        ({"num_attention_heads": 9, "layer_types": ["full_attention", "sliding_attention"]}, False),
        ({"num_attention_heads": 9, "attn_logit_softcapping": 50.0}, False),
        ({}, False),
    ],
)
def test_only_models_that_attend_to_everything_are_packed(config: dict[str, object], supported: bool) -> None:
    assert supports(SimpleNamespace(**config)) is supported
