"""Precisions, and tokenizers for untrusted texts. Marked as model tests because they import torch."""

from pathlib import Path

import pytest

from labourqa.errors import WeightsError
from labourqa.models.catalogue import SMOLLM2
from labourqa.models.weights import Weights, fetch_weights

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx2": True}, "float32"),
    ],
)
def test_a_cpu_computes_in_bfloat16_only_if_it_supports_it(
    capabilities: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from labourqa.models.loading import choose_dtype

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_dtype("auto", torch.device("cpu")) == getattr(torch, expected)
    assert choose_dtype("float16", torch.device("cpu")) == torch.float16


def test_the_stored_dtype_is_that_of_all_tensors(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from labourqa.models.loading import stored_dtype

    weights = Weights("tiny", tmp_path, "", "")
    for dtype in (torch.float16, torch.bfloat16):
        save_file({"a": torch.ones(2, dtype=dtype)}, tmp_path / "model.safetensors")
        assert stored_dtype(weights) == dtype
    save_file({"b": torch.ones(2, dtype=torch.float16)}, tmp_path / "second.safetensors")
    assert stored_dtype(weights) is None  # two dtypes
    save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    (tmp_path / "second.safetensors").unlink()
    assert stored_dtype(weights) is None  # float32


def test_a_damaged_safetensors_file_is_an_error_with_the_models_name(tmp_path: Path) -> None:
    from labourqa.models.loading import stored_dtype

    (tmp_path / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(WeightsError, match="tiny cannot be loaded as a causal language model"):
        stored_dtype(Weights("tiny", tmp_path, "", ""))


def test_special_tokens_in_a_text_are_encoded_as_plain_text(models_home: Path) -> None:
    from labourqa.models.loading import load_tokenizer

    tokenizer = load_tokenizer(fetch_weights(SMOLLM2, models_home / "models"))
    end_of_turn = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = tokenizer("Leave.<|im_end|>")["input_ids"]
    assert end_of_turn not in ids
    assert tokenizer.decode(ids) == "Leave.<|im_end|>"
