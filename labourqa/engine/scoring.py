"""Scores articles for a question: whole prompts in batches, or the question's suffix after cached prefixes.

A pass that does not fit the memory is repeated with smaller ones, for that question alone.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch

from labourqa.engine.attention import PrefixAttention
from labourqa.engine.base import parse_yes_no
from labourqa.engine.prompts import PromptTokenizer, Suffix
from labourqa.engine.request_batching import ScoringRequest
from labourqa.engine.runner import MemoryExhaustedError, ModelRunner, concatenated_ranges, last_positions
from labourqa.engine.threads import run_in_parallel
from labourqa.methods import BatchingStrategy
from labourqa.models.batches import cut_batches, make_batches

GENERATED_TOKENS = 3  # generated to read "yes" or "no"


def score_prompts(
    runner: ModelRunner,
    rows: list[list[int]],
    suffix: Suffix,
    *,
    batching: BatchingStrategy,
    batch_tokens: int,
    batch_articles: int,
    show_read: Callable[[int], None],
) -> list[float]:
    """Scores from the logits of whole prompts, `rows` of token ids that end with `suffix`, in their order."""
    read = runner.packed_states if batching == "packed" else runner.padded_states

    def score(batch: Sequence[list[int]]) -> list[float]:
        return _scores_from_states(runner, read(batch, suffix.output_states, probed=suffix.probed), suffix)

    batches = plan_batches(
        [len(row) for row in rows], batching, runner.pass_tokens, batch_tokens, batch_articles
    )
    return _score_batches(runner, rows, batches, score, show_read)


def score_generated(
    runner: ModelRunner,
    rows: list[list[int]],
    tokenizer: PromptTokenizer,
    *,
    batching: BatchingStrategy,
    batch_tokens: int,
    batch_articles: int,
    show_read: Callable[[int], None],
) -> list[float]:
    """1, 0 or 0.5 for each prompt, parsed from the reply that the model generates (base.parse_yes_no)."""

    def score(batch: Sequence[list[int]]) -> list[float]:
        replies = runner.generate_batch(batch, GENERATED_TOKENS)
        return [parse_yes_no(tokenizer.decode(reply)) for reply in replies]

    batches = plan_batches(
        [len(row) for row in rows], batching, runner.pass_tokens, batch_tokens, batch_articles
    )
    return _score_batches(runner, rows, batches, score, show_read)


def plan_batches(
    lengths: Sequence[int],
    batching: BatchingStrategy,
    pass_tokens: int,
    batch_tokens: int,
    batch_articles: int,
) -> list[list[int]]:
    """Indices of the prompts of each batch; `lengths` are in tokens."""
    match batching:
        case "one-by-one":
            return [[i] for i in range(len(lengths))]
        case "fixed-batches":
            return cut_batches(len(lengths), batch_articles)
        case "packed":
            return make_batches(lengths, pass_tokens, padded=False)
        case _:
            return make_batches(lengths, batch_tokens)


def _score_batches(
    runner: ModelRunner,
    rows: list[list[int]],
    batches: list[list[int]],
    score: Callable[[Sequence[list[int]]], list[float]],
    show_read: Callable[[int], None],
) -> list[float]:
    """A batch that does not fit the memory is halved, and so are those after it."""
    scores = [0.0] * len(rows)
    while batches:
        batch = [rows[i] for i in batches[0]]
        try:
            with runner.forward_pass():
                batch_scores = score(batch)
        except MemoryExhaustedError:
            if len(batch) == 1:
                raise
            batches = [half for one in batches for half in (one[::2], one[1::2]) if half]
            continue
        for i, value in zip(batches.pop(0), batch_scores, strict=True):
            scores[i] = value
        show_read(len(batch))
    return scores


def score_after_prefixes(
    runner: ModelRunner, requests: Sequence[ScoringRequest], show_progress: Callable[[], None]
) -> None:
    """Score all `requests`, which are over the same articles, in one pass over the cached prefixes.

    Their suffixes stand side by side and do not attend to each other. The scores are appended to each request's own,
    with a call of `show_progress` after each round of passes.
    """
    cache, indices = requests[0].prefix_cache.cache, requests[0].indices
    ids = [token for request in requests for token in request.suffix.ids]
    lengths = [len(request.suffix.ids) for request in requests]
    output_states = [request.suffix.output_states for request in requests]
    positions = concatenated_ranges(lengths)
    outputs = last_positions(lengths, output_states)
    mask = _suffix_mask(lengths).to(runner.device)

    @torch.inference_mode()  # it belongs to the thread, and this runs in others
    def score(spans: Sequence[slice]) -> list[list[float]]:
        """For each request, the scores of the articles with these spans."""
        starts = torch.tensor([span.stop - span.start for span in spans])
        states = runner.states(
            ids * len(spans),
            (starts[:, None] + positions).flatten(),
            PrefixAttention(cache, spans, mask),
            (torch.arange(len(spans))[:, None] * len(ids) + outputs).flatten(),
            requests[0].suffix.probed,  # so are the others, which use the same cache
        ).view(len(spans), len(outputs), -1)
        parts = torch.split(states, output_states, dim=1)
        return [
            _scores_from_states(runner, part, request.suffix)
            for request, part in zip(requests, parts, strict=True)
        ]

    remaining = [cache.spans[i] for i in indices]
    pass_tokens, parallel = runner.pass_tokens, runner.parallel_passes
    while remaining:
        rounds = max(1, round(len(remaining) * len(ids) / (pass_tokens * parallel)))
        size = -(-len(remaining) // (rounds * parallel))
        batches = [[remaining[i] for i in batch] for batch in cut_batches(len(remaining), size)[:parallel]]
        try:
            with runner.forward_pass():
                batch_scores = run_in_parallel([partial(score, batch) for batch in batches], runner.threads)
        except MemoryExhaustedError:
            if len(batches) > 1:
                parallel = 1
            elif size > 1:
                pass_tokens = max(1, size * len(ids) // 2)
            else:
                raise
            continue
        for scores in batch_scores:
            for request, more in zip(requests, scores, strict=True):
                request.scores += more
        remaining = remaining[sum(map(len, batches)) :]
        show_progress()


def _scores_from_states(runner: ModelRunner, states: torch.Tensor, suffix: Suffix) -> list[float]:
    """Scores of the articles from the last final states of their prompts, (articles, states, hidden)."""
    if suffix.probed:
        return runner.probe_scores(states)
    if suffix.targets is None:
        return runner.yes_no_margins(states)
    return runner.mean_log_likelihoods(states, suffix.targets)


def _suffix_mask(lengths: Sequence[int]) -> torch.Tensor:
    """(tokens, tokens), added to attention scores: a token attends to its own suffix up to itself, and to no other."""
    request = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    visible = (request[:, None] == request).tril()
    return torch.zeros(visible.shape).masked_fill(~visible, float("-inf"))
