"""Linear layers and plain products on oneDNN, which is faster on CPUs than the library that torch asks (MKL)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OneDnnLinear(nn.Linear):
    """A linear layer with the same weights; `x` `[..., in]` -> `[..., out]`.

    oneDNN's product knows no gradient, and for bf16 torch asks oneDNN anyway: both stay torch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dtype != torch.float32 or (torch.is_grad_enabled() and input.requires_grad):
            return super().forward(input)
        return product(input, self.weight, self.bias)


class RoundedLinear(nn.Linear):
    """A linear layer with bf16 weights between fp32 tensors: inputs are rounded, sums are in fp32, outputs rounded."""

    def forward(self, input: Tensor) -> Tensor:
        y = nn.functional.linear(input.to(self.weight.dtype), self.weight).to(input.dtype)
        return y if self.bias is None else y + self.bias


def use_onednn(model: nn.Module) -> None:
    """Lets every plain linear layer of an fp32 model on the CPU compute with oneDNN, where torch was built with it."""
    if not available():
        return
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear


def available() -> bool:
    """Whether torch was built with oneDNN."""
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(built and hasattr(torch.ops.mkldnn, "_linear_pointwise"))


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x` `[..., in]` times `weight` `[out, in]` transposed, in fp32 on the CPU, without gradients."""
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y
