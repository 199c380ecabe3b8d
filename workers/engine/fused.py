"""Blocks of Llama-like models in fewer and larger operators, for answers: no gradients.

Each is a mixin that is put before the library's class, if the block then answers as before, and leaves to it whatever
it does not fit: other dtypes, gradients, a cache of the library's, layers that something was put around.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from workers.engine import abilities, compiled
from workers.engine.attention import RowCache, compiled_attention, split_attention
from workers.engine.compiled import Sight
from workers.engine.elementwise import normalised, rotated
from workers.engine.linear import OneDnnLinear, RoundedLinear
from workers.engine.prefix import Prefix

ALIKE = 1e-4
"""Largest relative difference at which a fused block counts as the same as the library's."""
TRIED = 5
"""Tokens that it is tried on."""
OTHERWISE = (TypeError, AttributeError, KeyError, IndexError, RuntimeError, ValueError)
"""What comes of trying a model that is built otherwise."""


class FusedNorm:
    """Root mean square normalisation in one pass over its input, or three."""

    weight: Tensor
    variance_epsilon: float

    def forward(self, hidden_states: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The answer may be rounded to bf16, if `takes` says so."""
        if not _answers(hidden_states):
            y: Tensor = super().forward(hidden_states)  # type: ignore[misc]
            return y
        if self.takes(hidden_states):
            return compiled.normalised(hidden_states, self.weight, self.variance_epsilon, dtype)
        return normalised(hidden_states, self.weight, self.variance_epsilon)[0]

    def takes(self, x: Tensor) -> bool:
        """Whether it is done by a compiled loop."""
        plain = self.weight.dtype == torch.float32 and x.device.type == "cpu"
        return plain and x.is_contiguous() and self.weight.is_contiguous() and abilities.here().loops


class GatedMlp:
    """A block `down(silu(gate(x)) * up(x))` in three products.

    SiLU and the multiplication are done while a product's results are still in registers: tensors of the widest size
    are written and read once instead of four times, and between bf16 products less is rounded.
    """

    gate_proj: OneDnnLinear | RoundedLinear
    up_proj: OneDnnLinear | RoundedLinear
    down_proj: OneDnnLinear | RoundedLinear

    def forward(self, x: Tensor) -> Tensor:
        if not _answers(x) or not self.fusible():
            y: Tensor = super().forward(x)  # type: ignore[misc]
            return y
        return self.down_proj.times(self.inner(x))

    def fusible(self) -> bool:
        return _fusible((self.gate_proj, self.up_proj, self.down_proj))

    def inner(self, x: Tensor) -> Tensor:
        """What goes into the last product, in its dtype."""
        x = self.gate_proj.taken(x)
        return self.up_proj.times_by(x, self.gate_proj.swish(x))


class FusedLayer:
    """A decoder layer whose sums come out of its products, and whose heads are turned in three passes.

    It knows split attention only: a model that is set up for another one must not have it. Where some tokens are
    `wanted`, the last layer answers for these alone, if it can: of the others it computes keys and values.
    """

    self_attn: Any
    mlp: Any
    input_layernorm: nn.Module
    post_attention_layernorm: nn.Module

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        position_embeddings: Any = None,
        cache: Any = None,
        wanted: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        attention = self.self_attn
        heads = (attention.q_proj, attention.k_proj, attention.v_proj)
        fusible = _fusible((*heads, attention.o_proj)) and isinstance(self.mlp, GatedMlp) and self.mlp.fusible()
        whole = position_embeddings is not None and position_embeddings[0].shape[-1] == attention.head_dim
        if not (fusible and whole and _answers(hidden_states)):
            given = {"attention_mask": attention_mask, "position_embeddings": position_embeddings, "cache": cache}
            y: Tensor = super().forward(hidden_states, **given, **kwargs)  # type: ignore[misc]
            return y
        x = _normed(self.input_layernorm, hidden_states, attention.q_proj)
        k, v = (self._heads(layer, x) for layer in heads[1:])
        k = _turned(k, *position_embeddings).transpose(1, 2)
        v = v.transpose(1, 2)
        if cache is not None:
            k, v = cache.update(k, v, attention.layer_idx)
        if wanted is not None and attention.layer_idx == attention.config.num_hidden_layers - 1:
            some = self._wanted(wanted, hidden_states, x, k, v, position_embeddings, **kwargs)
            if some is not None:
                return some
            sight = kwargs.pop("sight", None)
            attention_mask = attention_mask if sight is None or attention_mask is not None else sight.mask()
        q = _turned(self._heads(heads[0], x), *position_embeddings).transpose(1, 2)
        seen, _ = split_attention(attention, q, k, v, attention_mask, scaling=attention.scaling, **kwargs)
        return self._from(seen, hidden_states)

    def _wanted(
        self, wanted: Tensor, hidden_states: Tensor, x: Tensor, k: Tensor, v: Tensor, angles: Sequence[Tensor], *,
        sight: Sight | None = None, prefix: Prefix | None = None, own: RowCache | None = None, **kwargs: Any,
    ) -> Tensor | None:  # fmt: skip
        """The layer's answer `[1, M, d]` for some tokens; None where their attention cannot be computed alone."""
        if not len(wanted):
            return hidden_states[:, :0]
        if sight is None or prefix is None:
            return None
        attention, every = self.self_attn, hidden_states.shape[:2]
        rest, x, *turns = (
            one.expand(*every, -1).flatten(0, 1)[wanted].unsqueeze(0) for one in (hidden_states, x, *angles)
        )
        q = _turned(self._heads(attention.q_proj, x), *turns).transpose(1, 2)
        seen = compiled_attention(q, k, v, sight.of_some(wanted), prefix, own, attention.layer_idx, attention.scaling)
        return None if seen is None else self._from(seen, rest)

    def _heads(self, layer: OneDnnLinear | RoundedLinear, x: Tensor) -> Tensor:
        """`[B, Q, h, D]`."""
        return layer.times(x).view(*x.shape[:-1], -1, self.self_attn.head_dim)

    def _from(self, seen: Tensor, hidden_states: Tensor) -> Tensor:
        """From what attention has `seen` `[B, Q, H, D]` to the layer's answer."""
        output: OneDnnLinear | RoundedLinear = self.self_attn.o_proj
        middle = output.added(output.taken(seen.flatten(2)), hidden_states)
        down: OneDnnLinear | RoundedLinear = self.mlp.down_proj
        inner = self.mlp.inner(_normed(self.post_attention_layernorm, middle, self.mlp.gate_proj))
        return down.added(inner, middle, over=True)


@torch.inference_mode()
def states(model: Any, ids: Tensor, wanted: Tensor | None, **given: Any) -> Tensor:
    """`[M, d]` hidden states of all tokens `ids` `[B, Q]` or of those `wanted`, counted row by row."""
    fewer = wanted is not None and len(wanted) < ids.numel()
    found: Tensor = model.base_model(input_ids=ids, wanted=wanted if fewer else None, **given).last_hidden_state
    found = found.flatten(0, 1)
    # A model whose last layer is not fused, or could not go on with some alone, answers for all.
    return found if wanted is None or (fewer and len(found) == len(wanted)) else found[wanted]


def _normed(norm: nn.Module, x: Tensor, layer: OneDnnLinear | RoundedLinear) -> Tensor:
    """Normalised, as the layer takes it."""
    if isinstance(norm, FusedNorm) and norm.takes(x):
        rounded: Tensor = norm.forward(x, layer.weight.dtype)
        return rounded
    y: Tensor = norm(x)
    return layer.taken(y)


def _turned(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`[B, Q, h, D]` turned by angles `[B, Q, D]`."""
    cos, sin = cos.unsqueeze(2), sin.unsqueeze(2)
    plain = heads.device.type == "cpu" and cos.dtype == sin.dtype == heads.dtype == torch.float32
    if plain and heads.is_contiguous() and abilities.here().loops:
        tokens, size = heads.shape[:2], heads.shape[3]
        angles = (one.expand(*tokens, 1, size).reshape(-1, size).contiguous() for one in (cos, sin))
        compiled.rotate(heads.view(-1, *heads.shape[2:]), *angles)
        return heads
    return rotated(heads, cos, sin)


def _answers(x: Tensor) -> bool:
    return x.dtype == torch.float32 and not (torch.is_grad_enabled() and x.requires_grad)


def _fusible(layers: Sequence[Any]) -> bool:
    """False for layers with a bias, and for those that something was put around, as LoRA is."""
    kinds = {type(layer) for layer in layers}
    return len(kinds) == 1 and kinds < {OneDnnLinear, RoundedLinear} and all(layer.bias is None for layer in layers)


def use(model: nn.Module) -> None:
    """Fuses what can be fused in a model whose linear layers compute with oneDNN and whose attention is split."""
    if not abilities.here().onednn:
        return
    for module in model.modules():
        if hasattr(module, "variance_epsilon") and hasattr(module, "weight"):
            _try(module, FusedNorm, lambda norm: norm(_some(len(norm.weight))))
    for module in model.modules():
        layers = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
        if _fusible(layers):
            _try(module, GatedMlp, lambda block: block(_some(block.gate_proj.in_features)))
    for module in model.modules():
        if isinstance(getattr(module, "mlp", None), GatedMlp) and hasattr(module, "post_attention_layernorm"):
            _try(module, FusedLayer, _through)


def _some(width: int) -> Tensor:
    return torch.linspace(-2, 2, TRIED * width).view(1, TRIED, width).cos()


def _through(layer: Any) -> Tensor:
    """A decoder layer's answer to some tokens at some angles."""
    angles = torch.linspace(0, 3, TRIED * layer.self_attn.head_dim // 2).view(1, TRIED, -1).repeat(1, 1, 2)
    x, none = _some(layer.self_attn.q_proj.in_features), torch.empty(0, dtype=torch.long)
    given = {"attention_mask": None, "position_embeddings": (angles.cos(), angles.sin())}
    layer(x, **given, wanted=none)
    y: Tensor = layer(x, **given)
    return y


@torch.inference_mode()
def _try(module: nn.Module, mixin: type, answer: Callable[[Any], Tensor]) -> None:
    """Puts the mixin before the module's class, if it then answers as before."""
    kind = type(module)
    try:
        before = answer(module)
        module.__class__ = type(kind.__name__, (mixin, kind), {})
        if (answer(module) - before).abs().max() <= ALIKE * before.abs().max():
            return
    except OTHERWISE:
        pass
    module.__class__ = kind
