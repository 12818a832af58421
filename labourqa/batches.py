"""Batches of prompts of similar length that stay within a token budget, so that little is spent on padding."""

from collections.abc import Sequence


def make_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Indices of `lengths` (tokens), sorted by length and cut so that no batch exceeds `batch_tokens` padded.

    A batch costs its longest prompt times its size. A prompt longer than the budget has a batch of its own.
    The longest come first: if memory does not suffice, that shows at once and not at the end.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= batch_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
