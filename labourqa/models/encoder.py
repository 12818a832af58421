"""The sentence encoder: all-MiniLM-L6-v2 with trained LoRA deltas; dot products of its vectors are similarities."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, BertModel

from labourqa.models.batches import make_batches
from labourqa.models.loading import silence_transformers
from labourqa.models.relevance import TrainedRelevance
from labourqa.models.weights import Weights

MAX_TOKENS = 256  # the length that the published encoder allows; longer texts are truncated
BATCH_TOKENS = 4_096

T = TypeVar("T", bound=np.generic)


class SentenceEncoder:
    """Encodes texts on the CPU in float32."""

    def __init__(self, weights: Weights, relevance: TrainedRelevance) -> None:
        silence_transformers()
        self.name = f"{weights.name} {relevance.name}"
        self._relevance = relevance
        self._tokenizer = AutoTokenizer.from_pretrained(weights.folder)
        model = BertModel.from_pretrained(
            weights.folder, add_pooling_layer=False, dtype=torch.float32, use_safetensors=True
        ).eval()
        for name, delta in relevance.lora_deltas.items():
            model.get_submodule(name).weight.data += torch.from_numpy(delta)
        self._models = {1.0: model}  # share of the deltas -> the model with them

    def encode(
        self,
        texts: Sequence[str],
        *,
        delta_share: float = 1.0,
        show_share: Callable[[float], None] | None = None,
    ) -> NDArray[np.float32]:
        """Unit vectors, (texts, 384), float32: the mean of each text's token states in the last layer.

        `delta_share` is the share of the LoRA deltas that is added to the published weights; `show_share` receives the
        share of the texts that is done, 0 to 1.
        """
        vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        for batch, means, _, _ in self._forward(texts, delta_share, show_share):
            vectors[batch] = means
        assert math.isfinite(float(vectors.sum()))
        return vectors

    def encode_tokens(
        self,
        texts: Sequence[str],
        project: Callable[[NDArray[np.float32]], NDArray[T]],
        *,
        delta_share: float = 1.0,
        show_share: Callable[[float], None] | None = None,
    ) -> tuple[NDArray[np.float32], list[NDArray[T]]]:
        """The vectors as from `encode`, and of each text what `project` makes of its tokens' states, (tokens, 384)."""
        vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        tokens: dict[int, NDArray[T]] = {}
        for batch, means, states, lengths in self._forward(texts, delta_share, show_share):
            vectors[batch] = means
            tokens |= {i: project(states[row, : lengths[row]]) for row, i in enumerate(batch)}
        return vectors, [tokens[i] for i in range(len(texts))]

    @property
    def _dimensions(self) -> int:
        return int(self._models[1.0].config.hidden_size)

    def _forward(
        self, texts: Sequence[str], delta_share: float, show_share: Callable[[float], None] | None
    ) -> Iterator[tuple[list[int], NDArray[np.float32], NDArray[np.float32], list[int]]]:
        """By batches: indices of texts, unit vectors, states of their tokens (batch, seq, hidden), and lengths."""
        if not texts:
            return
        model = self._model(delta_share)
        ids = self._tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        done = 0
        for batch in make_batches([len(row) for row in ids], BATCH_TOKENS):
            padded = self._tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
            with torch.inference_mode():
                states = model(**padded).last_hidden_state  # (batch, seq, hidden)
            mask = padded["attention_mask"].unsqueeze(-1)  # (batch, seq, 1)
            mean = (states * mask).sum(1) / mask.sum(1)  # (batch, hidden)
            vectors = torch.nn.functional.normalize(mean, dim=-1)
            yield batch, vectors.numpy(), states.numpy(), [len(ids[i]) for i in batch]
            done += len(batch)
            if show_share is not None:
                show_share(done / len(texts))

    def _model(self, delta_share: float) -> BertModel:
        """The model with this share of the deltas; one with less than all takes 43 MB, as it shares the embeddings."""
        if delta_share not in self._models:
            full = self._models[1.0]
            model = copy.deepcopy(full, {id(full.embeddings): full.embeddings})
            for name, delta in self._relevance.lora_deltas.items():
                model.get_submodule(name).weight.data -= (1 - delta_share) * torch.from_numpy(delta)
            self._models[delta_share] = model
        return self._models[delta_share]
