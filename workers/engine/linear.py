"""Layers and plain products on oneDNN, which is faster on CPUs than the library that torch asks (MKL)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

ALIKE = 1e-4
"""Largest relative difference at which a fused block counts as the same as the library's."""


class OneDnnLinear(nn.Linear):
    """A linear layer with the same weights; `x` `[..., in]` -> `[..., out]`.

    oneDNN's product knows no gradient, and for bf16 torch asks oneDNN anyway: both stay torch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dtype != torch.float32 or (torch.is_grad_enabled() and input.requires_grad):
            return nn.functional.linear(input, plain(self.weight), self.bias)
        return product(input, self.weight, self.bias)


class RoundedLinear(nn.Linear):
    """A linear layer with bf16 weights between fp32 tensors: inputs are rounded, sums are in fp32, outputs rounded."""

    def forward(self, input: Tensor) -> Tensor:
        rounded = input.to(self.weight.dtype)
        y = product(rounded, self.weight) if self.weight.is_mkldnn else nn.functional.linear(rounded, self.weight)
        return y.to(input.dtype) if self.bias is None else y.to(input.dtype) + self.bias


class GatedMlp:
    """A mixin for a block `down(silu(gate(x)) * up(x))` whose layers are of this module, in three products.

    SiLU and the multiplication are done while a product's results are still in registers: tensors of the widest size
    are written and read once instead of four times, and between bf16 products less is rounded.
    """

    gate_proj: nn.Linear
    up_proj: nn.Linear
    down_proj: nn.Linear

    def forward(self, x: Tensor) -> Tensor:
        layers = (self.gate_proj, self.up_proj, self.down_proj)
        if x.dtype != torch.float32 or (torch.is_grad_enabled() and x.requires_grad) or not _fusible(layers):
            y: Tensor = super().forward(x)  # type: ignore[misc]
            return y
        gate, up, down = (layer.weight for layer in layers)
        inner = x.to(gate.dtype)
        inner = _pointwise().binary(inner, _pointwise()(inner, gate, None, "swish", [], ""), up, None, "mul")
        return product(inner, down).to(x.dtype)


def _fusible(layers: Sequence[Any]) -> bool:
    """False for layers with a bias, and for those that something was put around, as LoRA is."""
    kinds = {type(layer) for layer in layers}
    return len(kinds) == 1 and kinds < {OneDnnLinear, RoundedLinear} and all(layer.bias is None for layer in layers)


def use_onednn(model: nn.Module) -> None:
    """Lets plain linear layers and gated blocks of an fp32 model on the CPU compute with oneDNN, where torch has it."""
    if not available():
        return
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear
    for module in model.modules():
        _fuse(module)


@torch.inference_mode()
def _fuse(module: nn.Module) -> None:
    """Makes a block with a gated block's layers one, if it then answers as before."""
    layers: list[Any] = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    if not _fusible(layers):
        return
    x = torch.linspace(-2, 2, 2 * layers[0].in_features).view(2, -1)
    try:
        before = module(x)
    except TypeError:
        # It asks for more than its input.
        return
    kind = type(module)
    module.__class__ = type(kind.__name__, (GatedMlp, kind), {})
    if (module(x) - before).abs().max() > ALIKE * before.abs().max():
        module.__class__ = kind


def pack(model: nn.Module, keep: nn.Module | None = None) -> None:
    """Lays out the weights of this module's layers, but for those of `keep`, as oneDNN reads them in its products.

    Otherwise each product does so anew. Such a weight has its shape and dtype, but only `product` and `plain` take it.
    """
    if not available():
        return
    for module in model.modules():
        if isinstance(module, (OneDnnLinear, RoundedLinear)) and module is not keep and not module.weight.is_mkldnn:
            module.weight = nn.Parameter(laid_out(module.weight.detach()), requires_grad=False)


def laid_out(weight: Tensor) -> Tensor:
    """`[out, in]` as oneDNN reads it in its products."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, None)
    return packed


def plain(weight: Tensor) -> Tensor:
    """The weight itself, or the numbers of a packed one."""
    return weight.to_dense() if weight.is_mkldnn else weight


def available() -> bool:
    """Whether torch was built with oneDNN."""
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(built and hasattr(torch.ops.mkldnn, "_linear_pointwise"))


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x` `[..., in]` times `weight` `[out, in]` transposed, on the CPU, without gradients."""
    y: Tensor = _pointwise()(x, weight, bias, "none", [], "")
    return y


def forward_and_back(x: Tensor) -> tuple[Any, Any]:
    """How tensors like `x` are best multiplied by a frozen `weight` `[out, in]` where gradients are found by hand.

    The first takes `(x, weight, bias)`, `x` `[M, in]`, as `nn.functional.linear`; the second `(g, weight)`, `g`
    `[M, out]`, for the gradient of `x`. oneDNN saves at least three times what a transposed copy of the weight costs.
    """
    if x.dtype == torch.float32 and x.device.type == "cpu" and available():
        return product, lambda g, weight: product(g.contiguous(), weight.T.contiguous())
    return nn.functional.linear, torch.matmul


def part(layer: nn.Linear, columns: slice, x: Tensor) -> Tensor:
    """Some of a layer's outputs: `[..., in]` -> `[..., columns]`."""
    weight, bias = layer.weight[columns], None if layer.bias is None else layer.bias[columns]
    if isinstance(layer, OneDnnLinear) and x.dtype == weight.dtype == torch.float32:
        return product(x, weight, bias)
    return nn.functional.linear(x, weight, bias)


def _pointwise() -> Any:
    return torch.ops.mkldnn._linear_pointwise
