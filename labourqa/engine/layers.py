"""A forward pass for models of the Llama architecture: the same numbers as transformers, with less overhead.

Projections that read the same states are fused into one matrix, outputs are computed only where they are needed, and
an `AttentionFunction` decides which tokens attend to which. Scoring, prefix caching and generation all use it.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from labourqa.engine.attention import AttentionFunction
from labourqa.engine.threads import choose_threads, run_in_parallel

# Rotary embeddings whose angles depend on the position alone; "dynamic" and "longrope" depend on the text's length.
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
# FBGEMM's matrix product of float32 states with 16-bit weights computes in float32. All of SmolLM2-135M on 2 cores
# (AVX2), ms for n = 1, 4, 16, 32 tokens, and GFLOP/s of the layers for n = 256 and 1,600:
#   functional.linear, float32 weights   43, 76, 86, 126 ms; 123, 136 GFLOP/s
#   linear_dynamic_fp16, 16-bit weights  15, 15, 33, 61 ms; 149, 151 GFLOP/s
HAS_FBGEMM = "fbgemm" in torch.backends.quantized.supported_engines

Matrix = torch.Tensor | torch.ScriptObject  # (out, in), or the same packed by FBGEMM


@dataclass(frozen=True)
class _Layer:
    """One layer's weights: norms (hidden,), matrices (out, in)."""

    attention_norm: torch.Tensor
    qkv: Matrix
    attention_output: Matrix
    mlp_norm: torch.Tensor
    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True)
class Rotations:
    """Rotary position embeddings of n positions, each (n, 1, head_dim)."""

    cos: torch.Tensor
    sin: torch.Tensor  # with the first half negated

    def at(self, positions: torch.Tensor) -> "Rotations":
        return Rotations(self.cos[positions], self.sin[positions])


class LlamaLayers:
    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        """`model` is a LlamaForCausalLM that `supports` accepts; the layers compute in `dtype`.

        The model's projections become views of fused matrices. A model in 16 bits that computes in float32 is packed
        instead (see `can_pack`); its own weights are then emptied, so the model cannot be used any more.
        """
        config = model.config
        self.dtype = dtype
        packs = model.dtype != dtype
        prepare = _pack if packs else _fuse
        embedding = model.model.embed_tokens.weight.detach()  # (vocab, hidden)
        # A copy, because the original may be the last use of the mapped weights file.
        self.embedding: torch.Tensor = embedding.clone() if packs else embedding
        self.kv_heads = int(config.num_key_value_heads)
        self.groups = int(config.num_attention_heads) // self.kv_heads  # query heads of a kv head
        self.head_dim = int(model.model.layers[0].self_attn.head_dim)
        self._scaling = float(model.model.layers[0].self_attn.scaling)
        self._norm: torch.Tensor = model.model.norm.weight.detach().to(dtype)  # (hidden,)
        self._rotary = model.model.rotary_emb
        self._epsilon = float(config.rms_norm_eps)
        self._epsilons = torch.full((1, 1), self._epsilon, device=self.embedding.device)

        def make_layer(layer: Any) -> _Layer:
            attention, mlp = layer.self_attn, layer.mlp
            return _Layer(
                layer.input_layernorm.weight.detach().to(dtype),
                prepare(attention.q_proj, attention.k_proj, attention.v_proj),
                prepare(attention.o_proj),
                layer.post_attention_layernorm.weight.detach().to(dtype),
                prepare(mlp.gate_proj, mlp.up_proj),
                prepare(mlp.down_proj),
            )

        jobs = [partial(make_layer, layer) for layer in model.model.layers]
        self._layers = run_in_parallel(jobs, choose_threads() if packs else 1)
        self.lm_head = prepare(model.lm_head)  # (vocab, hidden)
        self._qkv_size = (config.num_attention_heads + 2 * self.kv_heads) * self.head_dim
        self._gate_up_size = 2 * int(config.intermediate_size)

    def __len__(self) -> int:
        return len(self._layers)

    @staticmethod
    def supports(model: Any) -> bool:
        config = model.config
        if config.model_type != "llama" or config.hidden_act != "silu":
            return False
        if config.rope_parameters["rope_type"] not in ROPE_TYPES:
            return False
        modules = [model.lm_head]
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            modules += [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj]
            modules += [mlp.gate_proj, mlp.up_proj, mlp.down_proj]
        # Quantized projections are subclasses of Linear.
        if any(type(module) is not torch.nn.Linear or module.bias is not None for module in modules):
            return False
        return len({(module.weight.device, module.weight.dtype) for module in modules}) == 1

    def rotations(self, positions: torch.Tensor) -> Rotations:
        """For `positions`, (n,), in the model's dtype."""
        like = self.embedding.new_empty(0, dtype=self.dtype)
        cos, sin = self._rotary(like, positions[None])  # (1, n, head_dim)
        first, second = sin.chunk(2, dim=-1)
        return Rotations(cos[0, :, None], torch.cat((-first, second), dim=-1)[0, :, None])

    def forward(
        self,
        ids: torch.Tensor,
        rotations: Rotations,
        attend: AttentionFunction,
        *,
        output_positions: torch.Tensor | None = None,
        depth: int | None = None,
    ) -> torch.Tensor:
        """The final states of the tokens `ids`, (n,), as (n, hidden).

        With `output_positions`, (m,), only the states of those tokens, (m, hidden): after its attention, the last layer
        computes nothing else.

        With `depth`, the states after so many layers, which are not normed; the other layers are not run.
        """
        heads = self.groups * self.kv_heads
        states = functional.embedding(ids, self.embedding).to(self.dtype)  # (n, hidden)
        # All layers write their large results to the same memory: allocating it anew cost 5% of a long pass.
        qkv = states.new_empty(len(ids), self._qkv_size)
        gate_up = states.new_empty(len(ids), self._gate_up_size)
        normed = torch.empty_like(states)
        layers = self._layers[:depth]
        for number, layer in enumerate(layers):
            self._norm_states(states, layer.attention_norm, out=normed)
            qkv = linear(normed, layer.qkv, out=qkv)
            projected = qkv.view(len(ids), -1, self.head_dim)  # (n, heads + 2 * kv_heads, head_dim)
            rotated = projected[:, : -self.kv_heads]  # queries and keys, rotated in place
            swapped_halves = rotated.roll(self.head_dim // 2, -1)
            rotated.mul_(rotations.cos).addcmul_(swapped_halves, rotations.sin)
            attended = attend(
                number,
                rotated[:, :heads].transpose(0, 1),
                rotated[:, heads:].transpose(0, 1),
                projected[:, -self.kv_heads :].transpose(0, 1),
                self._scaling,
            ).reshape(len(ids), -1)  # (n, heads * head_dim)
            if output_positions is not None and number == len(layers) - 1:
                attended, states = attended[output_positions], states[output_positions]
                normed, gate_up = normed[: len(states)], gate_up[: len(states)]
            states = linear(attended, layer.attention_output).add_(states)
            self._norm_states(states, layer.mlp_norm, out=normed)
            gate_up = linear(normed, layer.gate_up, out=gate_up)
            gate, up = gate_up.chunk(2, dim=-1)
            states = linear(functional.silu(gate, inplace=True).mul_(up), layer.down).add_(states)
        if depth is not None:
            return states
        return self._norm_states(states, self._norm, out=normed)

    def _norm_states(self, states: torch.Tensor, weight: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
        if states.dtype == torch.float32:
            # On a CPU a tenth of functional.rms_norm's time, which allocates several tensors of this size.
            length = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
            scale = torch.addcmul(self._epsilons, length, length, value=1 / states.shape[-1]).rsqrt_()
            return torch.mul(states, scale, out=out).mul_(weight)
        normed = functional.rms_norm(states.float(), states.shape[-1:], eps=self._epsilon)
        return torch.mul(weight, normed.to(states.dtype), out=out)  # rounded in between, as transformers does


def linear(states: torch.Tensor, matrix: Matrix, *, out: torch.Tensor | None = None) -> torch.Tensor:
    """The product of `states`, (n, in), and `matrix`, (out, in): (n, out), written to `out` where that is possible."""
    if isinstance(matrix, torch.Tensor):
        return torch.mm(states, matrix.t(), out=out)
    product: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(states, matrix)  # always allocates
    return product


def can_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether weights of 16 bits can stay in 16 bits while the model computes in `dtype`.

    The result is exact: float16 represents every bfloat16 between 2^-17 and 65504, and smaller ones to within 2^-25.
    """
    return HAS_FBGEMM and device.type == "cpu" and dtype == torch.float32


@torch.no_grad()
def _pack(*modules: torch.nn.Linear) -> torch.ScriptObject:
    """The modules' matrices stacked along the rows, packed for FBGEMM; the modules' own weights are freed."""
    stacked = torch.cat([module.weight for module in modules]).float()
    for (
        module
    ) in modules:  # replaced, not emptied in place: the lm_head may share its data with the embedding
        module.weight = torch.nn.Parameter(stacked.new_empty(0))
    packed: torch.ScriptObject = torch.ops.quantized.linear_prepack_fp16(stacked, None)
    return packed


@torch.no_grad()
def _fuse(*modules: torch.nn.Linear) -> torch.Tensor:
    """The modules' matrices stacked along the rows; the modules keep views of the result instead of copies."""
    if len(modules) == 1:
        return modules[0].weight
    stacked = torch.cat([module.weight for module in modules])
    parts = torch.split(stacked, [module.out_features for module in modules])
    for module, part in zip(modules, parts, strict=True):
        module.weight.data = part
    return stacked
