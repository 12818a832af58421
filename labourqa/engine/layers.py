"""A lean forward pass for models of the Llama architecture: the numbers of transformers, with less around them.

Projections that read the same states are joined into one matrix, nothing is computed that nobody asked for, and
who sees whom is left to an `attend` object. Reading, keeping prefixes and generating all go through here.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from labourqa.engine.attention import Attend
from labourqa.engine.threads import choose_threads, run_side_by_side

# Their angles depend on the position alone; those of "dynamic" and "longrope" change with the text's length.
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
    query_key_value: Matrix
    output: Matrix
    mlp_norm: torch.Tensor
    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True)
class Rotations:
    """What turns queries and keys at n positions, each (n, 1, head_dim)."""

    cos: torch.Tensor
    sin: torch.Tensor  # its first half negated

    def at(self, positions: torch.Tensor) -> "Rotations":
        return Rotations(self.cos[positions], self.sin[positions])


class LlamaLayers:
    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        """For a LlamaForCausalLM that `supports` accepts, to compute in `dtype`.

        The model's projections become views into joined matrices. Those of a model in 16 bits that is to compute in
        float32 are packed, where the machine `can_pack`, and emptied: the model is of no more use.
        """
        config = model.config
        self.dtype = dtype
        packs = model.dtype != dtype
        prepare = _pack if packs else _join_weights
        embedding = model.model.embed_tokens.weight.detach()  # (vocab, hidden)
        # The model's own may lie in its mapped file, of which nothing else is needed when all else is packed.
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
        self._layers = run_side_by_side(jobs, choose_threads() if packs else 1)
        self.head = prepare(model.lm_head)  # (vocab, hidden)
        self._joined = (config.num_attention_heads + 2 * self.kv_heads) * self.head_dim
        self._gated = 2 * int(config.intermediate_size)

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
        # Quantised projections are subclasses of Linear with packed weights.
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
        attend: Attend,
        *,
        wanted: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The final states of the tokens `ids`, (n,), or of those at `wanted` alone: (wanted, hidden).

        The last layer computes what follows its attention for the wanted ones only.
        """
        heads = self.groups * self.kv_heads
        states = functional.embedding(ids, self.embedding).to(self.dtype)  # (n, hidden)
        # The large results of all layers go to the same places: fresh memory for each cost 5% of a long pass.
        joined = states.new_empty(len(ids), self._joined)
        gated = states.new_empty(len(ids), self._gated)
        normed = torch.empty_like(states)
        for number, layer in enumerate(self._layers):
            self._norm_states(states, layer.attention_norm, out=normed)
            joined = linear(normed, layer.query_key_value, out=joined)
            projected = joined.view(len(ids), -1, self.head_dim)  # (n, heads + 2 * kv_heads, head_dim)
            turned = projected[:, : -self.kv_heads]  # queries and keys
            halves = turned.roll(self.head_dim // 2, -1)
            turned.mul_(rotations.cos).addcmul_(halves, rotations.sin)
            attended = attend(
                number,
                turned[:, :heads].transpose(0, 1),
                turned[:, heads:].transpose(0, 1),
                projected[:, -self.kv_heads :].transpose(0, 1),
                self._scaling,
            ).reshape(len(ids), -1)  # (n, heads * head_dim)
            if wanted is not None and number == len(self._layers) - 1:
                attended, states = attended[wanted], states[wanted]
                normed, gated = normed[: len(wanted)], gated[: len(wanted)]
            states = linear(attended, layer.output).add_(states)
            self._norm_states(states, layer.mlp_norm, out=normed)
            gated = linear(normed, layer.gate_up, out=gated)
            gate, up = gated.chunk(2, dim=-1)
            states = linear(functional.silu(gate, inplace=True).mul_(up), layer.down).add_(states)
        return self._norm_states(states, self._norm, out=normed)

    def _norm_states(self, states: torch.Tensor, weight: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
        if states.dtype == torch.float32:
            # On a CPU a tenth of functional.rms_norm's time, which makes several tensors of this size.
            length = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
            scale = torch.addcmul(self._epsilons, length, length, value=1 / states.shape[-1]).rsqrt_()
            return torch.mul(states, scale, out=out).mul_(weight)
        normed = functional.rms_norm(states.float(), states.shape[-1:], eps=self._epsilon)
        return torch.mul(weight, normed.to(states.dtype), out=out)  # rounded in between, as transformers does


def linear(states: torch.Tensor, matrix: Matrix, *, out: torch.Tensor | None = None) -> torch.Tensor:
    """`states`, (n, in), times `matrix`, (out, in), gives (n, out): in `out`, if there is one and it can be."""
    if isinstance(matrix, torch.Tensor):
        return torch.mm(states, matrix.t(), out=out)
    product: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(states, matrix)  # always fresh memory
    return product


def can_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether weights of 16 bits can be kept in 16 bits to compute in `dtype`, which then loses nothing.

    float16 holds every bfloat16 from 2^-17 to 65504 in size exactly, and smaller ones to within 2^-25.
    """
    return HAS_FBGEMM and device.type == "cpu" and dtype == torch.float32


@torch.no_grad()
def _pack(*modules: torch.nn.Linear) -> torch.ScriptObject:
    """One matrix, the modules' rows below one another, as FBGEMM reads it; the modules' own weights are freed."""
    joined = torch.cat([module.weight for module in modules]).float()
    for module in modules:  # not their data: the output head's may be the embedding's too
        module.weight = torch.nn.Parameter(joined.new_empty(0))
    packed: torch.ScriptObject = torch.ops.quantized.linear_prepack_fp16(joined, None)
    return packed


@torch.no_grad()
def _join_weights(*modules: torch.nn.Linear) -> torch.Tensor:
    """One matrix, the modules' rows below one another; the modules keep views of it, not their own copies."""
    if len(modules) == 1:
        return modules[0].weight
    joined = torch.cat([module.weight for module in modules])
    parts = torch.split(joined, [module.out_features for module in modules])
    for module, part in zip(modules, parts, strict=True):
        module.weight.data = part
    return joined
