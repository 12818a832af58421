"""The published way of reading with different batch sizes."""

from collections.abc import Sequence
from functools import partial

from labourqa.benchmark.results import SweepStep
from labourqa.benchmark.runs import measure, run_method
from labourqa.engine.base import Engine
from labourqa.law.structure import Article
from labourqa.methods import BatchingStrategy
from labourqa.models.batches import cut_batches, make_batches
from labourqa.progress import Progress

SUBSET_ARTICLES = 64
WARM_UP_ARTICLES = 4
ARTICLE_SIZES = (1, 2, 4, 8, 16, 32)
TOKEN_SIZES = (1_000, 2_500, 5_000, 10_000, 20_000)


def sweep_batches(
    articles: Sequence[Article],
    question: str,
    engine: Engine,
    *,
    subset: int = SUBSET_ARTICLES,
    article_sizes: Sequence[int] = ARTICLE_SIZES,
    token_sizes: Sequence[int] = TOKEN_SIZES,
    progress: Progress,
) -> tuple[SweepStep, ...]:
    """Measure batches of `article_sizes` articles and of `token_sizes` tokens, each once, on `subset` of the articles.

    The model generates its reply, as published. Run it before `compare_methods`: the pages of an open prefix cache
    would count as memory of the batches.
    """
    articles = spread_articles(articles, subset)
    lengths = _prompt_lengths(articles, question, engine, batch_tokens=token_sizes[0])
    steps: list[tuple[BatchingStrategy, int, list[list[int]]]] = [
        *(("fixed-batches", size, cut_batches(len(lengths), size)) for size in article_sizes),
        *(("token-batches", size, make_batches(lengths, size)) for size in token_sizes),
    ]
    swept = []
    for done, (batching, size, batches) in enumerate(steps):
        progress.show_done("batch sizes tried", done, len(steps))
        run = partial(
            run_method, batching, question=question, engine=engine,
            batch_tokens=size, batch_articles=size, show_read=lambda _: None,
        )  # fmt: skip
        run(articles[:WARM_UP_ARTICLES])
        measured = measure(partial(run, articles))
        swept.append(
            SweepStep(
                batching=batching,
                size=size,
                seconds=measured.seconds,
                tokens=measured.output.tokens,
                padding=padding_share(lengths, batches),
                peak_memory=measured.peak_memory,
            )
        )
    progress.show_done("batch sizes tried", len(steps), len(steps))
    return tuple(swept)


def spread_articles(articles: Sequence[Article], count: int) -> list[Article]:
    """At most `count` articles, evenly spread over the code, in its order."""
    count = min(count, len(articles))
    return [articles[i * len(articles) // count] for i in range(count)]


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """The share of padding in all tokens, when each batch is as wide as its longest prompt.

    `lengths` are the tokens of the prompts, `batches` indices of them.
    """
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    return 1 - sum(lengths) / padded


def _prompt_lengths(
    articles: Sequence[Article], question: str, engine: Engine, *, batch_tokens: int
) -> list[int]:
    """Tokens of each article's prompt, which only a run over the articles tells."""
    result = engine.score_articles(
        articles, question,
        scoring="yes_no", batching="token-batches", batch_tokens=batch_tokens, batch_articles=1,
        show_read=lambda _: None,
    )  # fmt: skip
    return [article.tokens for article in result.articles]
