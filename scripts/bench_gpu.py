"""Measure the engine at the size of Llama 3.2 3B, without its weights: the same arithmetic on random numbers.

    .venv/bin/python scripts/bench_gpu.py                    on a CUDA device, under 8 minutes
    .venv/bin/python scripts/bench_gpu.py --tiny             a tiny model, on any machine: does it all run?

One JSON document goes to stdout (and to --out FILE). The articles have the lengths of the embedded edition; their
tokens are random. Each part is warmed up and waits for the device; seconds are medians.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from labourqa.config import DEFAULT_EDITION
from labourqa.documents.document import read_document
from labourqa.engine import attention
from labourqa.engine.decoder import Decoder
from labourqa.engine.layers import LlamaLayers
from labourqa.law.parser import parse_code
from labourqa.models.batches import make_batches

CHARACTERS_A_TOKEN = 5.0  # of the edition, with SmolLM2's tokenizer; Llama's is not at hand
INSTRUCTION_TOKENS = 45  # of the prompt in front of each article
QUESTION_TOKENS = (20, 25, 40)  # of the question's part
PASS_TOKENS = 16_384
PUBLISHED_BATCH_TOKENS = 10_000
ANSWER_PROMPT_TOKENS = 5_000
ANSWER_TOKENS = 250

LLAMA_3B: dict[str, Any] = {
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 28,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 128_256,
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": True,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "factor": 32.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
    },
}
TINY = LLAMA_3B | {
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 1000,
}


class Resident:
    """The prefixes of all articles in the device's memory."""

    def __init__(self, model: LlamaForCausalLM, tokens: int) -> None:
        config = model.config
        shape = (config.num_key_value_heads, tokens, config.head_dim)
        self.keys, self.values = (
            [
                torch.empty(shape, dtype=model.dtype, device=model.device)
                for _ in range(config.num_hidden_layers)
            ]
            for _ in range(2)
        )

    def layer(self, layer: int) -> tuple[attention.Span, attention.Span]:
        return lambda place: self.keys[layer][:, place], lambda place: self.values[layer][:, place]


class Bench:
    def __init__(self, *, tiny: bool, repetitions: int) -> None:
        torch.manual_seed(0)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.repetitions = repetitions
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        with self.device:
            self.model = LlamaForCausalLM._from_config(
                LlamaConfig(**(TINY if tiny else LLAMA_3B)), dtype=dtype, attn_implementation=attention.NAME
            ).eval()
        self.layers = LlamaLayers(self.model, dtype)
        articles = parse_code(read_document(DEFAULT_EDITION).text).articles
        if tiny:
            articles = articles[:20]
        self.lengths = [
            INSTRUCTION_TOKENS + round(len(article.format()) / CHARACTERS_A_TOKEN) for article in articles
        ]
        self.answer_prompt = min(ANSWER_PROMPT_TOKENS, sum(self.lengths))
        self.answer_tokens = 20 if tiny else ANSWER_TOKENS
        ends = list(accumulate(self.lengths))
        self.spans = [slice(end - n, end) for end, n in zip(ends, self.lengths, strict=True)]
        self.ids = self.random_ids(ends[-1])

    def random_ids(self, tokens: int) -> torch.Tensor:
        return torch.randint(0, self.model.config.vocab_size, (tokens,), device=self.device)

    def run(self) -> dict[str, Any]:
        result: dict[str, Any] = {
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else platform.processor(),
            "torch": torch.__version__,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "parameters": self.model.num_parameters(),
            "has_varlen": attention.HAS_VARLEN and self.device.type == "cuda",
            "articles": len(self.lengths),
            "prefix_tokens": sum(self.lengths),
            "repetitions": self.repetitions,
        }
        for name, part in (
            ("prefill", self.prefill),
            ("suffix_pass", self.suffix_passes),
            ("exactness", self.exactness),
            ("published", self.published),
            ("decode", self.decode),
        ):
            say(f"{name} ...")
            self.reset_memory()
            try:
                result[name] = part()
            except (RuntimeError, TypeError) as error:  # one part that fails must not cost the others
                result[name] = {"failed": f"{type(error).__name__}: {error}"[:2000]}
            result[name]["peak_memory_bytes"] = self.peak_memory()
            say(json.dumps(result[name]))
        return result

    def prefill(self) -> dict[str, Any]:
        """Keys and values of all prefixes, in packed passes."""
        self.prefixes = Resident(self.model, sum(self.lengths))
        batches: list[list[int]] = [[]]
        for i, length in enumerate(self.lengths):
            if sum(self.lengths[j] for j in batches[-1]) + length > PASS_TOKENS:
                batches.append([])
            batches[-1].append(i)

        def compute() -> None:
            for batch in batches:
                place = slice(self.spans[batch[0]].start, self.spans[batch[-1]].stop)

                def keep(layer: int, key: torch.Tensor, value: torch.Tensor, place: slice = place) -> None:
                    self.prefixes.keys[layer][:, place] = key
                    self.prefixes.values[layer][:, place] = value

                lengths = [self.lengths[i] for i in batch]
                self.packed(self.ids[place], lengths, attention.PackedArticles(lengths, keep))

        seconds = self.time(compute)
        tokens = sum(self.lengths)
        return {
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
            "kept_bytes": 2 * sum(one.nbytes for one in self.prefixes.keys),
        }

    def suffix_passes(self) -> dict[str, Any]:
        """The question alone, after every kept prefix."""
        return {
            str(tokens): {"seconds": self.time(lambda n=tokens: self.suffix_pass(self.random_ids(n)))}  # type: ignore[misc]
            for tokens in QUESTION_TOKENS
        }

    def suffix_pass(self, question: torch.Tensor) -> torch.Tensor:
        """(articles, hidden): the final state behind each article and the question."""
        n = len(question)
        mask = torch.full((n, n), float("-inf"), device=self.device).triu(1)
        at_once = max(1, PASS_TOKENS // n)
        states = []
        for first in range(0, len(self.spans), at_once):
            spans = self.spans[first : first + at_once]
            starts = torch.tensor([span.stop - span.start for span in spans], device=self.device)
            positions = (starts[:, None] + torch.arange(n, device=self.device)).view(1, -1)
            attend = attention.CachedPrefixes(self.prefixes, spans, mask)
            output = self.forward(question.repeat(len(spans)), positions, attend)
            states.append(output.view(len(spans), n, -1)[:, -1])
        return torch.cat(states)

    def exactness(self) -> dict[str, Any]:
        """The suffix pass against whole prompts, in the final states and in a two-row head's margins."""
        question = self.random_ids(25)
        some = range(0, len(self.spans), 8)
        cached = self.suffix_pass(question)[list(some)].float()
        rows = [torch.cat((self.ids[self.spans[i]], question)) for i in some]
        whole = torch.stack(
            [
                self.packed(row, [len(row)], attention.PackedArticles([len(row)]))[0, -1].float()
                for row in rows
            ]
        )
        head = self.model.get_output_embeddings().weight[:2].float()
        margins = [(states @ head.T)[:, 0] - (states @ head.T)[:, 1] for states in (cached, whole)]
        return {
            "articles": len(whole),
            "largest_state_difference": float((cached - whole).abs().max()),
            "largest_state": float(whole.abs().max()),
            "largest_margin_difference": float((margins[0] - margins[1]).abs().max()),
            "spread_of_margins": float(margins[1].std()),
        }

    def published(self) -> dict[str, Any]:
        """Length-sorted batches of about 10,000 padded tokens, the whole prompt read, a word generated."""
        question = 55
        lengths = [length + question for length in self.lengths]
        batches = make_batches(lengths, PUBLISHED_BATCH_TOKENS)

        def read() -> None:
            for batch in batches:
                width = lengths[batch[0]]
                ids = self.random_ids(width * len(batch)).view(len(batch), width)
                mask = torch.ones_like(ids)
                for row, i in enumerate(batch):
                    mask[row, : width - lengths[i]] = 0
                self.model.generate(
                    ids,
                    attention_mask=mask,
                    max_new_tokens=3,
                    min_new_tokens=3,
                    do_sample=False,
                    pad_token_id=0,
                )

        seconds = self.time(read, repetitions=min(3, self.repetitions))
        return {"seconds": seconds, "batches": len(batches), "tokens": sum(lengths)}

    def decode(self) -> dict[str, Any]:
        """Tokens a second of an answer: the library's loop, ours step by step, captured, and with prompt lookup.

        A random model soon repeats itself, so what prompt lookup gains here says nothing of real answers.
        """
        prompt = self.random_ids(self.answer_prompt).tolist()
        result: dict[str, Any] = {"prompt_tokens": len(prompt), "answer_tokens": self.answer_tokens}

        def stock(tokens: int) -> float:
            ids = torch.tensor([prompt], device=self.device)
            options = {
                "max_new_tokens": tokens,
                "min_new_tokens": tokens,
                "do_sample": False,
                "pad_token_id": 0,
            }
            return self.time(lambda: self.model.generate(ids, **options), repetitions=1)

        # The prompt and one token, taken off: what is left is decoding.
        decoding = stock(self.answer_tokens) - stock(1)
        result["stock_tokens_per_second"] = (self.answer_tokens - 1) / decoding
        decoder = Decoder(self.layers)
        captures = decoder._use_graphs
        for name, graphs, lookup in (("eager", False, False), ("graph", True, False), ("lookup", True, True)):
            decoder._use_graphs = graphs and captures
            steps: list[list[int]] = []
            seconds: list[float] = []
            for _ in range(self.repetitions + 1):
                steps, times = self.decode_once(decoder, prompt, lookup=lookup)
                seconds.append(times)
            result[name] = {
                # Without the first step, in which the prompt is read.
                "tokens_per_second": sum(map(len, steps[1:])) / statistics.median(seconds[1:]),
                "tokens_a_step": statistics.fmean(map(len, steps)),
                "captured": decoder._use_graphs,
            }
        return result

    def decode_once(
        self, decoder: Decoder, prompt: list[int], *, lookup: bool
    ) -> tuple[list[list[int]], float]:
        """The tokens of every step, and the seconds of all but the first."""
        steps: list[list[int]] = []
        started = 0.0
        for step in decoder.generate(
            prompt, max_tokens=self.answer_tokens, ends=set(), guard=torch.inference_mode, lookup=lookup
        ):
            if not steps:
                self.wait()
                started = time.perf_counter()
            steps.append(step)
        self.wait()
        return steps, time.perf_counter() - started

    def packed(self, ids: torch.Tensor, lengths: list[int], attend: attention.Attend) -> torch.Tensor:
        positions = torch.cat([torch.arange(length, device=self.device) for length in lengths])[None]
        return self.forward(ids, positions, attend)

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, attend: attention.Attend) -> torch.Tensor:
        """Final states, (1, tokens, hidden)."""
        return self.layers.forward(ids, self.layers.rotations(positions[0]), attend)[None]

    def time(self, run: Callable[[], object], repetitions: int | None = None) -> float:
        """Median seconds, after one run that is not counted."""
        seconds: list[float] = []
        for _ in range(1 + (repetitions or self.repetitions)):
            with self.stopwatch(seconds):
                run()
        return statistics.median(seconds[1:])

    @contextmanager
    def stopwatch(self, seconds: list[float]) -> Iterator[None]:
        self.wait()
        started = time.perf_counter()
        yield
        self.wait()
        seconds.append(time.perf_counter() - started)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def reset_memory(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak_memory(self) -> int | None:
        return torch.cuda.max_memory_allocated() if self.device.type == "cuda" else None


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="a tiny model and 20 articles")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the JSON document there as well")
    options = parser.parse_args(argv)
    if not options.tiny and not torch.cuda.is_available():
        say("There is no CUDA device here; --tiny runs everything on a tiny model.")
        return 1
    with torch.inference_mode():
        result = Bench(tiny=options.tiny, repetitions=options.repetitions).run()
    text = json.dumps(result, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
