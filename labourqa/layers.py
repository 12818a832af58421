"""A lean forward pass for models of the Llama architecture: the numbers of transformers, with less around them.

Projections that read the same states are joined into one matrix, nothing is computed that nobody asked for, and
who sees whom is left to an `attend` object. Reading, keeping prefixes and generating all go through here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from .attention import Attend

# Their angles depend on the position alone; those of "dynamic" and "longrope" change with the text's length.
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
# All of SmolLM2-135M in float32 on 2 cores, ms for n = 1, 2, 4, 8, 16 tokens:
#   functional.linear   39, 72, 80, 94, 116 (one token is a matrix-vector product on one core)
#   weight @ states.t() 39, 28, 29, 49, 67, if the states lie row by row; if not, 4 times as long
#   in 16 blocks        24, 27, 29, 51, 66, the states laid out in no other way than below
# From 20 tokens on all are alike.
FEW_TOKENS = 16
BLOCKS = 16


@dataclass(frozen=True)
class _Layer:
    """One layer's weights: norms (hidden,), matrices (out, in)."""

    attention_norm: torch.Tensor
    query_key_value: torch.Tensor
    output: torch.Tensor
    mlp_norm: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor


@dataclass(frozen=True)
class Rotations:
    """What turns queries and keys at n positions, each (n, 1, head_dim)."""

    cos: torch.Tensor
    sin: torch.Tensor  # its first half negated

    def at(self, positions: torch.Tensor) -> "Rotations":
        return Rotations(self.cos[positions], self.sin[positions])


class LlamaLayers:
    def __init__(self, model: Any) -> None:
        """For a LlamaForCausalLM that `supports` accepts. Its projections become views into joined matrices."""
        config = model.config
        self.embedding: torch.Tensor = model.model.embed_tokens.weight  # (vocab, hidden)
        self.head: torch.Tensor = model.lm_head.weight  # (vocab, hidden)
        self.kv_heads = int(config.num_key_value_heads)
        self.groups = int(config.num_attention_heads) // self.kv_heads  # query heads of a kv head
        self.head_dim = int(model.model.layers[0].self_attn.head_dim)
        self._scaling = float(model.model.layers[0].self_attn.scaling)
        self._norm: torch.Tensor = model.model.norm.weight  # (hidden,)
        self._rotary = model.model.rotary_emb
        self._epsilon = float(config.rms_norm_eps)
        self._layers = [
            _Layer(
                layer.input_layernorm.weight,
                _join_weights(layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                layer.self_attn.o_proj.weight,
                layer.post_attention_layernorm.weight,
                _join_weights(layer.mlp.gate_proj, layer.mlp.up_proj),
                layer.mlp.down_proj.weight,
            )
            for layer in model.model.layers
        ]

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
        cos, sin = self._rotary(self.embedding, positions[None])  # (1, n, head_dim)
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
        states = functional.embedding(ids, self.embedding)  # (n, hidden)
        # The large results of all layers go to the same places: fresh memory for each cost 5% of a long pass.
        joined = states.new_empty(len(ids), self._layers[0].query_key_value.shape[0])
        gated = states.new_empty(len(ids), self._layers[0].gate_up.shape[0])
        normed = torch.empty_like(states)
        for number, layer in enumerate(self._layers):
            self._norm_states(states, layer.attention_norm, out=normed)
            linear(normed, layer.query_key_value, out=joined)
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
            linear(normed, layer.gate_up, out=gated)
            gate, up = gated.chunk(2, dim=-1)
            states = linear(functional.silu(gate, inplace=True).mul_(up), layer.down).add_(states)
        return self._norm_states(states, self._norm, out=normed)

    def _norm_states(self, states: torch.Tensor, weight: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
        if states.dtype == torch.float32:
            # On a CPU a tenth of functional.rms_norm's time, which makes several tensors of this size.
            length = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
            scale = length.square_().div_(states.shape[-1]).add_(self._epsilon).rsqrt_()
            return torch.mul(states, scale, out=out).mul_(weight)
        normed = functional.rms_norm(states.float(), states.shape[-1:], eps=self._epsilon)
        return torch.mul(weight, normed.to(states.dtype), out=out)  # rounded in between, as transformers does


def linear(states: torch.Tensor, weight: torch.Tensor, *, out: torch.Tensor | None = None) -> torch.Tensor:
    """`states`, (n, in), times `weight`, (out, in), gives (n, out); written to `out` if there is one."""
    if states.device.type == "cpu" and states.dtype == torch.float32 and len(states) <= FEW_TOKENS:
        columns = states.contiguous().t()
        if len(states) == 1 and len(weight) % BLOCKS == 0:  # blocks of the matrix, which the cores share
            blocks = weight.view(BLOCKS, -1, weight.shape[1])
            result = torch.bmm(blocks, columns.expand(BLOCKS, -1, -1)).view(1, -1)
        else:
            result = (weight @ columns).t()
        return result.contiguous() if out is None else out.copy_(result)
    return torch.mm(states, weight.t(), out=out)


@torch.no_grad()
def _join_weights(*modules: torch.nn.Linear) -> torch.Tensor:
    """One matrix, the modules' rows below one another; the modules keep views of it, not their own copies."""
    joined = torch.cat([module.weight for module in modules])
    parts = torch.split(joined, [module.out_features for module in modules])
    for module, part in zip(modules, parts, strict=True):
        module.weight.data = part
    return joined
