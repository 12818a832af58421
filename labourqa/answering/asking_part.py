"""The part of a long question that asks: its sentences that the law speaks about, chosen by content.

People put their question into a story or between angry sentences. The sentences that ask, each with none to two of
those before it, are rated by how surely the law answers them; other questions are added as long as that becomes surer.
Where no sentence asks, all are rated. docs/quality.md has the measures.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from labourqa.answering.question import MAX_READ_WORDS, asks, find_asking_part, split_question

# A question of so many sentences is read whole if it is short enough: 11,000 labelled questions have no more.
SHORT_SENTENCES = 3
CONTEXT = 2  # sentences before the one that asks, which may explain it
# Another question of the text is read too if that makes it surer by MIN_GAIN that the law answers.
MIN_GAIN = 0.1
MAX_ADDITIONS = 3
_OUTCRY = re.compile(r"([^.!?\n]+)(?:\?[?!]|!+\?)")

Rate = Callable[[Sequence[str]], Sequence[float]]


def choose_sentences(
    question: str, rate: Rate, *, outcries: Collection[str] = (), max_words: int = MAX_READ_WORDS
) -> str:
    """The sentences of a question that are read, at most `max_words` words, in their order.

    `rate` tells of texts how surely the law answers them, as a log-probability. `outcries` and
    sentences in capitals do not count as asking.
    """
    sentences = split_question(question)
    if len(sentences) <= SHORT_SENTENCES and len(question.split()) <= max_words:
        return question
    lengths = [len(sentence.split()) for sentence in sentences]
    calm = [
        i
        for i, sentence in enumerate(sentences)
        if _words(sentence) not in outcries and not sentence.isupper()
    ]
    asking = [i for i in calm if asks(sentences[i])]

    def join(chosen: Collection[int]) -> str:
        return " ".join(sentences[i] for i in sorted(chosen))

    def find_best(candidates: Iterable[frozenset[int]]) -> tuple[float, frozenset[int]]:
        fitting = [one for one in dict.fromkeys(candidates) if sum(lengths[i] for i in one) <= max_words]
        ratings = rate([join(one) for one in fitting]) if fitting else []
        return max(zip(ratings, fitting, strict=True), key=lambda pair: pair[0], default=(0.0, frozenset()))

    spans = list(_find_spans(asking or calm or range(len(sentences))))
    rating, chosen = find_best(spans)
    if not chosen:  # one long sentence
        return find_asking_part(question, max_words)
    for _ in range(MAX_ADDITIONS if asking else 0):
        higher, more = find_best(chosen | span for span in spans if not span <= chosen)
        if not more or higher <= rating + MIN_GAIN:
            break
        rating, chosen = higher, more
    return join(chosen)


def find_outcries(question: str) -> set[str]:
    """The words of the sentences with marks such as "?!" and "???": they rarely ask what they say."""
    return {_words(sentence) for sentence in _OUTCRY.findall(question)}


def _words(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.lower()))


def _find_spans(ends: Collection[int]) -> Iterator[frozenset[int]]:
    """Each of these sentences with none to CONTEXT of those before it."""
    for end in ends:
        for start in range(end, max(end - CONTEXT, 0) - 1, -1):
            yield frozenset(range(start, end + 1))
