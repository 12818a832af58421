"""Measure the engine at the size of Llama 3.2 3B with random weights: the same arithmetic without the real weights.

    .venv/bin/python scripts/bench_gpu.py                    on a CUDA device, under 8 minutes
    .venv/bin/python scripts/bench_gpu.py --tiny             a tiny model on any machine, to check that everything runs

One JSON document goes to stdout (and to --out FILE). The articles have the lengths of the embedded edition; their
tokens are random. Each part is warmed up and waits for the device; seconds are medians.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from labourqa.benchmark.machine import describe_machine
from labourqa.config import DEFAULT_EDITION
from labourqa.documents.document import read_document
from labourqa.engine import attention
from labourqa.engine.decoder import Decoder
from labourqa.engine.layers import LlamaLayers
from labourqa.engine.runner import CUDA_PASS_TOKENS, concatenated_ranges, last_positions
from labourqa.engine.scoring import GENERATED_TOKENS
from labourqa.law.parser import parse_code
from labourqa.models.batches import make_batches

CHARACTERS_PER_TOKEN = 5.0  # of the edition, with SmolLM2's tokenizer; Llama's is gated
INSTRUCTION_TOKENS = 45  # of the prompt before each article
SUFFIX_TOKENS = (20, 25, 40)  # of the question and the end of the prompt
CHECKED_SUFFIX_TOKENS = 25
PUBLISHED_SUFFIX_TOKENS = 55
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


class ResidentPrefixes:
    """The keys and values of all articles' prefixes in the device's memory."""

    def __init__(self, config: LlamaConfig, tokens: int, dtype: torch.dtype, device: torch.device) -> None:
        shape = (config.num_hidden_layers, config.num_key_value_heads, tokens, config.head_dim)
        self.keys = torch.empty(shape, dtype=dtype, device=device)
        self.values = torch.empty(shape, dtype=dtype, device=device)

    def layer(self, layer: int) -> tuple[attention.ReadTokens, attention.ReadTokens]:
        return lambda span: self.keys[layer][:, span], lambda span: self.values[layer][:, span]


class TokenTimes:
    """A streamer for transformers, which notes when each token arrives."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, _ids: torch.Tensor) -> None:  # the first call has the prompt
        self.times.append(time.perf_counter())

    def end(self) -> None:
        pass

    def seconds_after_first_token(self) -> float:
        _, first_token, *_, last_token = self.times
        return last_token - first_token


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
            INSTRUCTION_TOKENS + round(len(article.format()) / CHARACTERS_PER_TOKEN) for article in articles
        ]
        self.answer_prompt_tokens = min(ANSWER_PROMPT_TOKENS, sum(self.lengths))
        self.answer_tokens = 20 if tiny else ANSWER_TOKENS
        ends = list(accumulate(self.lengths))
        self.spans = [slice(end - length, end) for end, length in zip(ends, self.lengths, strict=True)]
        self.ids = self.random_ids(ends[-1])
        self.prefixes = ResidentPrefixes(self.model.config, ends[-1], dtype, self.device)

    def random_ids(self, tokens: int) -> torch.Tensor:
        return torch.randint(0, self.model.config.vocab_size, (tokens,), device=self.device)

    def run(self) -> dict[str, Any]:
        on_gpu = self.device.type == "cuda"
        machine = describe_machine()
        document: dict[str, Any] = {
            "device": machine.gpu or machine.processor,
            "torch": machine.torch,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "parameters": self.model.num_parameters(),
            "has_varlen": attention.HAS_VARLEN and on_gpu,
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
            print_message(f"{name} ...")
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            try:
                document[name] = part()
            except (RuntimeError, TypeError) as error:  # the other parts are still measured
                document[name] = {"failed": f"{type(error).__name__}: {error}"[:2000]}
            document[name]["peak_memory_bytes"] = torch.cuda.max_memory_allocated() if on_gpu else None
            print_message(json.dumps(document[name]))
        return document

    def prefill(self) -> dict[str, Any]:
        """The keys and values of all prefixes, computed in packed passes."""
        passes: list[list[int]] = [[]]  # indices of articles
        for i, length in enumerate(self.lengths):
            if sum(self.lengths[j] for j in passes[-1]) + length > CUDA_PASS_TOKENS:
                passes.append([])
            passes[-1].append(i)

        def compute() -> None:
            for indices in passes:
                span = slice(self.spans[indices[0]].start, self.spans[indices[-1]].stop)

                def store_layer(
                    layer: int, key: torch.Tensor, value: torch.Tensor, span: slice = span
                ) -> None:
                    self.prefixes.keys[layer][:, span] = key
                    self.prefixes.values[layer][:, span] = value

                self.packed_states(self.ids[span], [self.lengths[i] for i in indices], store_layer)

        seconds = self.median_seconds(compute)
        return {
            "seconds": seconds,
            "tokens_per_second": sum(self.lengths) / seconds,
            "cache_bytes": self.prefixes.keys.nbytes + self.prefixes.values.nbytes,
        }

    def suffix_passes(self) -> dict[str, Any]:
        """The suffix alone, after every cached prefix."""
        document = {}
        for tokens in SUFFIX_TOKENS:
            suffix = self.random_ids(tokens)
            document[str(tokens)] = {
                "seconds": self.median_seconds(lambda suffix=suffix: self.suffix_states(suffix))  # type: ignore[misc]  # mypy cannot infer the type of a default
            }
        return document

    def suffix_states(self, suffix: torch.Tensor) -> torch.Tensor:
        """The final state after each article and the suffix, (articles, hidden)."""
        n = len(suffix)
        mask = torch.full((n, n), float("-inf"), device=self.device).triu(1)
        articles_per_pass = max(1, CUDA_PASS_TOKENS // n)
        states = []
        for first in range(0, len(self.spans), articles_per_pass):
            spans = self.spans[first : first + articles_per_pass]
            starts = torch.tensor([span.stop - span.start for span in spans], device=self.device)
            positions = (starts[:, None] + torch.arange(n, device=self.device)).flatten()
            states.append(
                self.layers.forward(
                    suffix.repeat(len(spans)),
                    self.layers.rotations(positions),
                    attention.PrefixAttention(self.prefixes, spans, mask),
                    output_positions=torch.arange(n - 1, len(positions), n, device=self.device),
                )
            )
        return torch.cat(states)

    def exactness(self) -> dict[str, Any]:
        """The suffix pass compared with whole prompts, in the final states and in the margins of a head of two rows."""
        suffix = self.random_ids(CHECKED_SUFFIX_TOKENS)
        indices = list(range(0, len(self.spans), 8))
        cached = self.suffix_states(suffix)[indices].float()
        prompts = [torch.cat((self.ids[self.spans[i]], suffix)) for i in indices]
        whole = torch.cat([self.packed_states(prompt, [len(prompt)]) for prompt in prompts]).float()
        head = self.model.get_output_embeddings().weight[:2].float()
        cached_margins, whole_margins = (states @ (head[0] - head[1]) for states in (cached, whole))
        return {
            "articles": len(indices),
            "largest_state_difference": float((cached - whole).abs().max()),
            "largest_state": float(whole.abs().max()),
            "largest_margin_difference": float((cached_margins - whole_margins).abs().max()),
            "spread_of_margins": float(whole_margins.std()),
        }

    def published(self) -> dict[str, Any]:
        """Whole prompts in length-sorted batches of at most 10,000 padded tokens, with a generated reply."""
        lengths = [length + PUBLISHED_SUFFIX_TOKENS for length in self.lengths]
        batches = make_batches(lengths, PUBLISHED_BATCH_TOKENS)

        def read() -> None:
            for batch in batches:
                width = lengths[batch[0]]
                ids = self.random_ids(width * len(batch)).view(len(batch), width)
                mask = torch.ones_like(ids)
                for row, i in enumerate(batch):
                    mask[row, : width - lengths[i]] = 0
                self.generate_with_transformers(ids, GENERATED_TOKENS, attention_mask=mask)

        seconds = self.median_seconds(read, repetitions=min(3, self.repetitions))
        return {"seconds": seconds, "batches": len(batches), "tokens": sum(lengths)}

    def decode(self) -> dict[str, Any]:
        """Tokens per second of an answer: with transformers, and with the decoder in three ways.

        The three ways are without CUDA graphs, with them, and with prompt lookup as well. A random model soon repeats
        itself, so the gain from prompt lookup says nothing about real answers.
        """
        prompt = self.random_ids(self.answer_prompt_tokens)

        transformers_seconds = []
        for _ in range(2):
            times = TokenTimes()
            self.generate_with_transformers(prompt[None], self.answer_tokens, streamer=times)
            transformers_seconds.append(times.seconds_after_first_token())
        document: dict[str, Any] = {
            "prompt_tokens": len(prompt),
            "answer_tokens": self.answer_tokens,
            "transformers_tokens_per_second": (self.answer_tokens - 1) / transformers_seconds[-1],
        }
        decoder = Decoder(self.layers)
        supports_graphs = decoder._use_graphs  # private: only this comparison needs to switch it
        for name, graphs, lookup in (("eager", False, False), ("graph", True, False), ("lookup", True, True)):
            decoder._use_graphs = graphs and supports_graphs
            steps: list[list[int]] = []
            seconds: list[float] = []
            for _ in range(self.repetitions + 1):
                steps, seconds_of_run = self.decode_once(decoder, prompt.tolist(), lookup=lookup)
                seconds.append(seconds_of_run)
            document[name] = {
                "tokens_per_second": sum(map(len, steps[1:])) / statistics.median(seconds[1:]),
                "tokens_per_step": statistics.fmean(map(len, steps)),
                "captured": decoder._use_graphs,
            }
        return document

    def decode_once(
        self, decoder: Decoder, prompt: list[int], *, lookup: bool
    ) -> tuple[list[list[int]], float]:
        """The tokens of every step, and the seconds without the first step, which reads the prompt."""
        steps: list[list[int]] = []
        started = 0.0
        for step in decoder.generate(
            prompt,
            max_tokens=self.answer_tokens,
            eos_ids=set(),
            guard=torch.inference_mode,
            lookup=lookup,
        ):
            if not steps:
                self.wait_for_device()
                started = time.perf_counter()
            steps.append(step)
        self.wait_for_device()
        return steps, time.perf_counter() - started

    def generate_with_transformers(self, ids: torch.Tensor, tokens: int, **options: Any) -> None:
        """Generate exactly `tokens` tokens after each row of `ids`, (rows, tokens)."""
        self.model.generate(
            ids, **options, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, pad_token_id=0
        )

    def packed_states(
        self, ids: torch.Tensor, lengths: list[int], store_layer: attention.StoreLayer | None = None
    ) -> torch.Tensor:
        """The last final state of each of the prompts that stand one after the other in `ids`, (prompts, hidden)."""
        return self.layers.forward(
            ids,
            self.layers.rotations(concatenated_ranges(lengths).to(self.device)),
            attention.PackedAttention(lengths, store_layer),
            output_positions=last_positions(lengths, [1] * len(lengths)).to(self.device),
        )

    def median_seconds(self, run: Callable[[], object], repetitions: int | None = None) -> float:
        """Median over the repetitions, after one run that is not counted."""
        seconds = []
        for _ in range(1 + (repetitions or self.repetitions)):
            self.wait_for_device()
            started = time.perf_counter()
            run()
            self.wait_for_device()
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds[1:])

    def wait_for_device(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def print_message(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="a tiny model and 20 articles")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the JSON document to this file as well")
    options = parser.parse_args(argv)
    if not options.tiny and not torch.cuda.is_available():
        print_message("This machine has no CUDA device; --tiny runs everything with a tiny model.")
        return 1
    with torch.inference_mode():
        document = Bench(tiny=options.tiny, repetitions=options.repetitions).run()
    text = json.dumps(document, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
