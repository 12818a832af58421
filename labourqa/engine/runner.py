"""Forward passes of a causal language model on this machine: from rows of token ids to final states and scores."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from typing import Any

import torch

from labourqa.engine import attention
from labourqa.engine.cache_file import CacheSpec
from labourqa.engine.layers import LlamaLayers, can_pack, linear
from labourqa.engine.threads import choose_threads
from labourqa.errors import EngineError
from labourqa.models.loading import QUANTIZED, choose_device, choose_dtype, load_model, stored_dtype
from labourqa.models.probe import load_probe
from labourqa.models.weights import Weights

# Tokens of one packed pass. On 2 CPU cores (AVX2, float32) the layers run at 690, 750, 780, 797 and 798 tokens/s in
# passes of 200, 400, 800, 1,600 and 3,200 tokens, because the weights are read once a pass. Larger passes leave the
# processor's caches.
CPU_PASS_TOKENS = 1_600
CUDA_PASS_TOKENS = 16_384
# Passes over cached prefixes that run in parallel and divide the cores: 8 to 15% faster on 2 cores. More of them would
# wait for one another in Python.
CPU_PARALLEL_PASSES = 4
LOGIT_ROWS = 512  # rows of logits over the whole vocabulary at a time: 100 MB in float32


class MemoryExhaustedError(EngineError):
    """A pass does not fit the memory; a smaller one may."""


class ModelRunner:
    """Loads a model and runs it. Raises WeightsError when the files are no causal language model."""

    def __init__(self, weights: Weights, *, precision: str, yes_no: tuple[int, int]) -> None:
        """`yes_no`: the token ids of "Yes" and "No"."""
        self.device = choose_device()
        self.dtype = choose_dtype(precision, self.device)
        self.threads = choose_threads()
        torch.set_num_threads(self.threads)
        self._weights, self._precision = weights, precision
        may_pack = can_pack(self.device, self.dtype) and precision not in QUANTIZED
        stored = stored_dtype(weights) if may_pack else None
        model = self._load(stored or self.dtype)
        self.config, self.generation_config = model.config, model.generation_config
        self.parameters: int = model.num_parameters()
        self.supports_packing = attention.supports(self.config)
        # (2, hidden), in float32: logits in bfloat16 lie on a grid of 0.125, so that yes and no often tie.
        self._yes_no_rows = model.get_output_embeddings().weight.detach()[list(yes_no)].float()
        self.probe = load_probe(weights.revision)
        if self.probe:
            self._probe_weights = torch.from_numpy(self.probe.weights).to(self.device)  # (hidden,)
        # None for other architectures: transformers' own layers do the same, more slowly.
        self.layers = LlamaLayers(model, self.dtype) if LlamaLayers.supports(model) else None
        self._packed = bool(stored and self.layers)  # LlamaLayers has taken the weights
        if stored and not self._packed:
            model = model.to(self.dtype)
        self._model: Any = None if self._packed else model
        self._lock = threading.Lock()  # one forward pass at a time: all questions share the device
        on_cpu = self.device.type == "cpu"
        self.pass_tokens = CPU_PASS_TOKENS if on_cpu else CUDA_PASS_TOKENS
        # transformers' own layers may hold state, of which there is one copy.
        self.parallel_passes = min(CPU_PARALLEL_PASSES, self.threads) if on_cpu and self.layers else 1

    @property
    def model(self) -> Any:
        """transformers' model. Where `layers` has packed its weights, it is loaded again when it is needed."""
        model = self._model  # another thread may release it
        if model is None:
            with torch.inference_mode(False):
                model = self._model = self._load(self.dtype)
        return model

    def release_second_copy(self) -> None:
        """Free transformers' model where `layers` holds the weights as well."""
        if self._packed:
            self._model = None

    def cache_spec(self, bits: Any) -> CacheSpec:
        config = self.config
        return CacheSpec(
            layers=config.num_hidden_layers,
            kv_heads=config.num_key_value_heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
            dtype=self.dtype,
            bits=bits,
        )

    @contextmanager
    def forward_pass(self) -> Iterator[None]:
        """Hold the device for one pass, in inference mode. Raises MemoryExhaustedError when its memory is full."""
        try:
            with self._lock, torch.inference_mode():
                torch.set_num_threads(self.threads)  # a thread that began beside parallel passes has fewer
                yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise MemoryExhaustedError(
                    "There is not enough memory for even one article; choose a smaller --model."
                ) from error
            raise

    def states(
        self,
        ids: list[int],
        positions: torch.Tensor,
        attend: attention.AttentionFunction,
        output_positions: torch.Tensor,
        probed: bool = False,
    ) -> torch.Tensor:
        """The final states at `output_positions`, (m, hidden), of one row of tokens without padding.

        For a `probed` row those that the probe reads.
        """
        tokens = torch.tensor(ids, device=self.device)
        positions, output_positions = positions.to(self.device), output_positions.to(self.device)
        if self.layers:
            rotations = self.layers.rotations(positions)
            depth = self.probe.depth if probed and self.probe else None
            return self.layers.forward(
                tokens, rotations, attend, output_positions=output_positions, depth=depth
            )
        states = self._run_transformers(
            tokens[None],
            probed,
            position_ids=positions[None],
            # transformers uses a four-dimensional mask as it is, and builds none of its own.
            attention_mask=torch.empty(1, 1, 1, 1, device=self.device),
            attend=attend,
        )
        return states[0, output_positions]

    def packed_states(
        self,
        rows: Sequence[Sequence[int]],
        output_states: int,
        store_layer: attention.StoreLayer | None = None,
        *,
        probed: bool = False,
    ) -> torch.Tensor:
        """The last `output_states` final states of each row, (rows, output_states, hidden), without padding.

        For `probed` rows those that the probe reads. `store_layer` receives the keys and values of every layer.
        """
        lengths = [len(row) for row in rows]
        states = self.states(
            [token for row in rows for token in row],
            concatenated_ranges(lengths),
            attention.PackedAttention(lengths, store_layer),
            last_positions(lengths, [output_states] * len(rows)),
            probed,
        )
        return states.view(len(rows), output_states, states.shape[-1])

    def padded_states(
        self, rows: Sequence[Sequence[int]], output_states: int, *, probed: bool = False
    ) -> torch.Tensor:
        """The same states as `packed_states`, from a padded batch.

        The padding is at the end, where the causal mask hides it.
        """
        width = max(map(len, rows))
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=self.device)
        states = self._run_transformers(ids, probed)  # (rows, width, hidden)
        return torch.stack([states[i, len(row) - output_states : len(row)] for i, row in enumerate(rows)])

    def generate_batch(self, rows: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
        """The ids that transformers generates greedily after each row, from a padded batch."""
        width = max(map(len, rows))
        padding = [[0] * (width - len(row)) for row in rows]
        ids = [[*pad, *row] for pad, row in zip(padding, rows, strict=True)]
        mask = [[0] * len(pad) + [1] * len(row) for pad, row in zip(padding, rows, strict=True)]
        output = self.model.generate(
            torch.tensor(ids, device=self.device),
            attention_mask=torch.tensor(mask, device=self.device),
            max_new_tokens=max_tokens,
            do_sample=False,
            use_cache=True,
            pad_token_id=0,
        )
        replies: list[list[int]] = output[:, width:].tolist()
        return replies

    def probe_scores(self, states: torch.Tensor) -> list[float]:
        """The probe's score of each article, from the question's states, (articles, tokens, hidden)."""
        scores: list[float] = (states.float().mean(1) @ self._probe_weights).tolist()
        return scores

    def yes_no_margins(self, states: torch.Tensor) -> list[float]:
        """Logit of yes minus logit of no in the last of the final states, (articles, states, hidden)."""
        logits = states[:, -1].float() @ self._yes_no_rows.T  # (articles, 2)
        return [float(margin) for margin in logits[:, 0] - logits[:, 1]]

    def mean_log_likelihoods(self, states: torch.Tensor, targets: Sequence[int]) -> list[float]:
        """Mean log-probability, in nats, of `targets` in the final states, (articles, targets, hidden)."""
        to_logits: Callable[[torch.Tensor], torch.Tensor] = (
            partial(linear, matrix=self.layers.lm_head) if self.layers else self.model.get_output_embeddings()
        )
        expected = torch.tensor(targets, device=self.device).repeat(len(states))
        losses = [
            torch.nn.functional.cross_entropy(to_logits(some).float(), ids, reduction="none")
            for some, ids in zip(
                torch.split(states.flatten(0, 1), LOGIT_ROWS), torch.split(expected, LOGIT_ROWS), strict=True
            )
        ]
        return [-float(mean) for mean in torch.cat(losses).view(len(states), -1).mean(1)]

    def _run_transformers(self, ids: torch.Tensor, probed: bool, **options: Any) -> torch.Tensor:
        """The final states, or those that the probe reads, of transformers' own layers: (batch, seq, hidden)."""
        depth = self.probe.depth if probed and self.probe else None
        output = self.model.base_model(
            ids, use_cache=False, output_hidden_states=depth is not None, **options
        )
        states: torch.Tensor = output.last_hidden_state if depth is None else output.hidden_states[depth]
        return states

    def _load(self, dtype: torch.dtype) -> Any:
        model = load_model(self._weights, self.device, dtype, self._precision)
        if attention.supports(model.config):
            model.set_attn_implementation(attention.NAME)
        return model


def concatenated_ranges(lengths: Sequence[int]) -> torch.Tensor:
    """0, 1, ... up to each of the lengths, one range after the other: the positions of packed rows."""
    return torch.cat([torch.arange(length) for length in lengths])


def last_positions(lengths: Sequence[int], counts: Sequence[int]) -> torch.Tensor:
    """Indices of the last tokens of each row, `counts` of them, when the rows stand one after the other."""
    stops = accumulate(lengths)
    return torch.cat([torch.arange(stop - count, stop) for stop, count in zip(stops, counts, strict=True)])
