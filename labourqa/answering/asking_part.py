"""The part of a long question that asks: its sentences that the law speaks about, chosen by content.

People put their question into a story or between angry sentences. The sentences that ask, each with those before it,
are rated by how surely the law answers them; then sentences are added as long as that becomes surer. docs/quality.md
has the measures.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

from labourqa.answering.question import MAX_READ_WORDS, asks, find_asking_part, split_question

# A question of so many sentences is read whole if it is short enough: 11,000 labelled questions have no more.
SHORT_SENTENCES = 3
CONTEXT = 2  # sentences before the one that asks, which may explain it
# Chosen on 110 training questions with noise of their own kind: what a sentence in the form of a question adds to its
# rating, by how much an added sentence must raise it, and how often the rating may be raised.
ASKING_BONUS = 2.0
MIN_GAIN = 0.1
MAX_ADDITIONS = 3

Rate = Callable[[Sequence[str]], Sequence[float]]


def choose_sentences(question: str, rate: Rate, max_words: int = MAX_READ_WORDS) -> str:
    """The sentences of a question that are read, at most `max_words` words, in their order.

    `rate` tells of texts how surely the law answers them, as a log-probability.
    """
    sentences = split_question(question)
    if len(sentences) <= SHORT_SENTENCES and len(question.split()) <= max_words:
        return question
    lengths = [len(sentence.split()) for sentence in sentences]
    asking = [i for i, sentence in enumerate(sentences) if asks(sentence)]

    def join(chosen: Collection[int]) -> str:
        return " ".join(sentences[i] for i in sorted(chosen))

    def find_best(candidates: Iterator[frozenset[int]]) -> tuple[float, frozenset[int]]:
        fitting = [one for one in dict.fromkeys(candidates) if sum(lengths[i] for i in one) <= max_words]
        ratings = rate([join(one) for one in fitting]) if fitting else []
        rated = [
            rating + ASKING_BONUS * (not one.isdisjoint(asking))
            for rating, one in zip(ratings, fitting, strict=True)
        ]
        return max(zip(rated, fitting, strict=True), key=lambda pair: pair[0], default=(0.0, frozenset()))

    single = (frozenset([i]) for i in range(len(sentences)))
    spans = _find_spans(asking or range(len(sentences)))
    rating, chosen = find_best(one for some in (single, spans) for one in some)
    if not chosen:  # one long sentence
        return find_asking_part(question, max_words)
    for _ in range(MAX_ADDITIONS):
        neighbours = (i for i in (min(chosen) - 1, max(chosen) + 1) if 0 <= i < len(sentences))
        added = [*_find_spans([i for i in asking if i not in chosen]), *(frozenset([i]) for i in neighbours)]
        higher, more = find_best(chosen | one for one in added)
        if not more or higher <= rating + MIN_GAIN:
            break
        rating, chosen = higher, more
    return join(chosen)


def _find_spans(ends: Collection[int]) -> Iterator[frozenset[int]]:
    """Each of these sentences with none to CONTEXT of those before it."""
    for end in ends:
        for start in range(end, max(end - CONTEXT, 0) - 1, -1):
            yield frozenset(range(start, end + 1))
