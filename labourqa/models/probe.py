"""The trained linear probe with which the embedded language model judges whether an article answers a question.

The probe (Alain and Bengio, arXiv 1610.01644) reads the states of the question's tokens after one of the model's middle
layers, which tell more about relevance than those after the last one (docs/quality.md). The model's own weights are
unchanged, so cached prefixes are as well. scripts/train_probe.py fits `data/probe.safetensors`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from labourqa.config import DATA, read_data

PROBE = DATA / "probe.safetensors"


@dataclass(frozen=True)
class Probe:
    """A linear function of the mean state of the question's tokens."""

    depth: int  # it reads the states after so many layers, fewer than the model has
    weights: NDArray[np.float32]  # (hidden,)


def load_probe(revision: str, path: Path = PROBE) -> Probe | None:
    """The probe in the file, if it was fitted to the model weights of that revision.

    Raises InstallationError where the file is missing or damaged.
    """
    read_data(path)
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
        if metadata["revision"] != revision:
            return None
        return Probe(int(metadata["depth"]), file.get_tensor("weights"))
