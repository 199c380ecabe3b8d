"""Loss and LoRA gradients of a Llama-like decoder on the CPU, found by hand: no graph, few and large operators.

Layer by layer under autograd is the slow, obvious way, and the one for all other models (`gradients.ByAutograd`). Here
what takes the same input is one product (queries, keys and values; gate and up), frozen weights are laid out once for
both ways, all adapters are one vector, and what is added up over the layers stays in fp32 whatever the products' dtype.
To leave autograd out of LoRA is Unsloth's idea (Han and Han 2023); what is differentiated is transformers' Llama.

Shapes: N tokens of a packed step, d hidden size, H query and K key heads of size D, F inner size, r rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from workers.engine.attention import Tree, in_parts, joined, parted
from workers.engine.elementwise import normalised, rotated
from workers.engine.head import negative_log_likelihood
from workers.engine.linear import laid_out, plain, product
from workers.engine.packing import Packed

LAYERS = (("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",))
"""Linear layers of a decoder layer, those with the same input together."""


class Frozen:
    """Frozen linear layers with the same input as one `[out, in]`, laid out for both ways."""

    def __init__(self, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        rounded = [plain(weight).to(dtype) for weight in weights]
        whole = rounded[0] if len(rounded) == 1 else torch.cat(rounded)
        self.ahead, self.back = laid_out(whole), laid_out(whole.T)


@dataclass(frozen=True)
class Matrix:
    """One of LoRA's, or several with as many columns one under another: numbers in the products' dtype, gradient."""

    low: Tensor
    grad: Tensor


class Adapters:
    """LoRA's matrices as one fp32 vector; PEFT's parameters and their gradients are views of it from now on.

    `weights` has its gradient in `grad`, as an optimiser wants it; `matrices` are the `groups` of parameters.
    """

    def __init__(self, groups: Sequence[Sequence[nn.Parameter]], dtype: torch.dtype) -> None:
        self._flat = torch.cat([parameter.detach().flatten() for group in groups for parameter in group])
        self._low, grad = self._flat.to(dtype), torch.zeros_like(self._flat)
        self.weights = nn.Parameter(self._flat)
        self.weights.grad = grad
        self.matrices: list[Matrix] = []
        at = 0
        for group in groups:
            first = at
            for parameter in group:
                place = slice(at, at := at + parameter.numel())
                parameter.data = self._flat[place].view_as(parameter)
                parameter.grad = grad[place].view_as(parameter)
            shape = (-1, group[0].shape[1])
            self.matrices.append(Matrix(self._low[first:at].view(shape), grad[first:at].view(shape)))

    def refresh(self) -> None:
        """Rounds the weights anew, after an optimiser's step."""
        if self._low is not self._flat:
            self._low.copy_(self._flat)


class Projection:
    """Frozen layers with the same input and their adapters: `y = x W' + s (x A') B'` (Hu et al. 2021, 2106.09685).

    `a` is `[layers * r, in]`, each of `b` `[out, r]`.
    """

    def __init__(self, frozen: Frozen, a: Matrix, b: Sequence[Matrix], scale: float) -> None:
        self.frozen, self.a, self.b, self.scale = frozen, a, b, scale
        outs, ranks = [0], [0]
        for matrix in b:
            outs.append(outs[-1] + matrix.low.shape[0])
            ranks.append(ranks[-1] + matrix.low.shape[1])
        self._outs, self._ranks = ([slice(*ends) for ends in pairwise(edges)] for edges in (outs, ranks))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`x` `[N, in]` -> `y` `[N, out]`, and `x A'` for the way back."""
        y, down = product(x, self.frozen.ahead), x @ self.a.low.T
        for b, out, rank in zip(self.b, self._outs, self._ranks, strict=True):
            y[:, out].addmm_(down[:, rank], b.low.T, alpha=self.scale)
        return y, down

    def backward(self, x: Tensor, down: Tensor, g: Tensor) -> Tensor:
        """Adds to the adapters' gradients; the gradient of `x A'` `[N, layers * r]` from that of `y`."""
        low = torch.cat([g[:, out] @ b.low for b, out in zip(self.b, self._outs, strict=True)], 1).mul_(self.scale)
        for b, out, rank in zip(self.b, self._outs, self._ranks, strict=True):
            b.grad.add_(g[:, out].T @ down[:, rank], alpha=self.scale)
        self.a.grad.add_(low.T @ x)
        return low

    def further(self, g: Tensor, low: Tensor) -> Tensor:
        """The gradient of `x` from that of `y` and what `backward` gave."""
        return product(g, self.frozen.back).addmm_(low, self.a.low)


class Norm:
    """Root mean square normalisation with a frozen weight, in fp32."""

    def __init__(self, norm: Any) -> None:
        self._weight, self._eps = norm.weight.detach(), norm.variance_epsilon

    def forward(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """`x` `[N, d]`, normalised and rounded to `dtype`, and what it was multiplied by, `[N, 1]`."""
        y, factor = normalised(x, self._weight, self._eps)
        return y.to(dtype), factor

    def add_gradient(self, into: Tensor, g: Tensor, x: Tensor, y: Tensor, factor: Tensor) -> None:
        """Adds the gradient of `x` to `into`, from `g`, that of `y`, and what `forward` gave."""
        share = (g * y).mean(-1, keepdim=True).float().mul_(factor).mul_(factor)
        into.addcmul_(g * self._weight, factor).addcmul_(x, share, value=-1)


@dataclass(frozen=True)
class Step:
    """What all layers of a step need: its layout, and rotary cosines and sines `[N, 1, D]` in fp32."""

    tree: Tree
    cos: Tensor
    sin: Tensor


@dataclass(frozen=True)
class Kept:
    """What a layer keeps for its way back: inputs, what norms and adapters made of them, and attention's graph.

    `x` and `middle` `[N, d]` are in fp32 and their factors `[N, 1]`; the `..._down` are `[N, layers * r]`.
    """

    x: Tensor
    first: Tensor
    first_factor: Tensor
    qkv_down: Tensor
    parts: list[Tensor]
    attended: tuple[Tensor, Tensor]
    seen: Tensor
    out_down: Tensor
    middle: Tensor
    second: Tensor
    second_factor: Tensor
    gate_up: Tensor
    gate_up_down: Tensor
    gate: Tensor
    inner: Tensor
    down_down: Tensor


class Layer:
    """One decoder layer."""

    def __init__(self, layer: Any, projections: Sequence[Projection]) -> None:
        self.qkv, self.out, self.gate_up, self.down = projections
        self._norms = Norm(layer.input_layernorm), Norm(layer.post_attention_layernorm)
        attention = layer.self_attn
        self._size, self._scale = attention.head_dim, attention.scaling
        self._dtype = self.qkv.a.low.dtype

    def forward(self, x: Tensor, step: Step, *, graph: bool) -> tuple[Tensor, Kept]:
        """`x` `[N, d]` in fp32 -> the same after this layer; with `graph` there is a way back."""
        first, first_factor = self._norms[0].forward(x, self._dtype)
        qkv, qkv_down = self.qkv.forward(first)
        parts, attended = self._attention(qkv, step, graph=graph)
        seen = joined([part.detach() for part in attended]).view(len(x), -1)
        y, out_down = self.out.forward(seen)
        middle = x + y
        second, second_factor = self._norms[1].forward(middle, self._dtype)
        gate_up, gate_up_down = self.gate_up.forward(second)
        before, up = gate_up.chunk(2, 1)
        gate = nn.functional.silu(before)
        inner = gate * up
        y, down_down = self.down.forward(inner)
        return middle + y, Kept(
            x, first, first_factor, qkv_down, parts, attended, seen, out_down,
            middle, second, second_factor, gate_up, gate_up_down, gate, inner, down_down,
        )  # fmt: skip

    def backward(self, g: Tensor, kept: Kept, step: Step, *, further: bool) -> None:
        """`g` `[N, d]`, the gradient of what came out, becomes that of `x`, where it is to go `further`."""
        low = g.to(self._dtype)
        inner_g = self.down.further(low, self.down.backward(kept.inner, kept.down_down, low))
        gate_up_g = torch.empty_like(kept.gate_up)
        (before, up), (before_g, up_g) = kept.gate_up.chunk(2, 1), gate_up_g.chunk(2, 1)
        torch.mul(inner_g, kept.gate, out=up_g)
        torch.ops.aten.silu_backward.grad_input(inner_g.mul_(up), before, grad_input=before_g)
        gate_up_low = self.gate_up.backward(kept.second, kept.gate_up_down, gate_up_g)
        second_g = self.gate_up.further(gate_up_g, gate_up_low)
        self._norms[1].add_gradient(g, second_g, kept.middle, kept.second, kept.second_factor)
        low = g.to(self._dtype)
        seen_g = self.out.further(low, self.out.backward(kept.seen, kept.out_down, low))
        qkv_g = self._attention_gradient(seen_g, kept, step)
        qkv_low = self.qkv.backward(kept.first, kept.qkv_down, qkv_g)
        if further:
            first_g = self.qkv.further(qkv_g, qkv_low)
            self._norms[0].add_gradient(g, first_g, kept.x, kept.first, kept.first_factor)

    def _attention(self, qkv: Tensor, step: Step, *, graph: bool) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """Queries, keys and values in parts, and what the queries see."""
        heads = qkv.view(len(qkv), -1, self._size)
        keys = len(self.qkv.b[1].low) // self._size
        turned = rotated(heads[:, :-keys], step.cos, step.sin).to(qkv.dtype)
        found = turned[:, :-keys], turned[:, -keys:], heads[:, -keys:]
        with torch.set_grad_enabled(graph):
            parts = [
                part.detach().requires_grad_(graph)
                for one in found
                for part in parted(one.transpose(0, 1).unsqueeze(0), step.tree)
            ]
            return parts, in_parts(parts, self._scale)

    def _attention_gradient(self, g: Tensor, kept: Kept, step: Step) -> Tensor:
        """`[N, (H + 2 K) D]`, the gradient of queries, keys and values before they were rotated."""
        seen_g = parted(g.view(1, len(g), -1, self._size).transpose(1, 2), step.tree)
        found = torch.autograd.grad(kept.attended, kept.parts, seen_g, materialize_grads=True)
        q, k, v = (joined(found[at : at + 2])[0] for at in (0, 2, 4))
        turned = rotated(torch.cat([q, k], 1), step.cos, -step.sin).to(g.dtype)
        return torch.cat([turned, v], 1).view(len(g), -1)


class Decoder:
    """A Llama-like causal LM with LoRA on all linear layers.

    `model` gives embeddings, norms and frozen weights, `peft` has the adapters' parameters, whose numbers it shares
    from now on. Raises `AttributeError` or `ValueError` where the model is built otherwise; whether it computes
    otherwise has to be tried (`probe.by_hand`).
    """

    def __init__(self, model: Any, peft: Any, dtype: torch.dtype) -> None:
        self.model, self._dtype = model, dtype
        layers = list(model.model.layers)
        adapted = [[_linear(layer, name) for name in names] for layer in _body(peft).layers for names in LAYERS]
        groups = [[_lora(one, "lora_A") for one in some] for some in adapted]
        groups += [[_lora(one, "lora_B")] for some in adapted for one in some]
        self.adapters = Adapters(groups, dtype)
        a, b = iter(self.adapters.matrices), iter(self.adapters.matrices[len(adapted) :])
        (scale,) = {scale for some in adapted for one in some for scale in one.scaling.values()}
        frozen = [[_weight(_linear(layer, name)) for name in names] for layer in layers for names in LAYERS]
        made = [Projection(Frozen(some, dtype), next(a), [next(b) for _ in some], scale) for some in frozen]
        kinds = len(LAYERS)
        self._layers = [Layer(layer, made[n * kinds : (n + 1) * kinds]) for n, layer in enumerate(layers)]
        self._norm = Norm(model.model.norm)
        self._head = Frozen([_weight(model.lm_head)], dtype)

    @torch.no_grad()
    def loss(self, packed: Packed) -> float:
        """Sum of the completion tokens' negative log-likelihoods, in nats."""
        x, step = self._begin(packed)
        for layer in self._layers:
            x, _ = layer.forward(x, step, graph=False)
        hidden, _ = self._norm.forward(x[packed.places], self._dtype)
        logits = product(hidden, self._head.ahead)
        return negative_log_likelihood(logits, packed.targets, overwrite=False).item()

    @torch.no_grad()
    def gradient(self, packed: Packed, share: float) -> float:
        """The same loss, of which a `share`'s gradient is added to the adapters'."""
        x, step = self._begin(packed)
        kept: list[Kept] = []
        for layer in self._layers:
            x, one = layer.forward(x, step, graph=True)
            kept.append(one)
        read = x[packed.places]
        hidden, factor = self._norm.forward(read, self._dtype)
        logits = product(hidden, self._head.ahead)
        total = negative_log_likelihood(logits, packed.targets, overwrite=True)
        rows = self.model.lm_head.weight[packed.targets].to(self._dtype)
        g = product(logits, self._head.back).float().sub_(rows)
        read_g, x_g = torch.zeros_like(read), torch.zeros_like(x)
        self._norm.add_gradient(read_g, g.mul_(share), read, hidden, factor)
        x_g[packed.places] = read_g
        for at in reversed(range(len(self._layers))):
            self._layers[at].backward(x_g, kept.pop(), step, further=at > 0)
        return total.item()

    def _begin(self, packed: Packed) -> tuple[Tensor, Step]:
        body = self.model.model
        x = body.embed_tokens(packed.ids)[0].float()
        cos, sin = body.rotary_emb(x, packed.positions)
        return x, Step(packed.tree, cos[0].unsqueeze(1), sin[0].unsqueeze(1))


def _body(peft: Any) -> Any:
    return peft.get_base_model().model


def _linear(layer: Any, name: str) -> Any:
    return getattr(layer.self_attn if hasattr(layer.self_attn, name) else layer.mlp, name)


def _lora(layer: Any, name: str) -> nn.Parameter:
    (matrix,) = getattr(layer, name).values()
    weight: nn.Parameter = matrix.weight
    return weight


def _weight(layer: Any) -> Tensor:
    if layer.bias is not None:
        raise ValueError("linear layers with a bias are not computed by hand")
    weight: Tensor = layer.weight
    return weight
