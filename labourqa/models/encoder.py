"""The sentence encoder: all-MiniLM-L6-v2 with trained LoRA deltas; dot products of its vectors are similarities."""

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
        self._tokenizer = AutoTokenizer.from_pretrained(weights.folder)
        self._model = BertModel.from_pretrained(
            weights.folder, add_pooling_layer=False, dtype=torch.float32, use_safetensors=True
        ).eval()
        for name, delta in relevance.lora_deltas.items():
            self._model.get_submodule(name).weight.data += torch.from_numpy(delta)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, of which `encode` reads the first MAX_TOKENS."""
        return [len(ids) for ids in self._tokenizer(list(texts))["input_ids"]]

    def encode(
        self, texts: Sequence[str], *, show_share: Callable[[float], None] | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors, (texts, 384), float32: the mean of each text's token states in the last layer.

        `show_share` receives the share of the texts that is done, 0 to 1.
        """
        ids = self._tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        vectors = np.empty((len(texts), self._model.config.hidden_size), dtype=np.float32)
        done = 0
        for batch in make_batches([len(row) for row in ids], BATCH_TOKENS):
            padded = self._tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
            with torch.inference_mode():
                states = self._model(**padded).last_hidden_state  # (batch, seq, hidden)
            mask = padded["attention_mask"].unsqueeze(-1)  # (batch, seq, 1)
            mean = (states * mask).sum(1) / mask.sum(1)  # (batch, hidden)
            vectors[batch] = torch.nn.functional.normalize(mean, dim=-1).numpy()
            done += len(batch)
            if show_share is not None:
                show_share(done / len(texts))
        assert math.isfinite(float(vectors.sum()))
        return vectors
