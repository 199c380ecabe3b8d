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

from workers.engine.linear import laid_out, plain, product
from workers.engine.packing import Packed
from workers.engine.passes import Attention, Graph, Parts, Passes, Step, right

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
    """One of LoRA's, or several with as many columns one under another: numbers in fp32, and their gradient."""

    numbers: Tensor
    grad: Tensor


class Adapters:
    """LoRA's matrices as one fp32 vector; PEFT's parameters and their gradients are views of it from now on.

    `weights` has `grad` as its gradient, as an optimiser wants it; `matrices` are the `groups` of parameters.
    """

    def __init__(self, groups: Sequence[Sequence[nn.Parameter]]) -> None:
        flat = torch.cat([parameter.detach().flatten() for group in groups for parameter in group])
        self.grad = torch.zeros_like(flat)
        self.weights = nn.Parameter(flat)
        self.weights.grad = self.grad
        self.matrices: list[Matrix] = []
        at = 0
        for group in groups:
            first = at
            for parameter in group:
                place = slice(at, at := at + parameter.numel())
                parameter.data = flat[place].view_as(parameter)
                parameter.grad = self.grad[place].view_as(parameter)
            shape = (-1, group[0].shape[1])
            self.matrices.append(Matrix(flat[first:at].view(shape), self.grad[first:at].view(shape)))


class Projection:
    """Frozen layers with the same input and their adapters: `y = x W' + s (x A') B'` (Hu et al. 2021, 2106.09685).

    `a` is `[layers * r, in]`, each of `b` `[out, r]`. These are multiplied as one, with zeros between the layers: what
    costs time is to read and write `y`. Both are held in the products' dtype as well.
    """

    def __init__(self, frozen: Frozen, a: Matrix, b: Sequence[Matrix], scale: float) -> None:
        self.frozen, self.a, self.b, self._scale = frozen, a, b, scale
        outs, ranks = [0], [0]
        for matrix in b:
            outs.append(outs[-1] + matrix.numbers.shape[0])
            ranks.append(ranks[-1] + matrix.numbers.shape[1])
        self._low = torch.empty_like(a.numbers, dtype=frozen.ahead.dtype)
        self._across = torch.zeros(ranks[-1], outs[-1], dtype=frozen.ahead.dtype)
        self._places = [(slice(*rank), slice(*out)) for rank, out in zip(pairwise(ranks), pairwise(outs), strict=True)]
        self.refresh()

    def refresh(self) -> None:
        """Takes over the adapters' numbers."""
        self._low.copy_(self.a.numbers)
        for b, place in zip(self.b, self._places, strict=True):
            torch.mul(b.numbers.T, self._scale, out=self._across[place])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`x` `[N, in]` -> `y` `[N, out]`, and `x A'` for the way back."""
        down = x @ self._low.T
        return product(x, self.frozen.ahead).addmm_(down, self._across), down

    def backward(self, x: Tensor, down: Tensor, g: Tensor) -> Tensor:
        """Adds to the adapters' gradients; the gradient of `x A'` `[N, layers * r]` from that of `y`."""
        low = g @ self._across.T
        found = down.T @ g
        for b, place in zip(self.b, self._places, strict=True):
            b.grad.add_(found[place].T, alpha=self._scale)
        self.a.grad.add_(low.T @ x)
        return low

    def further(self, g: Tensor, low: Tensor) -> Tensor:
        """The gradient of `x` from that of `y` and what `backward` gave."""
        return product(g, self.frozen.back).addmm_(low, self._low)


@dataclass(frozen=True)
class Kept:
    """What a layer keeps for its way back: inputs, what adapters made of them, norms' factors, and attention's parts.

    `x` and `middle` `[N, d]` are in fp32 and their factors `[N, 1]`; the `..._down` are `[N, layers * r]`.
    """

    x: Tensor
    first: Tensor
    first_factor: Tensor
    qkv_down: Tensor
    attended: list[Parts] | Graph
    seen: Tensor
    out_down: Tensor
    middle: Tensor
    second: Tensor
    second_factor: Tensor
    gate_up: Tensor
    gate_up_down: Tensor
    inner: Tensor
    down_down: Tensor


class Norm:
    """A frozen norm."""

    def __init__(self, norm: Any, passes: Passes) -> None:
        self._weight, self._eps, self._passes = norm.weight.detach().float(), norm.variance_epsilon, passes

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._passes.norm(x, y, self._weight, self._eps)

    def add_gradient(self, into: Tensor, g: Tensor, x: Tensor, factor: Tensor) -> Tensor:
        return self._passes.add_norm_gradient(into, g, x, self._weight, factor)


class Layer:
    """One decoder layer."""

    def __init__(self, layer: Any, projections: Sequence[Projection], passes: Passes) -> None:
        self.qkv, self.out, self.gate_up, self.down = projections
        self._norms = Norm(layer.input_layernorm, passes), Norm(layer.post_attention_layernorm, passes)
        self._passes = passes
        attention = layer.self_attn
        self._attention = Attention(passes, *heads(layer), attention.scaling)

    def forward(self, x: Tensor, y: Tensor, step: Step, *, graph: bool) -> tuple[Tensor, Tensor, Kept]:
        """`x` `[N, d]` in fp32 and what is still to be added to it -> both after this layer.

        With `graph` there is a way back.
        """
        x, first, first_factor = self._norms[0].forward(x, y)
        qkv, qkv_down = self.qkv.forward(first)
        seen, attended = self._attention.forward(qkv, step, graph=graph)
        y, out_down = self.out.forward(seen)
        middle, second, second_factor = self._norms[1].forward(x, y)
        gate_up, gate_up_down = self.gate_up.forward(second)
        inner = self._passes.gated(gate_up)
        y, down_down = self.down.forward(inner)
        return middle, y, Kept(
            x, first, first_factor, qkv_down, attended, seen, out_down,
            middle, second, second_factor, gate_up, gate_up_down, inner, down_down,
        )  # fmt: skip

    def backward(self, g: Tensor, low: Tensor, kept: Kept, step: Step, *, further: bool) -> Tensor:
        """`g` `[N, d]`, the gradient of what came out, becomes that of `x`, where it is to go `further`.

        `low` is `g` in the products' dtype; returns the same for `x`.
        """
        inner_g = self.down.further(low, self.down.backward(kept.inner, kept.down_down, low))
        gate_up_g = self._passes.gated_gradient(inner_g, kept.gate_up)
        gate_up_low = self.gate_up.backward(kept.second, kept.gate_up_down, gate_up_g)
        second_g = self.gate_up.further(gate_up_g, gate_up_low)
        low = self._norms[1].add_gradient(g, second_g, kept.middle, kept.second_factor)
        seen_g = self.out.further(low, self.out.backward(kept.seen, kept.out_down, low))
        qkv_g = self._attention.gradient(seen_g, kept.attended, step)
        qkv_low = self.qkv.backward(kept.first, kept.qkv_down, qkv_g)
        if not further:
            return low
        return self._norms[0].add_gradient(g, self.qkv.further(qkv_g, qkv_low), kept.x, kept.first_factor)


class Decoder:
    """A Llama-like causal LM with LoRA on all linear layers.

    `model` gives embeddings, norms and frozen weights, `peft` has the adapters' parameters, whose numbers it shares
    from now on. With `loops`, compiled ones are used where they are right. Raises `AttributeError` or `ValueError`
    where the model is built otherwise; whether it computes otherwise has to be tried (`probe.by_hand`).
    """

    def __init__(self, model: Any, peft: Any, dtype: torch.dtype, *, loops: bool) -> None:
        self.model, self._dtype = model, dtype
        layers = list(model.model.layers)
        groups, _, size = heads(layers[0])
        self._passes = passes = Passes(loops and right(groups, size, dtype))
        adapted = [[_linear(layer, name) for name in names] for layer in _body(peft).layers for names in LAYERS]
        matrices = [[_lora(one, "lora_A") for one in some] for some in adapted]
        matrices += [[_lora(one, "lora_B")] for some in adapted for one in some]
        self.adapters = Adapters(matrices)
        a, b = iter(self.adapters.matrices), iter(self.adapters.matrices[len(adapted) :])
        (scale,) = {scale for some in adapted for one in some for scale in one.scaling.values()}
        frozen = [[_weight(_linear(layer, name)) for name in names] for layer in layers for names in LAYERS]
        made = [Projection(Frozen(some, dtype), next(a), [next(b) for _ in some], scale) for some in frozen]
        kinds = len(LAYERS)
        self._layers = [Layer(layer, made[n * kinds : (n + 1) * kinds], passes) for n, layer in enumerate(layers)]
        self._norm = Norm(model.model.norm, Passes(loops=False))
        self._head = Frozen([_weight(model.lm_head)], dtype)

    @torch.no_grad()
    def loss(self, packed: Packed) -> float:
        """Sum of the completion tokens' negative log-likelihoods, in nats."""
        x, y, step = self._begin(packed)
        for layer in self._layers:
            x, y, _ = layer.forward(x, y, step, graph=False)
        _, hidden, _ = self._norm.forward(x[packed.places], y[packed.places])
        return self._passes.likelihood(product(hidden, self._head.ahead), packed.targets, overwrite=False).item()

    @torch.no_grad()
    def gradient(self, packed: Packed, share: float) -> float:
        """The same loss, of which a `share`'s gradient is added to the adapters'."""
        x, y, step = self._begin(packed)
        kept: list[Kept] = []
        for layer in self._layers:
            x, y, one = layer.forward(x, y, step, graph=True)
            kept.append(one)
        read, hidden, factor = self._norm.forward(x[packed.places], y[packed.places])
        logits = product(hidden, self._head.ahead)
        total = self._passes.likelihood(logits, packed.targets, overwrite=True)
        rows = self.model.lm_head.weight[packed.targets].to(self._dtype)
        read_g, x_g = torch.zeros_like(read), torch.zeros_like(x)
        g = product(logits, self._head.back).float().sub_(rows).mul_(share)
        self._norm.add_gradient(read_g, g, read, factor)
        x_g[packed.places] = read_g
        low = x_g.to(self._dtype)
        for at in reversed(range(len(self._layers))):
            low = self._layers[at].backward(x_g, low, kept.pop(), step, further=at > 0)
        return total.item()

    def moved(self) -> None:
        """The adapters' weights have changed."""
        for layer in self._layers:
            for projection in (layer.qkv, layer.out, layer.gate_up, layer.down):
                projection.refresh()

    def _begin(self, packed: Packed) -> tuple[Tensor, Tensor, Step]:
        body = self.model.model
        x = body.embed_tokens(packed.ids)[0].float()
        cos, sin = body.rotary_emb(x, packed.positions)
        return x, torch.zeros_like(x, dtype=self._dtype), Step(packed.tree, cos[0].contiguous(), sin[0].contiguous())


def heads(layer: Any) -> tuple[int, int, int]:
    """Query heads a key head, key heads, and their size."""
    attention = layer.self_attn
    size: int = attention.head_dim
    queries, keys = (one.out_features // size for one in (attention.q_proj, attention.k_proj))
    if not keys or queries % keys:
        raise ValueError(f"{queries} query heads for {keys} key heads")
    return queries // keys, keys, size


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
