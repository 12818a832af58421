"""Batches of prompts of similar length within a token budget, which keeps padding low."""

from collections.abc import Sequence


def make_batches(lengths: Sequence[int], batch_tokens: int, *, padded: bool = True) -> list[list[int]]:
    """Indices of `lengths` (tokens), sorted by length and cut so that no batch exceeds `batch_tokens`.

    A batch costs its longest prompt times its size, or the sum of its prompts if they are not `padded`. A prompt
    longer than the budget gets its own batch.
    The longest come first, so that too little memory shows at once and not at the end.
    """
    batches: list[list[int]] = []
    room = 0  # left in the last batch
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        cost = lengths[batches[-1][0]] if batches and padded else lengths[index]
        if cost <= room:
            batches[-1].append(index)
        else:
            batches.append([index])
            room, cost = batch_tokens, lengths[index]
        room -= cost
    return batches


def cut_batches(count: int, batch_articles: int) -> list[list[int]]:
    """The indices below `count`, in order, `batch_articles` at a time."""
    return [
        list(range(start, min(start + batch_articles, count))) for start in range(0, count, batch_articles)
    ]
