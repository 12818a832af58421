"""The forward pass of `LlamaLayers` against transformers' own: the embedded model's weights and tiny random ones."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from labourqa.engine.attention import PackedAttention
from labourqa.engine.layers import HAS_FBGEMM, LlamaLayers

pytestmark = pytest.mark.model

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def tiny_model(**changes: Any) -> Any:
    torch.manual_seed(0)
    config: dict[str, Any] = {
        "vocab_size": 97, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2,
        "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": False,
    }  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**(config | changes))).eval()


@pytest.fixture
def own_model(models_home: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(models_home / "models" / "smollm2-135m", dtype=torch.float32)


def test_the_model_itself_gives_the_same_logits_as_before(own_model: Any) -> None:
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        before = own_model(ids).logits
        LlamaLayers(own_model, torch.float32)
        after = own_model(ids).logits
    assert torch.equal(before, after)


def test_the_weights_are_not_held_twice(own_model: Any) -> None:
    """Looks inside: the matrices have no public name, and their addresses show whether the memory is shared."""
    layers = LlamaLayers(own_model, torch.float32)
    for layer, weights in zip(own_model.model.layers, layers._layers, strict=True):
        for modules, matrix in (
            (
                (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                weights.qkv,
            ),
            ((layer.mlp.gate_proj, layer.mlp.up_proj), weights.gate_up),
        ):
            assert isinstance(matrix, torch.Tensor)
            start = matrix.data_ptr()
            for module in modules:
                assert module.weight.data_ptr() == start
                start += module.weight.nbytes
            assert start == matrix.data_ptr() + matrix.nbytes


@pytest.mark.parametrize(
    ("changes", "supported"),
    [
        ({}, True),
        ({"rope_parameters": LLAMA3_ROPE}, True),
        ({"attention_bias": True}, False),
        ({"mlp_bias": True}, False),
        ({"hidden_act": "gelu"}, False),
        ({"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}}, False),
    ],
)
def test_what_would_be_computed_differently_is_not_supported(
    changes: dict[str, Any], supported: bool
) -> None:
    assert LlamaLayers.supports(tiny_model(**changes)) == supported


def test_packed_projections_are_not_supported() -> None:
    class Packed(torch.nn.Linear):
        pass

    model = tiny_model()
    model.model.layers[1].mlp.down_proj = Packed(80, 48, bias=False)
    assert not LlamaLayers.supports(model)


@pytest.mark.parametrize("changes", [{}, {"rope_parameters": LLAMA3_ROPE}, {"num_key_value_heads": 6}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_final_states_are_those_of_transformers(changes: dict[str, Any], dtype: torch.dtype) -> None:
    model = tiny_model(**changes).to(dtype)
    layers = LlamaLayers(model, dtype)
    check_final_states(model, layers, tolerance=1e-5 if dtype == torch.float32 else 0.1)


@pytest.mark.skipif(not HAS_FBGEMM, reason="FBGEMM is not available on this processor")
@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16])
def test_weights_stored_in_16_bits_give_the_results_of_float32(stored: torch.dtype) -> None:
    model = tiny_model().to(stored)
    check_final_states(tiny_model().to(stored).float(), LlamaLayers(model, torch.float32), tolerance=1e-5)
    assert sum(parameter.nbytes for parameter in model.model.layers.parameters()) < 1_000  # not held twice


def check_final_states(model: Any, layers: LlamaLayers, *, tolerance: float) -> None:
    rows = [torch.randint(97, (length,)) for length in (30, 7, 50)]
    with torch.inference_mode():
        expected = torch.cat([model.model(row[None]).last_hidden_state[0] for row in rows])
        ids, positions = torch.cat(rows), torch.cat([torch.arange(len(row)) for row in rows])
        attend = PackedAttention([len(row) for row in rows])
        states = layers.forward(ids, layers.rotations(positions), attend)
        wanted = torch.tensor([29, 36, 86])
        some = layers.forward(ids, layers.rotations(positions), attend, output_positions=wanted)
    torch.testing.assert_close(states, expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(some, states[wanted], atol=tolerance, rtol=tolerance)
