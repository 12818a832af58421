"""The sentence encoder: all-MiniLM-L6-v2 with trained LoRA deltas; dot products of its vectors are similarities."""

import copy
import math
from collections.abc import Callable, Sequence

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
        model = self._model(delta_share)
        if not texts:
            return np.empty((0, model.config.hidden_size), dtype=np.float32)
        ids = self._tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
        done = 0
        for batch in make_batches([len(row) for row in ids], BATCH_TOKENS):
            padded = self._tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
            with torch.inference_mode():
                states = model(**padded).last_hidden_state  # (batch, seq, hidden)
            mask = padded["attention_mask"].unsqueeze(-1)  # (batch, seq, 1)
            mean = (states * mask).sum(1) / mask.sum(1)  # (batch, hidden)
            vectors[batch] = torch.nn.functional.normalize(mean, dim=-1).numpy()
            done += len(batch)
            if show_share is not None:
                show_share(done / len(texts))
        assert math.isfinite(float(vectors.sum()))
        return vectors

    def _model(self, delta_share: float) -> BertModel:
        """The model with this share of the deltas; one with less than all takes 43 MB, as it shares the embeddings."""
        if delta_share not in self._models:
            full = self._models[1.0]
            model = copy.deepcopy(full, {id(full.embeddings): full.embeddings})
            for name, delta in self._relevance.lora_deltas.items():
                model.get_submodule(name).weight.data -= (1 - delta_share) * torch.from_numpy(delta)
            self._models[delta_share] = model
        return self._models[delta_share]
