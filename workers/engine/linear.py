"""Layers and plain products on oneDNN, which is faster on CPUs than the library that torch asks (MKL)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


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


def use_onednn(model: nn.Module) -> None:
    """Lets plain linear layers of an fp32 model on the CPU compute with oneDNN, where torch has it."""
    if not available():
        return
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear


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


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None, then: str = "none") -> Tensor:
    """`x` `[..., in]` times `weight` `[out, in]` transposed, on the CPU, without gradients; `then` may be `swish`."""
    y: Tensor = _pointwise()(x, weight, bias, then, [], "")
    return y


def product_with(x: Tensor, weight: Tensor, other: Tensor, operation: str) -> Tensor:
    """The same, of one dtype with `other` `[..., out]`, to which it is added (`add`) or by which it is multiplied
    (`mul`) while it is in registers."""
    y: Tensor = _pointwise().binary(x, other, weight, None, operation)
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
