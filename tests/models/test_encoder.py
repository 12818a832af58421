"""The sentence encoder with the trained LoRA deltas."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labourqa.engine.startup import Models
from labourqa.models.catalogue import MINILM

pytestmark = pytest.mark.model

TEXTS = [
    "How long is annual leave?",
    "Annual Leave. Employees have at least twenty working days of annual leave. " * 5,
    "",
    "Night work is paid at one and a half times the pay.",
]


def test_vectors_are_unit_vectors_that_do_not_depend_on_the_other_texts(models: Models) -> None:
    vectors = models.encoder.encode(TEXTS)
    assert vectors.shape == (4, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    alone = np.concatenate([models.encoder.encode([text]) for text in TEXTS])
    assert vectors == pytest.approx(alone, abs=1e-5)


def test_a_text_that_is_too_long_is_truncated(models: Models) -> None:
    shorter, longer = models.encoder.encode(["leave " * 300, "leave " * 300 + "wages"])
    assert shorter == pytest.approx(longer, abs=1e-6)


def test_a_share_of_the_deltas_lies_between_the_published_encoder_and_the_trained_one(models: Models) -> None:
    published, half, trained = (
        models.encoder.encode(TEXTS[:1], delta_share=share)[0] for share in (0, 0.5, 1)
    )
    assert published @ trained < min(published @ half, half @ trained) < 1


def test_the_share_that_is_done_rises_to_1(models: Models) -> None:
    shares: list[float] = []
    models.encoder.encode(["work " * 200] * 40, show_share=shares.append)
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_the_name_says_which_encoder_and_which_training(models: Models) -> None:
    assert models.encoder.name == f"{MINILM} {models.relevance.name}"


def test_loading_prints_nothing(models_home: Path) -> None:
    """With a model on a server, nothing else of transformers is loaded, and so nothing else turns its messages off."""
    code = f"""
from pathlib import Path
from labourqa.models.encoder import SentenceEncoder
from labourqa.models.relevance import TrainedRelevance
from labourqa.models.weights import fetch_weights
SentenceEncoder(fetch_weights({MINILM!r}, Path({str(models_home)!r}) / "models"), TrainedRelevance())
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, "", "")
