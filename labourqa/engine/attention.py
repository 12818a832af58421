"""Attention of packed articles, and of a question to the kept prefix of every article.

A pass is one row of tokens, (1, tokens), without padding and without a mask. Which tokens see which is said by
the object that travels to this module's function as `attend`, through transformers' attention interface.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "labourqa"

try:
    from torch.nn.attention import varlen

    # The first versions knew neither `enable_gqa` nor a window that stands for "not causal".
    HAS_VARLEN = {"enable_gqa", "window_size", "return_aux"} <= set(
        inspect.signature(varlen.varlen_attn).parameters
    )
except ImportError:  # torch without the kernel
    HAS_VARLEN = False


class Attend(Protocol):
    def __call__(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        """(heads, tokens, dim), (kv_heads, tokens, dim) twice -> (tokens, heads, dim)."""
        ...


class Prefixes(Protocol):
    """The kept keys and values of articles, one after the other on a token axis."""

    def layer(self, layer: int) -> tuple["Span", "Span"]:
        """Keys and values of a layer."""
        ...


# Takes a layer's number, keys and values, (kv_heads, tokens, dim); the next layer overwrites them.
Keep = Callable[[int, torch.Tensor, torch.Tensor], None]
# From a slice of the token axis to (kv_heads, tokens, dim) in the model's dtype, on its device.
Span = Callable[[slice], torch.Tensor]


def supports(config: Any) -> bool:
    """Whether a model of this configuration attends to every token before, and so can be read in packed passes."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    capped = getattr(config, "attn_logit_softcapping", None)
    return (
        kinds == {"full_attention"} and not windowed and not capped and hasattr(config, "num_attention_heads")
    )


class PackedArticles:
    """Each of the articles, `lengths` tokens one after the other, sees itself alone."""

    def __init__(self, lengths: Sequence[int], keep: Keep | None = None) -> None:
        self._lengths = lengths
        self._keep = keep

    def __call__(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        if self._keep:
            self._keep(layer, key, value)
        if _has_kernel(query):
            return _varlen(query, key, value, self._lengths, self._lengths, scaling, causal=True)[0]
        output = torch.empty_like(query)
        start = 0
        for length in self._lengths:
            own = slice(start, start + length)
            output[:, own] = scaled_dot_product_attention(
                query[None, :, own], key[None, :, own], value[None, :, own],
                is_causal=True, scale=scaling, enable_gqa=True,
            )[0]  # fmt: skip
            start += length
        return output.transpose(0, 1)


class CachedPrefixes:
    """The same suffix after each of several articles, whose prefixes are kept.

    A suffix token sees its article's prefix, and of the suffix what `suffix_mask` lets it see. The two parts are
    computed apart and joined by their log-sum-exps (as in Hydragen, arXiv 2402.05099), which is exact: nothing is
    copied, padded or concatenated, and the query heads that share a key head are folded into the query's length.
    """

    def __init__(self, prefixes: Prefixes, spans: Sequence[slice], suffix_mask: torch.Tensor) -> None:
        """`spans`: each article's place on the token axis; `suffix_mask`: (suffix, suffix), added to the scores."""
        self._prefixes = prefixes
        self._spans = spans
        self._mask = suffix_mask

    def __call__(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        articles, suffix = len(self._spans), len(self._mask)
        kv_heads, _, dim = key.shape
        group = query.shape[0] // kv_heads
        # (articles, kv_heads, group * suffix, dim)
        folded = query.view(kv_heads, group, articles, suffix, dim).permute(2, 0, 1, 3, 4)
        folded = folded.reshape(articles, kv_heads, group * suffix, dim)
        near, near_lse = self._attend_suffix(
            folded,
            key.view(kv_heads, articles, suffix, dim).transpose(0, 1),
            value.view(kv_heads, articles, suffix, dim).transpose(0, 1),
            scaling,
        )
        far, far_lse = self._attend_prefixes(layer, folded, scaling)
        share = torch.sigmoid(far_lse - near_lse)[..., None]
        output = near.new_empty(articles, suffix, kv_heads, group, dim)
        near, far, share = (
            part.view(articles, kv_heads, group, suffix, -1) for part in (near, far.float(), share)
        )
        torch.lerp(near, far, share, out=output.permute(0, 2, 3, 1, 4))
        return output.view(articles * suffix, kv_heads * group, dim).to(query.dtype)  # rounded once

    def _attend_suffix(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention within the suffix in float32, and its log-sum-exp (articles, kv_heads, group * suffix)."""
        mask = self._mask.repeat(query.shape[-2] // len(self._mask), 1)
        return _attend(query.float(), key.float(), value.float(), scaling, mask)

    def _attend_prefixes(
        self, layer: int, query: torch.Tensor, scaling: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention of (articles, kv_heads, queries, dim) to each article's prefix, and its log-sum-exp."""
        keys, values = self._prefixes.layer(layer)
        articles, kv_heads, queries, dim = query.shape
        side_by_side = all(one.stop == other.start for one, other in pairwise(self._spans))
        if side_by_side and _has_kernel(query):
            whole = slice(self._spans[0].start, self._spans[-1].stop)
            lengths = [span.stop - span.start for span in self._spans]
            rows = query.transpose(0, 1).reshape(kv_heads, articles * queries, dim)
            output, lse = _varlen(
                rows, keys(whole), values(whole), [queries] * articles, lengths, scaling, causal=False
            )
            output = output.view(articles, queries, kv_heads, dim).transpose(1, 2)
            return output, lse.view(kv_heads, articles, queries).transpose(0, 1)
        # In the order in which the kernel writes.
        output = query.new_empty(articles, queries, kv_heads, dim).transpose(1, 2)
        lse = torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device)
        for i, span in enumerate(self._spans):
            one, one_lse = _attend(query[i : i + 1], keys(span)[None], values(span)[None], scaling)
            output[i].copy_(one[0])
            lse[i].copy_(one_lse[0])
        return output, lse


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float,
    mask: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of (articles, kv_heads, queries, dim) to (articles, kv_heads, tokens, dim), and its log-sum-exp.

    `mask`, (queries, tokens), is added to the scores.
    """
    if query.is_cuda:
        scores = torch.matmul(query, key.transpose(-1, -2)).float().mul_(scaling)
        if mask is not None:
            scores += mask
        lse = scores.logsumexp(-1)
        return torch.matmul(scores.sub_(lse[..., None]).exp_().to(value.dtype), value), lse
    # What scaled_dot_product_attention calls on a CPU; only this form returns the log-sum-exp.
    output, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, attn_mask=mask, scale=scaling
    )
    return output, lse.view(query.shape[:-1])


def _has_kernel(query: torch.Tensor) -> bool:
    """FlashAttention over rows of different lengths: 16 bits, from Ampere on."""
    return (
        HAS_VARLEN
        and query.is_cuda
        and query.dtype in (torch.bfloat16, torch.float16)
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
    )


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    query_lengths: Sequence[int],
    key_lengths: Sequence[int],
    scaling: float,
    *,
    causal: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FlashAttention over rows of different lengths: (tokens, heads, dim), and the log-sum-exp (heads, tokens)."""
    output, aux = varlen.varlen_attn(
        query.transpose(0, 1),
        key.transpose(0, 1),
        value.transpose(0, 1),
        _starts(tuple(query_lengths), query.device),
        _starts(tuple(key_lengths), query.device),
        max(query_lengths),
        max(key_lengths),
        scale=scaling,
        window_size=(-1, 0) if causal else (-1, -1),
        enable_gqa=query.shape[0] != key.shape[0],
        return_aux=varlen.AuxRequest(lse=True),
    )
    return output, aux if isinstance(aux, torch.Tensor) else aux.lse


@lru_cache(maxsize=4)
def _starts(lengths: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Where each row starts, and where the last one ends: the same for all layers of a pass."""
    return torch.tensor([0, *lengths], device=device).cumsum(0).int()


def _forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    attend: Attend | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' form of an attention function; without `attend` it is the library's own."""
    if attend is None:
        stock: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return stock
    layer: Any = module.layer_idx
    return attend(layer, query[0], key[0], value[0], scaling)[None], None


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, sdpa_mask)
