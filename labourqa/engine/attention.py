"""Attention of packed articles to themselves, and of a question to the cached prefix of every article.

A forward pass is one row of tokens, (1, tokens), without padding and without a mask. An `AttentionFunction` decides
which tokens attend to which; it reaches transformers' own layers through their attention interface.
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


class AttentionFunction(Protocol):
    def __call__(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        """(heads, tokens, dim), (kv_heads, tokens, dim) twice -> (tokens, heads, dim)."""
        ...


class PrefixLayers(Protocol):
    """The cached keys and values of articles, one after the other on a token axis."""

    def layer(self, layer: int) -> tuple["ReadTokens", "ReadTokens"]:
        """Functions that read a layer's keys and values."""
        ...


# Takes a layer's number, keys and values, (kv_heads, tokens, dim), and copies them: the next layer overwrites them.
StoreLayer = Callable[[int, torch.Tensor, torch.Tensor], None]
# Takes a slice of the token axis; returns (kv_heads, tokens, dim) in the model's dtype, on its device.
ReadTokens = Callable[[slice], torch.Tensor]


def supports(config: Any) -> bool:
    """Whether every layer of a model attends to all earlier tokens, which packed passes and prefix caches rely on."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    capped = getattr(config, "attn_logit_softcapping", None)
    return (
        kinds == {"full_attention"} and not windowed and not capped and hasattr(config, "num_attention_heads")
    )


class PackedAttention:
    """Causal attention of articles that stand one after the other, `lengths` tokens each, each to itself alone."""

    def __init__(self, lengths: Sequence[int], store_layer: StoreLayer | None = None) -> None:
        self._lengths = lengths
        self._store_layer = store_layer

    def __call__(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        if self._store_layer:
            self._store_layer(layer, key, value)
        if _has_kernel(query):
            return _varlen(query, key, value, self._lengths, self._lengths, scaling, causal=True)[0]
        output = torch.empty_like(query)
        start = 0
        for length in self._lengths:
            article = slice(start, start + length)
            output[:, article] = scaled_dot_product_attention(
                query[None, :, article], key[None, :, article], value[None, :, article],
                is_causal=True, scale=scaling, enable_gqa=True,
            )[0]  # fmt: skip
            start += length
        return output.transpose(0, 1)


class PrefixAttention:
    """Attention of the same suffix after each of several articles whose prefixes are cached.

    A suffix token attends to its article's prefix, and within the suffix to what `suffix_mask` allows. The two parts
    are computed separately and combined by their log-sum-exps (Hydragen, arXiv 2402.05099), which is exact. Nothing is
    copied, padded or concatenated; the query heads that share a key head are folded into the query's length.
    """

    def __init__(self, prefixes: PrefixLayers, spans: Sequence[slice], suffix_mask: torch.Tensor) -> None:
        """`spans`: each article's slice of the token axis; `suffix_mask`: (suffix, suffix), added to the scores."""
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
        suffix_output, suffix_lse = self._attend_to_suffix(
            folded,
            key.view(kv_heads, articles, suffix, dim).transpose(0, 1),
            value.view(kv_heads, articles, suffix, dim).transpose(0, 1),
            scaling,
        )
        prefix_output, prefix_lse = self._attend_to_prefixes(layer, folded, scaling)
        prefix_weight = torch.sigmoid(prefix_lse - suffix_lse)[..., None]
        output = suffix_output.new_empty(articles, suffix, kv_heads, group, dim)
        suffix_output, prefix_output, prefix_weight = (
            part.view(articles, kv_heads, group, suffix, -1)
            for part in (suffix_output, prefix_output.float(), prefix_weight)
        )
        torch.lerp(suffix_output, prefix_output, prefix_weight, out=output.permute(0, 2, 3, 1, 4))
        return output.view(articles * suffix, kv_heads * group, dim).to(query.dtype)  # rounded once

    def _attend_to_suffix(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention within the suffix in float32, and its log-sum-exp, (articles, kv_heads, group * suffix)."""
        mask = self._mask.repeat(query.shape[-2] // len(self._mask), 1)
        return _attend(query.float(), key.float(), value.float(), scaling, mask)

    def _attend_to_prefixes(
        self, layer: int, query: torch.Tensor, scaling: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention of (articles, kv_heads, queries, dim) to each article's prefix, and its log-sum-exp."""
        read_keys, read_values = self._prefixes.layer(layer)
        articles, kv_heads, queries, dim = query.shape
        contiguous = all(span.stop == following.start for span, following in pairwise(self._spans))
        if contiguous and _has_kernel(query):
            whole = slice(self._spans[0].start, self._spans[-1].stop)
            lengths = [span.stop - span.start for span in self._spans]
            rows = query.transpose(0, 1).reshape(kv_heads, articles * queries, dim)
            output, lse = _varlen(
                rows,
                read_keys(whole),
                read_values(whole),
                [queries] * articles,
                lengths,
                scaling,
                causal=False,
            )
            output = output.view(articles, queries, kv_heads, dim).transpose(1, 2)
            return output, lse.view(kv_heads, articles, queries).transpose(0, 1)
        # The memory order in which the kernel writes.
        output = query.new_empty(articles, queries, kv_heads, dim).transpose(1, 2)
        lse = torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device)
        for i, span in enumerate(self._spans):
            article_output, article_lse = _attend(
                query[i : i + 1], read_keys(span)[None], read_values(span)[None], scaling
            )
            output[i].copy_(article_output[0])
            lse[i].copy_(article_lse[0])
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
    """Offsets where each row starts, and where the last one ends: the same for all layers of a pass."""
    return torch.tensor([0, *lengths], device=device).cumsum(0).int()


def _forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    attend: AttentionFunction | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """An attention function as transformers calls it; without `attend`, the library's own attention."""
    if attend is None:
        default: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return default
    layer: Any = module.layer_idx
    return attend(layer, query[0], key[0], value[0], scaling)[None], None


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, sdpa_mask)
