"""Splits articles that are too long to be read at once into overlapping windows."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from labourqa.law.structure import Article, Paragraph

MAX_OVERLAP = 0.25  # of a window: how much of the one before it may repeat


def split_windows(
    article: Article, max_tokens: int, count_tokens: Callable[[Sequence[str]], list[int]]
) -> tuple[Article, ...]:
    """The article as windows of at most `max_tokens` tokens, each with its number and title; usually one.

    Windows are cut between paragraphs; a paragraph that is too long itself is cut between lines, sentences or words.
    Where it is short enough, a window begins with the last piece of the one before it.
    """
    (length,) = count_tokens([article.format()])
    if length <= max_tokens:
        return (article,)
    (heading,) = count_tokens([replace(article, paragraphs=()).format()])
    room = max(1, max_tokens - heading)
    pieces = [piece for paragraph in article.paragraphs for piece in _cut(paragraph, room, count_tokens)]
    lengths = count_tokens([replace(article, paragraphs=(piece,)).text for piece in pieces])
    windows: list[list[int]] = [[]]
    used = 0
    for i, tokens in enumerate(lengths):
        if windows[-1] and used + tokens > room:
            last = windows[-1][-1]
            repeats = lengths[last] <= MAX_OVERLAP * room and lengths[last] + tokens <= room
            windows.append([last] if repeats else [])
            used = lengths[last] if repeats else 0
        windows[-1].append(i)
        used += tokens
    return tuple(replace(article, paragraphs=tuple(pieces[i] for i in window)) for window in windows)


def _cut(
    paragraph: Paragraph, max_tokens: int, count_tokens: Callable[[Sequence[str]], list[int]]
) -> Iterator[Paragraph]:
    """The paragraph, or pieces of it that are short enough."""
    (length,) = count_tokens([f"{paragraph.number}. {paragraph.text}"])
    if length <= max_tokens:
        yield paragraph
        return
    text = ""
    used = 0
    for fragment in _fragments(paragraph.text, max_tokens, count_tokens):
        (tokens,) = count_tokens([fragment])
        if text and used + tokens > max_tokens:
            yield Paragraph(paragraph.number, text.strip())
            text, used = "", 0
        text += fragment
        used += tokens + 1  # the fragments' tokens may not add up exactly
    yield Paragraph(paragraph.number, text.strip())


def _fragments(
    text: str, max_tokens: int, count_tokens: Callable[[Sequence[str]], list[int]]
) -> Iterator[str]:
    """Lines; of long lines sentences; of long sentences runs of words; of long words halves."""
    for separator in (r"(?<=\n)", r"(?<=[.;:]) ", r"(?<= )"):
        parts = [part for part in re.split(f"({separator})", text) if part]
        if len(parts) > 1:
            break
    else:
        parts = [text[: len(text) // 2], text[len(text) // 2 :]]
    for part, tokens in zip(parts, count_tokens(parts), strict=True):
        if tokens > max_tokens // 2 and len(part) > 1 and len(parts) > 1:
            yield from _fragments(part, max_tokens, count_tokens)
        else:
            yield part
