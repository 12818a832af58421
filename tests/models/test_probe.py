from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from labourqa.models.catalogue import EMBEDDED, SMOLLM2
from labourqa.models.probe import load_probe


def test_the_shipped_probe_belongs_to_the_embedded_model() -> None:
    probe = load_probe(EMBEDDED[SMOLLM2].revision)
    assert probe is not None
    assert probe.weights.shape == (576,)  # the size of the model's states
    assert 0 < probe.depth < 30  # its layers


def test_other_weights_have_no_probe(tmp_path: Path) -> None:
    path = tmp_path / "probe.safetensors"
    save_file({"weights": np.ones(4, np.float32)}, path, metadata={"revision": "sha256:abc", "depth": "2"})
    assert load_probe("sha256:def", path) is None
    probe = load_probe("sha256:abc", path)
    assert probe is not None
    assert probe.depth == 2
    assert probe.weights.tolist() == [1, 1, 1, 1]
