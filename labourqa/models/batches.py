"""Batches of prompts: within a token budget, similar lengths together to keep padding low; or of a fixed size."""

from collections.abc import Sequence


def make_batches(lengths: Sequence[int], batch_tokens: int, *, padded: bool = True) -> list[list[int]]:
    """Batches of prompts, as indices of `lengths` (tokens per prompt), longest first, of at most `batch_tokens` each.

    The tokens of a batch are its longest prompt times its size, or without padding the sum of its prompts. A prompt
    longer than the budget is a batch of its own. Since the longest come first, too little memory shows at once.
    """
    batches: list[list[int]] = []
    tokens_left = 0  # of the last batch's budget
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        cost = lengths[batches[-1][0]] if batches and padded else lengths[index]
        if cost <= tokens_left:
            batches[-1].append(index)
        else:
            batches.append([index])
            tokens_left, cost = batch_tokens, lengths[index]
        tokens_left -= cost
    return batches


def cut_batches(count: int, batch_articles: int) -> list[list[int]]:
    """The indices 0 to `count` - 1 in order, in batches of `batch_articles`; the last may be smaller."""
    return [
        list(range(start, min(start + batch_articles, count))) for start in range(0, count, batch_articles)
    ]
