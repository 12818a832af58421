"""The engine on torch and transformers, for any causal language model; Llama 3.2 3B is the model it was built for."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from labourqa.engine.attention import StoreLayer
from labourqa.engine.base import (
    SMALL_MODEL_PARAMETERS,
    ArticleScore,
    ModelInfo,
    PrefixCacheHandle,
    ScoringResult,
)
from labourqa.engine.cache_space import CacheSpace, mark_used
from labourqa.engine.decoder import Decoder
from labourqa.engine.prefix_cache import OpenPrefixCache, PrefixCache, PrefixCachePool, open_cache_file
from labourqa.engine.prefix_files import OpenPrefixFiles, PrefixComputer, PrefixFiles
from labourqa.engine.prompts import PromptTokenizer
from labourqa.engine.request_batching import RequestBatcher, ScoringRequest
from labourqa.engine.runner import ModelRunner
from labourqa.engine.scoring import GENERATED_TOKENS, score_after_prefixes, score_generated, score_prompts
from labourqa.errors import EngineError
from labourqa.law.structure import Article
from labourqa.methods import BatchingStrategy, LogitScoring, ScoringMode
from labourqa.models.loading import QUANTIZED, load_tokenizer
from labourqa.models.weights import Weights

# A scoring mode's name in the file name of a prefix cache, as version 0.1 wrote it.
_FILE_LABELS: dict[ScoringMode, str] = {
    "yes_no": "yes-no",
    "query_likelihood": "likelihood",
    "probe": "likelihood",  # the same prefixes, and so the same file
}


class LocalEngine:
    """Raises WeightsError when the files are no causal language model, or not in this precision."""

    def __init__(self, weights: Weights, *, precision: str = "auto") -> None:
        self.tokenizer = PromptTokenizer(load_tokenizer(weights))
        self.runner = ModelRunner(
            weights, precision=precision, yes_no=(self.tokenizer.yes, self.tokenizer.no)
        )
        self._decoder = Decoder(self.runner.layers) if self.runner.layers else None
        self._pool = PrefixCachePool()
        self.batcher = RequestBatcher(partial(score_after_prefixes, self.runner))
        device = self.runner.device
        self.info = ModelInfo(
            name=weights.name,
            revision=weights.revision,
            dtype=precision if precision in QUANTIZED else str(self.runner.dtype).removeprefix("torch."),
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            parameters=self.runner.parameters,
        )
        self.context_tokens: int = self.runner.config.max_position_embeddings
        self.tokenizer_name = f"{weights.name} {weights.revision}".strip()
        self.scoring_mode: LogitScoring = "yes_no"
        if self.runner.probe:
            self.scoring_mode = "probe"
        elif self.info.is_small:
            self.scoring_mode = "query_likelihood"
        # On a CPU a larger model takes minutes for the question alone, times the number of articles.
        fast_enough = device.type == "cuda" or self.runner.parameters < SMALL_MODEL_PARAMETERS
        self.supports_prefix_cache = self.runner.supports_packing and fast_enough

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(self.tokenizer.encode(text)) for text in texts]

    def score_articles(
        self,
        articles: Sequence[Article],
        question: str,
        *,
        scoring: ScoringMode,
        batching: BatchingStrategy,
        batch_tokens: int,
        batch_articles: int,
        prefix_cache: PrefixCacheHandle | None = None,
        show_read: Callable[[int], None],
    ) -> ScoringResult:
        self._check_batching(batching)
        started = time.perf_counter()
        suffix = self.tokenizer.suffix(scoring, question)
        if batching == "prefix-cache":
            cache = _check_handle(prefix_cache, articles, scoring)
            indices = [cache.index[article] for article in articles]
            lengths = [span.stop - span.start for span in cache.cache.spans]
            self._check_context(articles, [lengths[i] + len(suffix.ids) for i in indices])
            tokenize_seconds = time.perf_counter() - started
            scores = self.batcher.run(ScoringRequest(cache, indices, suffix), show_read)
            tokens = [len(suffix.ids)] * len(articles)
        else:
            rows = [self.tokenizer.prefix(scoring, article) + suffix.ids for article in articles]
            tokens = [len(row) for row in rows]
            self._check_context(articles, tokens)
            tokenize_seconds = time.perf_counter() - started
            if scoring == "generated":
                scores = score_generated(
                    self.runner, rows, self.tokenizer,
                    batching=batching, batch_tokens=batch_tokens, batch_articles=batch_articles, show_read=show_read,
                )  # fmt: skip
                tokens = [count + GENERATED_TOKENS - 1 for count in tokens]  # the last is not fed back
            else:
                scores = score_prompts(
                    self.runner, rows, suffix,
                    batching=batching, batch_tokens=batch_tokens, batch_articles=batch_articles, show_read=show_read,
                )  # fmt: skip
        return ScoringResult(
            tuple(
                ArticleScore(article.number, score, count)
                for article, score, count in zip(articles, scores, tokens, strict=True)
            ),
            tokenize_seconds,
        )

    def read_ahead(
        self,
        articles: Sequence[Article],
        questions: Sequence[str],
        *,
        scoring: ScoringMode,
        show_read: Callable[[int], None],
    ) -> None:
        """Nothing: the prefix cache holds all articles."""

    def open_prefix_cache(
        self,
        articles: Sequence[Article],
        *,
        scoring: ScoringMode,
        folder: Path,
        bits: Literal[16, 8],
        limit_bytes: int | None = None,
        show_share: Callable[[float], None],
    ) -> OpenPrefixCache:
        self._check_batching("prefix-cache")
        self.runner.release_second_copy()  # a second copy of the weights does not stay beside the cache

        def open_file() -> PrefixCache:
            prefixes = [self.tokenizer.prefix(scoring, article) for article in articles]
            self._check_context(articles, list(map(len, prefixes)))
            cache = open_cache_file(
                folder,
                f"{_file_name(self.info.name)}-{self.info.dtype}-{_FILE_LABELS[scoring]}-{bits}bit",
                prefixes,
                self.runner.cache_spec(bits),
                revision=f"{self.info.revision} {self.info.dtype}",
                pass_tokens=self.runner.pass_tokens,
                compute=self.compute_prefixes,
                limit_bytes=limit_bytes,
                show_share=show_share,
            )
            if self.runner.device.type == "cuda":
                cache.move_to(self.runner.device)
            return cache

        opened = self._pool.acquire(articles, scoring, bits, open_file)
        mark_used(opened.cache.path)
        return opened

    def article_prefixes(
        self, *, scoring: ScoringMode, folder: Path, bits: Literal[16, 8], limit_bytes: int | None
    ) -> PrefixFiles:
        self._check_batching("prefix-cache")
        self.runner.release_second_copy()
        computer = PrefixComputer(
            spec=self.runner.cache_spec(bits),
            revision=f"{self.info.name} {self.info.revision} {self.info.dtype}",
            device=self.runner.device,
            pass_tokens=self.runner.pass_tokens,
            describe=partial(self.tokenizer.describe_prefix, scoring),
            tokenize=partial(self.tokenizer.prefix, scoring),
            compute=self.compute_prefixes,
        )
        return PrefixFiles(CacheSpace(folder, limit_bytes), scoring, computer)

    def prefix_bytes(self, tokens: int, bits: Literal[16, 8]) -> int:
        return tokens * self.runner.cache_spec(bits).token_bytes

    def compute_prefixes(self, prefixes: Sequence[Sequence[int]], store_layer: StoreLayer) -> None:
        """Run the model over the prefixes in one pass; `store_layer` receives every layer's keys and values."""
        with self.runner.forward_pass():
            self.runner.packed_states(prefixes, 0, store_layer)

    def count_prompt_tokens(self, prompt: str) -> int:
        return len(self.tokenizer.chat(prompt))

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        ids = self.tokenizer.chat(prompt)
        if len(ids) + max_tokens > self.context_tokens:
            raise EngineError(
                f"A prompt of {len(ids)} tokens and an answer of {max_tokens} do not fit the "
                f"{self.context_tokens} tokens that {self.info.name} can read; select fewer articles with --top."
            )
        eos = self.runner.generation_config.eos_token_id
        eos_ids = {eos} if isinstance(eos, int) else set(eos or ())
        steps = (
            self._decoder.generate(
                ids, max_tokens=max_tokens, eos_ids=eos_ids, guard=self.runner.forward_pass
            )
            if self._decoder
            else self._generate_with_transformers(ids, max_tokens, eos_ids)
        )
        reply: list[int] = []
        shown = ""
        tokens = 0
        for step in steps:
            tokens += len(step)
            reply += [token for token in step if token not in eos_ids]
            text = self.tokenizer.decode(reply)
            if not text.endswith("\ufffd"):  # a character may need more than one token
                yield text[len(shown) :], tokens
                shown, tokens = text, 0
        if tokens:
            yield "", tokens

    def _generate_with_transformers(
        self, ids: list[int], max_tokens: int, eos_ids: set[int]
    ) -> Iterator[list[int]]:
        """For architectures that the decoder does not support: one token a pass, with transformers' own cache."""
        cache = None
        inputs = torch.tensor([ids], device=self.runner.device)  # (1, seq)
        for _ in range(max_tokens):
            with self.runner.forward_pass():
                output = self.runner.model(inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
                token = int(output.logits[0, -1].argmax())
            yield [token]
            if token in eos_ids:
                return
            cache = output.past_key_values
            inputs = torch.tensor([[token]], device=self.runner.device)

    def _check_batching(self, batching: BatchingStrategy) -> None:
        if batching in ("packed", "prefix-cache") and not self.runner.supports_packing:
            raise EngineError(
                f"Not every layer of {self.info.name} attends to all earlier tokens; "
                "choose --method token-batches-logits."
            )

    def _check_context(self, articles: Sequence[Article], lengths: Sequence[int]) -> None:
        """`lengths`: tokens of each article's prompt."""
        for article, length in zip(articles, lengths, strict=True):
            if length + GENERATED_TOKENS > self.context_tokens:
                raise EngineError(
                    f"Article {article.number} and the question take {length} tokens, but {self.info.name} "
                    f"reads at most {self.context_tokens}; choose a model with a longer context."
                )


def _check_handle(
    handle: PrefixCacheHandle | None, articles: Sequence[Article], scoring: ScoringMode
) -> OpenPrefixCache | OpenPrefixFiles:
    """The cache of `articles`; anything else is a bug of the caller."""
    if not isinstance(handle, OpenPrefixCache | OpenPrefixFiles) or handle.scoring != scoring:
        raise ValueError(f"no open prefix cache for {scoring} scoring")
    if missing := [article.number for article in articles if article not in handle.index]:
        raise ValueError(f"the prefix cache lacks Article {missing[0]}")
    return handle


def _file_name(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model)[-60:]
