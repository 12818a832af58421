"""The engine on torch and transformers, for any causal language model; Llama 3.2 3B is what it was built for.

A prompt is the article's part followed by the question's part. The two are tokenised apart and their ids
joined, so that what the model computes about an article never depends on the question.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import torch

from labourqa.config import read_prompt
from labourqa.engine import attention
from labourqa.engine.base import Decision, Evidence, Judgement, ModelInfo, Reading, read_word
from labourqa.engine.decoder import Decoder
from labourqa.engine.layers import LlamaLayers, can_pack, linear
from labourqa.engine.prefix_cache import ArticleCache, Shape, open_cache
from labourqa.engine.threads import choose_threads, run_side_by_side
from labourqa.errors import EngineError
from labourqa.law.structure import Article
from labourqa.models.batches import cut_batches, make_batches
from labourqa.models.loading import (
    QUANTIZED,
    choose_device,
    choose_dtype,
    load_model,
    load_tokenizer,
    stored_dtype,
)
from labourqa.models.weights import Weights

# Below this size a bare yes or no is worthless: the embedded 135M model answers by the article's length.
YES_NO_PARAMETERS = 1_000_000_000
# On a CPU a larger model takes minutes for the question alone, times 257 articles.
CPU_CACHE_PARAMETERS = 1_000_000_000
WORD_TOKENS = 3  # generated to read "yes" or "no" in the published way
# Llama 3's template would write today's date into every prompt and change every prefix each day.
TEMPLATE_DATE = "26 Jul 2024"
# Tokens of one packed pass. On 2 CPU cores the layers run at 690, 750, 780, 797 and 798 tokens/s in passes of
# 200, 400, 800, 1,600 and 3,200: the weights are read once a pass. A larger one only leaves the processor's caches.
CPU_PASS_TOKENS = 1_600
CUDA_PASS_TOKENS = 16_384
# Passes over kept articles that run side by side, the cores shared among them: 8 to 15% faster on 2 cores. More of them
# than this would wait for one another in Python.
CPU_PASSES_AT_ONCE = 4
HEAD_ROWS = 512  # rows of the whole vocabulary's logits at a time: 100 MB in float32
QUESTIONS_AT_ONCE = 8
KEPT_CACHES = 2  # open at a time: while one edition is asked, another may be


@dataclass(frozen=True)
class _Prompts:
    """One pair of prompt files, and the template's tokens around them."""

    article: str
    before: list[int]  # ids in front of the article's part
    lead: list[int]  # ids of the question's part in front of the question
    space: str  # joins the question; it belongs to its first token, as it would inside a text
    rest: str  # of the question's part behind the question
    after: list[int]  # ids behind the question's part


@dataclass(frozen=True)
class _Suffix:
    """What follows every article's prefix, and what is read from it."""

    ids: list[int]
    targets: list[int] | None  # likelihood: the ids that the last len(targets) states are to predict

    @property
    def states(self) -> int:
        """How many final states, from the end, the evidence is read from."""
        return len(self.targets) if self.targets else 1


@dataclass(eq=False)
class _Request:
    """A question that waits for the article cache, or is being read."""

    kept: "_Kept"
    places: list[int]
    suffix: _Suffix
    scores: list[float] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Kept:
    """An open article cache: which articles stand in it, and where."""

    cache: ArticleCache
    evidence: Evidence
    place: dict[Article, int]

    def holds(self, articles: Sequence[Article], evidence: Evidence) -> bool:
        return self.evidence == evidence and all(article in self.place for article in articles)


class _MemoryExhaustedError(EngineError):
    """A pass did not fit the memory; a smaller one may."""


class LocalEngine:
    """Raises WeightsError when the files are no causal language model, or not in this precision."""

    def __init__(self, weights: Weights, *, precision: str = "auto") -> None:
        self._device = choose_device()
        self._threads = choose_threads()
        torch.set_num_threads(self._threads)
        self._dtype = choose_dtype(precision, self._device)
        self._tokenizer = load_tokenizer(weights)
        self._yes, self._no = (
            self._tokenizer.encode(word, add_special_tokens=False)[0] for word in ("Yes", "No")
        )
        self._weights, self._precision = weights, precision
        may_pack = can_pack(self._device, self._dtype) and precision not in QUANTIZED
        stored = stored_dtype(weights) if may_pack else None
        model = self._load(stored or self._dtype)
        self._config, self._generation_config = model.config, model.generation_config
        self._packs = attention.supports(self._config)
        # Only the two rows that are compared, (2, hidden), in float32: bfloat16 logits lie on a grid and often tie.
        self._yes_no_rows = model.get_output_embeddings().weight.detach()[[self._yes, self._no]].float()
        parameters = model.num_parameters()
        # Without, for other architectures, transformers' own layers do the same, less fast.
        self._layers = LlamaLayers(model, self._dtype) if LlamaLayers.supports(model) else None
        self._weights_packed = bool(stored and self._layers)
        if self._weights_packed:
            model = None
        elif stored:
            model = model.to(self._dtype)
        self._loaded: Any = model
        self._decoder = Decoder(self._layers) if self._layers else None
        self._lock = threading.Lock()  # one forward pass at a time: questions share the device
        self._turn = threading.Lock()  # one reader of the article cache at a time; the others may join it
        self._waiting: list[_Request] = []
        self._kept: list[_Kept] = []  # replaced, never changed: another thread may be looking through it
        self._before, self._after = self._template()
        chat = self._read_prompts("filter", self._before, self._after)
        # The likelihood reads the question as a continuation of the law: no chat around it.
        continuation = self._read_prompts("likelihood", self._tokenizer.encode(""), [])
        self._prompts: dict[Evidence, _Prompts] = {
            "yes-no": chat,
            "word": chat,
            "likelihood": continuation,
        }
        quantized = precision if precision in QUANTIZED else None
        self.info = ModelInfo(
            name=weights.name,
            revision=weights.revision,
            dtype=quantized or str(self._dtype).removeprefix("torch."),
            device=torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else "cpu",
            parameters=parameters,
            context_tokens=self._config.max_position_embeddings,
        )
        self.tokenizer_name = f"{weights.name} {weights.revision}".strip()
        self.evidence: Literal["yes-no", "likelihood"] = (
            "likelihood" if parameters < YES_NO_PARAMETERS else "yes-no"
        )
        self.can_keep = self._packs and (self._device.type == "cuda" or parameters < CPU_CACHE_PARAMETERS)
        self._pass_tokens = CUDA_PASS_TOKENS if self._device.type == "cuda" else CPU_PASS_TOKENS
        # transformers' own layers may keep a state, of which there is one.
        side_by_side = self._device.type == "cpu" and self._layers is not None
        self._passes_at_once = min(CPU_PASSES_AT_ONCE, self._threads) if side_by_side else 1

    @property
    def _model(self) -> Any:
        """transformers' own; where the layers have packed its weights, it is loaded when it is needed."""
        model = self._loaded  # which another thread may drop
        if model is None:
            with torch.inference_mode(False):
                model = self._loaded = self._load(self._dtype)
        return model

    def _load(self, dtype: torch.dtype) -> Any:
        model = load_model(self._weights, self._device, dtype, self._precision)
        if attention.supports(model.config):
            model.set_attn_implementation(attention.NAME)
        return model

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(self._ids(text)) for text in texts]

    def judge(
        self,
        articles: Sequence[Article],
        question: str,
        *,
        evidence: Evidence,
        reading: Reading,
        batch_tokens: int,
        batch_articles: int,
        show_read: Callable[[int], None],
    ) -> Judgement:
        started = time.perf_counter()
        suffix = self._suffix(evidence, question)
        if reading == "article-cache":
            kept = next(kept for kept in self._kept if kept.holds(articles, evidence))
            places = [kept.place[article] for article in articles]
            lengths = [place.stop - place.start for place in kept.cache.spans]
            self._check_context(articles, [lengths[i] + len(suffix.ids) for i in places])
            tokenize_seconds = time.perf_counter() - started
            scores = self._read_kept(_Request(kept, places, suffix), show_read)
            processed = [len(suffix.ids)] * len(articles)
        else:
            self._check_reading(reading)
            rows = [self._prefix(evidence, article) + suffix.ids for article in articles]
            self._check_context(articles, list(map(len, rows)))
            tokenize_seconds = time.perf_counter() - started
            scores = self._read_rows(rows, suffix, evidence, reading, batch_tokens, batch_articles, show_read)
            generated = WORD_TOKENS - 1 if evidence == "word" else 0  # the last token is not fed back
            processed = [len(row) + generated for row in rows]
        decisions = [
            Decision(article.number, score, tokens)
            for article, score, tokens in zip(articles, scores, processed, strict=True)
        ]
        return Judgement(tuple(decisions), tokenize_seconds)

    def keep_articles(
        self,
        articles: Sequence[Article],
        *,
        evidence: Evidence,
        folder: Path,
        bits: Literal[16, 8],
        show_fraction: Callable[[float], None],
    ) -> int:
        self._check_reading("article-cache")
        if self._weights_packed:
            self._loaded = None  # a second copy of the weights does not stay beside the cache
        for kept in self._kept:
            if kept.cache.shape.bits == bits and kept.holds(articles, evidence):
                return kept.cache.bytes
        prefixes = [self._prefix(evidence, article) for article in articles]
        self._check_context(articles, list(map(len, prefixes)))
        config = self._config
        shape = Shape(
            layers=config.num_hidden_layers,
            kv_heads=config.num_key_value_heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
            dtype=self._dtype,
            bits=bits,
        )
        cache = open_cache(
            folder,
            f"{_file_name(self.info.name)}-{self.info.dtype}-{evidence}-{bits}bit",
            prefixes,
            shape,
            revision=f"{self.info.revision} {self.info.dtype}",
            pass_tokens=self._pass_tokens,
            compute=self._compute_prefixes,
            show_fraction=show_fraction,
        )
        if self._device.type == "cuda":
            cache.move_to(self._device)
        new = _Kept(cache, evidence, {article: i for i, article in enumerate(articles)})
        self._kept = [new, *self._kept][:KEPT_CACHES]
        return cache.bytes

    def count_prompt_tokens(self, prompt: str) -> int:
        return len(self._before) + len(self._ids(prompt)) + len(self._after)

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        ids = self._before + self._ids(prompt) + self._after
        if len(ids) + max_tokens > self.info.context_tokens:
            raise EngineError(
                f"A prompt of {len(ids)} tokens and an answer of {max_tokens} do not fit the "
                f"{self.info.context_tokens} tokens that {self.info.name} can read; select fewer articles with --top."
            )
        ends = self._generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        if self._decoder:
            steps = self._decoder.generate(ids, max_tokens=max_tokens, ends=ends, guard=self._forward)
        else:
            steps = self._generate_plainly(ids, max_tokens, ends)
        reply: list[int] = []
        shown = ""
        tokens = 0
        for step in steps:
            tokens += len(step)
            reply += [token for token in step if token not in ends]
            text = self._tokenizer.decode(reply, skip_special_tokens=True)
            if not text.endswith("\ufffd"):  # a character may need more than one token
                yield text[len(shown) :], tokens
                shown, tokens = text, 0
        if tokens:
            yield "", tokens

    def _generate_plainly(self, ids: list[int], max_tokens: int, ends: set[int]) -> Iterator[list[int]]:
        """For architectures that the decoder does not know: one token a pass, with the library's own cache."""
        cache = None
        inputs = torch.tensor([ids], device=self._device)  # (1, seq)
        for _ in range(max_tokens):
            with self._forward():
                output = self._model(inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
                token = int(output.logits[0, -1].argmax())
            yield [token]
            if token in ends:
                return
            cache = output.past_key_values
            inputs = torch.tensor([[token]], device=self._device)

    @contextmanager
    def _forward(self) -> Iterator[None]:
        """One pass at a time on the device; a device without memory is an EngineError."""
        try:
            with self._lock, torch.inference_mode():
                torch.set_num_threads(self._threads)  # a thread that began beside others' passes has fewer
                yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise _MemoryExhaustedError(
                    "The memory does not suffice even for one article; choose a smaller --model."
                ) from error
            raise

    def _read_kept(self, request: _Request, show_read: Callable[[int], None]) -> list[float]:
        """Read the question after every kept prefix, together with the other questions that wait for the same.

        Whoever has the turn reads for all that wait; each hears of the progress in its own thread, so that one
        who goes away takes nobody along.
        """
        self._waiting.append(request)
        shown = 0

        def show() -> None:
            nonlocal shown
            if len(request.scores) > shown:
                show_read(len(request.scores) - shown)
                shown = len(request.scores)

        try:
            while not request.finished.is_set():
                if self._turn.acquire(timeout=0.05):
                    try:
                        if not request.finished.is_set():
                            self._read_together(request, show)
                    finally:
                        self._turn.release()
                show()
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
        return request.scores

    def _read_together(self, request: _Request, show: Callable[[], None]) -> None:
        others = [
            other
            for other in self._waiting
            if other is not request and other.kept is request.kept and other.places == request.places
        ]
        together = [request, *others[: QUESTIONS_AT_ONCE - 1]]
        for one in together:
            self._waiting.remove(one)
        try:
            self._read_suffixes(together, show)
        except BaseException:
            for other in together[1:]:  # they read for themselves
                other.scores.clear()
                self._waiting.append(other)
            raise
        for one in together:
            one.finished.set()

    def _read_suffixes(self, requests: Sequence[_Request], show: Callable[[], None]) -> None:
        """One pass over the articles for all `requests`: their suffixes side by side, blind to each other."""
        kept, places = requests[0].kept, requests[0].places
        ids = [token for request in requests for token in request.suffix.ids]
        lengths = [len(request.suffix.ids) for request in requests]
        positions = _count_up(lengths)
        wanted = _ends(lengths, [request.suffix.states for request in requests])
        mask = _suffix_mask(lengths).to(self._device)

        @torch.inference_mode()  # of the thread that it runs in
        def read(spans: Sequence[slice]) -> list[list[float]]:
            """Of each request the scores of these articles."""
            starts = torch.tensor([span.stop - span.start for span in spans])
            states = self._pass(
                ids * len(spans),
                (starts[:, None] + positions).flatten(),
                attention.CachedPrefixes(kept.cache, spans, mask),
                (torch.arange(len(spans))[:, None] * len(ids) + wanted).flatten(),
            ).view(len(spans), len(wanted), -1)
            parts = torch.split(states, [request.suffix.states for request in requests], dim=1)
            return [self._scores(part, request.suffix) for request, part in zip(requests, parts, strict=True)]

        left = [kept.cache.spans[i] for i in places]
        while left:
            rounds = max(1, round(len(left) * len(ids) / (self._pass_tokens * self._passes_at_once)))
            size = -(-len(left) // (rounds * self._passes_at_once))
            batches = [
                [left[i] for i in batch] for batch in cut_batches(len(left), size)[: self._passes_at_once]
            ]
            try:
                with self._forward():
                    scores = run_side_by_side([partial(read, batch) for batch in batches], self._threads)
            except _MemoryExhaustedError:
                if len(batches) > 1:
                    self._passes_at_once = 1
                elif size > 1:
                    self._pass_tokens = max(1, size * len(ids) // 2)
                else:
                    raise
                continue
            for of_batch in scores:
                for request, more in zip(requests, of_batch, strict=True):
                    request.scores += more
            left = left[sum(map(len, batches)) :]
            show()

    def _compute_prefixes(self, prefixes: Sequence[Sequence[int]], keep: attention.Keep) -> None:
        with self._forward():
            self._packed_states(prefixes, 0, keep)

    def _read_rows(
        self,
        rows: list[list[int]],
        suffix: _Suffix,
        evidence: Evidence,
        reading: Reading,
        batch_tokens: int,
        batch_articles: int,
        show_read: Callable[[int], None],
    ) -> list[float]:
        """Read whole prompts. A batch that the memory does not hold is cut in half, and so are those after it."""
        scores = [0.0] * len(rows)
        match reading:
            case "one-by-one":
                batches = [[i] for i in range(len(rows))]
            case "fixed-batches":
                batches = cut_batches(len(rows), batch_articles)
            case "packed":
                batches = make_batches([len(row) for row in rows], self._pass_tokens, padded=False)
            case _:
                batches = make_batches([len(row) for row in rows], batch_tokens)
        while batches:
            batch = [rows[i] for i in batches[0]]
            try:
                with self._forward():
                    if evidence == "word":
                        batch_scores = self._words(batch)
                    else:
                        read = self._packed_states if reading == "packed" else self._padded_states
                        batch_scores = self._scores(read(batch, suffix.states), suffix)
            except _MemoryExhaustedError:
                if len(batch) == 1:
                    raise
                batches = [half for one in batches for half in (one[::2], one[1::2]) if half]
                continue
            for i, score in zip(batches.pop(0), batch_scores, strict=True):
                scores[i] = score
            show_read(len(batch))
        return scores

    def _scores(self, states: torch.Tensor, suffix: _Suffix) -> list[float]:
        """The evidence in the last final states of each article's prompt, (articles, states, hidden)."""
        if suffix.targets is None:
            logits = states[:, -1].float() @ self._yes_no_rows.T  # (articles, 2)
            return [float(margin) for margin in logits[:, 0] - logits[:, 1]]
        layers = self._layers
        read = partial(linear, matrix=layers.head) if layers else self._model.get_output_embeddings()
        targets = torch.tensor(suffix.targets, device=self._device).repeat(len(states))
        losses = [
            torch.nn.functional.cross_entropy(read(some).float(), wanted, reduction="none")
            for some, wanted in zip(
                torch.split(states.flatten(0, 1), HEAD_ROWS), torch.split(targets, HEAD_ROWS), strict=True
            )
        ]
        return [-float(mean) for mean in torch.cat(losses).view(len(states), -1).mean(1)]

    def _padded_states(self, rows: Sequence[Sequence[int]], wanted: int) -> torch.Tensor:
        """The last `wanted` final states of each row, (rows, wanted, hidden).

        Padding stands at the end, where the causal mask already hides it.
        """
        width = max(map(len, rows))
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=self._device)
        states = self._model.base_model(ids, use_cache=False).last_hidden_state  # (rows, width, hidden)
        return torch.stack([states[i, len(row) - wanted : len(row)] for i, row in enumerate(rows)])

    def _packed_states(
        self, rows: Sequence[Sequence[int]], wanted: int, keep: attention.Keep | None = None
    ) -> torch.Tensor:
        """The last `wanted` final states of each row, (rows, wanted, hidden), from one pass without padding."""
        lengths = [len(row) for row in rows]
        states = self._pass(
            [token for row in rows for token in row],
            _count_up(lengths),
            attention.PackedArticles(lengths, keep),
            _ends(lengths, [wanted] * len(rows)),
        )
        return states.view(len(rows), wanted, states.shape[-1])

    def _pass(
        self, ids: list[int], positions: torch.Tensor, attend: attention.Attend, wanted: torch.Tensor
    ) -> torch.Tensor:
        """The final states at `wanted`, (wanted, hidden), of one row of tokens; `attend` says who sees whom."""
        tokens = torch.tensor(ids, device=self._device)
        positions, wanted = positions.to(self._device), wanted.to(self._device)
        if self._layers:
            return self._layers.forward(tokens, self._layers.rotations(positions), attend, wanted=wanted)
        states: torch.Tensor = self._model.base_model(
            tokens[None],
            position_ids=positions[None],
            # transformers takes a four-dimensional mask as it is, and so builds none.
            attention_mask=torch.empty(1, 1, 1, 1, device=self._device),
            use_cache=False,
            attend=attend,
        ).last_hidden_state[0]
        return states[wanted]

    def _words(self, rows: Sequence[Sequence[int]]) -> list[float]:
        width = max(map(len, rows))
        pad = [[0] * (width - len(row)) for row in rows]
        ids = torch.tensor([[*p, *row] for p, row in zip(pad, rows, strict=True)], device=self._device)
        mask = torch.tensor(
            [[0] * len(p) + [1] * len(row) for p, row in zip(pad, rows, strict=True)], device=self._device
        )
        output = self._model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=WORD_TOKENS,
            do_sample=False,
            use_cache=True,
            pad_token_id=0,
        )
        replies = self._tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
        return [read_word(reply) for reply in replies]

    def _prefix(self, evidence: Evidence, article: Article) -> list[int]:
        """All that stands in front of the question; what it is depends on the article alone."""
        prompts = self._prompts[evidence]
        text = prompts.article.format(number=article.number, title=article.title, text=article.text)
        # Of a likelihood's lead the last token predicts the question's first, and so is part of the suffix.
        lead = prompts.lead[:-1] if evidence == "likelihood" else prompts.lead
        return prompts.before + self._ids(text) + lead

    def _suffix(self, evidence: Evidence, question: str) -> _Suffix:
        prompts = self._prompts[evidence]
        ids = self._ids(prompts.space + question + prompts.rest)
        if evidence == "likelihood":
            return _Suffix(prompts.lead[-1:] + ids[:-1], targets=ids)
        return _Suffix(ids + prompts.after, targets=None)

    def _read_prompts(self, name: str, before: list[int], after: list[int]) -> _Prompts:
        article = read_prompt(f"{name}_article", ("number", "title", "text"))
        lead, rest = read_prompt(f"{name}_question", ("question",)).split("{question}")
        return _Prompts(
            article, before, self._ids(lead.removesuffix(" ")), " " * lead.endswith(" "), rest, after
        )

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _template(self) -> tuple[list[int], list[int]]:
        """The ids that the chat template puts before and after a user's message."""
        mark = "\x00"
        if self._tokenizer.chat_template is None:
            return self._tokenizer.encode(""), []
        text = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": mark}],
            tokenize=False,
            add_generation_prompt=True,
            date_string=TEMPLATE_DATE,
        )
        before, after = text.split(mark)
        encode = self._tokenizer.encode
        return (
            encode(before, add_special_tokens=False, split_special_tokens=False),
            encode(after, add_special_tokens=False, split_special_tokens=False),
        )

    def _check_reading(self, reading: Reading) -> None:
        if reading in ("packed", "article-cache") and not self._packs:
            raise EngineError(
                f"{self.info.name} does not attend to all tokens in every layer; choose --method token-batches-logits."
            )

    def _check_context(self, articles: Sequence[Article], lengths: Sequence[int]) -> None:
        """`lengths`: tokens of each article's prompt."""
        for article, length in zip(articles, lengths, strict=True):
            if length + WORD_TOKENS > self.info.context_tokens:
                raise EngineError(
                    f"Article {article.number} and the question take {length} tokens, but {self.info.name} "
                    f"reads at most {self.info.context_tokens}; choose a model with a longer context."
                )


def _suffix_mask(lengths: Sequence[int]) -> torch.Tensor:
    """(suffixes, suffixes), added to scores: a token sees its own suffix up to itself, and no other."""
    question = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    sees = (question[:, None] == question).tril()
    return torch.zeros(sees.shape).masked_fill(~sees, float("-inf"))


def _count_up(lengths: Sequence[int]) -> torch.Tensor:
    """0, 1, ... for each of the lengths, one after the other."""
    return torch.cat([torch.arange(length) for length in lengths])


def _ends(lengths: Sequence[int], wanted: Sequence[int]) -> torch.Tensor:
    """Places of the last `wanted` tokens of each row, when the rows stand one after the other."""
    stops = accumulate(lengths)
    return torch.cat([torch.arange(stop - n, stop) for stop, n in zip(stops, wanted, strict=True)])


def _file_name(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model)[-60:]
