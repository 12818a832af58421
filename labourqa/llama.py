"""The engine on torch and transformers, for any causal language model; Llama 3.2 3B is what it was built for.

A prompt is the article's part followed by the question's part. The two are tokenised apart and their ids
joined, so that what the model computes about an article never depends on the question.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from .articles import Article
from .batches import make_batches
from .config import read_prompt
from .engine import Decision, Evidence, Judgement, ModelInfo, read_word
from .errors import EngineError, WeightsError
from .weights import Weights

# Below this size a bare yes or no is worthless: the embedded 135M model answers by the article's length.
YES_NO_PARAMETERS = 1_000_000_000
WORD_TOKENS = 3  # generated to read "yes" or "no" in the published way
# Llama 3's template would write today's date into every prompt and change every prefix each day.
TEMPLATE_DATE = "26 Jul 2024"


@dataclass(frozen=True)
class _Prompts:
    """One pair of prompt files, and the template's tokens around them."""

    article: str
    question: str
    before: list[int]  # ids in front of the article's part
    after: list[int]  # ids behind the question's part


def choose_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the machine computes in it; a CPU that only emulates it is 6 times slower than in float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    capabilities = torch.cpu.get_capabilities()
    if any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")):
        return torch.bfloat16
    return torch.float32


class LlamaEngine:
    """Raises WeightsError when the files are no causal language model."""

    def __init__(self, weights: Weights) -> None:
        transformers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        device = choose_device()
        source: dict[str, Any] = {"gguf_file": weights.gguf_file} if weights.gguf_file else {}
        try:
            # Law, questions and replies are untrusted: "<|im_end|>" in them is text, not an end of turn.
            self._tokenizer = AutoTokenizer.from_pretrained(
                weights.folder, trust_remote_code=False, split_special_tokens=True, **source
            )
            self._model = AutoModelForCausalLM.from_pretrained(
                weights.folder,
                dtype=choose_dtype(device),
                device_map={"": device},
                trust_remote_code=False,
                use_safetensors=True,
                **source,
            ).eval()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise WeightsError(
                f"{weights.name} cannot be loaded as a causal language model ({error}); "
                "choose another with --model."
            ) from error
        architectures = self._model.config.architectures or ["unknown"]
        if not any(name.endswith("ForCausalLM") for name in architectures):
            raise WeightsError(f"{weights.name} is no causal language model; choose another with --model.")
        self._lock = threading.Lock()  # one forward pass at a time: questions share the device
        self._device = device
        self._before, self._after = self._template()
        self._yes, self._no = (
            self._tokenizer.encode(word, add_special_tokens=False)[0] for word in ("Yes", "No")
        )
        chat = _Prompts(
            read_prompt("filter_article", ("number", "title", "text")),
            read_prompt("filter_question", ("question",)),
            self._before,
            self._after,
        )
        # The likelihood reads the question as a continuation of the law: no chat around it.
        continuation = _Prompts(
            read_prompt("likelihood_article", ("number", "title", "text")),
            read_prompt("likelihood_question", ("question",)),
            self._tokenizer.encode(""),
            [],
        )
        self._prompts: dict[Evidence, _Prompts] = {
            "yes-no": chat,
            "word": chat,
            "likelihood": continuation,
        }
        self.info = ModelInfo(
            name=weights.name,
            revision=weights.revision,
            dtype=str(self._model.dtype).removeprefix("torch."),
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            parameters=self._model.num_parameters(),
            context_tokens=self._model.config.max_position_embeddings,
        )
        self.tokenizer_name = f"{weights.name} {weights.revision}".strip()
        small = self._model.num_parameters() < YES_NO_PARAMETERS
        self.evidence: Literal["yes-no", "likelihood"] = "likelihood" if small else "yes-no"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(self._ids(text)) for text in texts]

    def judge(
        self,
        articles: Sequence[Article],
        question: str,
        *,
        evidence: Evidence,
        batch_tokens: int,
        show_read: Callable[[int], None],
    ) -> Judgement:
        started = time.perf_counter()
        prompts = self._prompts[evidence]
        suffix, question_start = self._question_ids(prompts, question)
        prefixes = [self._article_ids(prompts, article) for article in articles]
        rows = [prefix + suffix for prefix in prefixes]
        self._check_context(articles, rows)
        tokenize_seconds = time.perf_counter() - started
        scores = [0.0] * len(rows)
        for batch in make_batches([len(row) for row in rows], batch_tokens):
            batch_rows = [rows[i] for i in batch]
            with self._forward():
                match evidence:
                    case "yes-no":
                        batch_scores = self._yes_no_margins(batch_rows)
                    case "likelihood":
                        starts = [len(prefixes[i]) + question_start for i in batch]
                        batch_scores = self._log_likelihoods(batch_rows, starts)
                    case "word":
                        batch_scores = self._words(batch_rows)
            for i, score in zip(batch, batch_scores, strict=True):
                scores[i] = score
            show_read(len(batch))
        generated = WORD_TOKENS - 1 if evidence == "word" else 0  # the last token is not fed back
        decisions = [
            Decision(article.number, score, len(row) + generated)
            for article, score, row in zip(articles, scores, rows, strict=True)
        ]
        return Judgement(tuple(decisions), tokenize_seconds)

    def count_prompt_tokens(self, prompt: str) -> int:
        return len(self._before) + len(self._ids(prompt)) + len(self._after)

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        ids = self._before + self._ids(prompt) + self._after
        if len(ids) + max_tokens > self.info.context_tokens:
            raise EngineError(
                f"A prompt of {len(ids)} tokens and an answer of {max_tokens} do not fit the "
                f"{self.info.context_tokens} tokens that {self.info.name} can read; select fewer articles with --top."
            )
        ends = self._model.generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        reply: list[int] = []
        shown = ""
        cache = None
        tokens = 0
        inputs = torch.tensor([ids], device=self._device)  # (1, seq)
        while len(reply) < max_tokens:
            with self._forward():
                output = self._model(inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
                token = int(output.logits[0, -1].argmax())
            cache = output.past_key_values
            tokens += 1
            if token in ends:
                break
            reply.append(token)
            text = self._tokenizer.decode(reply, skip_special_tokens=True)
            if not text.endswith("\ufffd"):  # a character may need more than one token
                yield text[len(shown) :], tokens
                shown, tokens = text, 0
            inputs = torch.tensor([[token]], device=self._device)
        if tokens:
            yield "", tokens

    @contextmanager
    def _forward(self) -> Iterator[None]:
        """One question at a time on the device; a device without memory is an EngineError."""
        try:
            with self._lock, torch.inference_mode():
                yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise EngineError(
                    "The memory does not suffice; choose a smaller --batch-tokens or a smaller --model."
                ) from error
            raise

    def _yes_no_margins(self, rows: list[list[int]]) -> list[float]:
        states = self._final_states(rows)
        last = torch.stack([states[i, len(row) - 1] for i, row in enumerate(rows)])  # (batch, hidden)
        # In float32, and only the two rows that are compared: bfloat16 logits lie on a grid and often tie.
        head = self._model.get_output_embeddings().weight[[self._yes, self._no]].float()  # (2, hidden)
        logits = last.float() @ head.T  # (batch, 2)
        return [float(margin) for margin in logits[:, 0] - logits[:, 1]]

    def _log_likelihoods(self, rows: list[list[int]], starts: list[int]) -> list[float]:
        """Mean log-probability of each row's tokens from its start on."""
        states = self._final_states(rows)
        head = self._model.get_output_embeddings()
        means = []
        for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
            logits = head(states[i, start - 1 : len(row) - 1]).float()  # (question, vocab)
            targets = torch.tensor(row[start:], device=self._device)  # (question,)
            means.append(-float(torch.nn.functional.cross_entropy(logits, targets)))
        return means

    def _final_states(self, rows: list[list[int]]) -> torch.Tensor:
        """(batch, seq, hidden). Padding stands at the end, where the causal mask already hides it."""
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=self._device)
        states: torch.Tensor = self._model.base_model(ids, use_cache=False).last_hidden_state
        return states

    def _words(self, rows: list[list[int]]) -> list[float]:
        width = max(map(len, rows))
        pad = [[0] * (width - len(row)) for row in rows]
        ids = torch.tensor([p + row for p, row in zip(pad, rows, strict=True)], device=self._device)
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

    def _article_ids(self, prompts: _Prompts, article: Article) -> list[int]:
        text = prompts.article.format(number=article.number, title=article.title, text=article.text)
        return prompts.before + self._ids(text)

    def _question_ids(self, prompts: _Prompts, question: str) -> tuple[list[int], int]:
        """The suffix, and where in it the question itself starts."""
        lead, rest = prompts.question.split("{question}")
        # The space in front belongs to the question's first token, as it would inside a text.
        space = " " * lead.endswith(" ")
        lead_ids = self._ids(lead.removesuffix(" "))
        return lead_ids + self._ids(space + question + rest) + prompts.after, len(lead_ids)

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

    def _check_context(self, articles: Sequence[Article], rows: list[list[int]]) -> None:
        for article, row in zip(articles, rows, strict=True):
            if len(row) + WORD_TOKENS > self.info.context_tokens:
                raise EngineError(
                    f"Article {article.number} and the question take {len(row)} tokens, but {self.info.name} "
                    f"reads at most {self.info.context_tokens}; choose a model with a longer context."
                )
