"""Linear layers by oneDNN: on AMD's CPUs its products in fp32 are faster than those of MKL, which torch asks.

The weight stays as it is, a view of the model's file. In bf16 torch asks oneDNN anyway.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workers.engine.kernels import private


def has_onednn() -> bool:
    """Whether torch was built with oneDNN."""
    return private.onednn_linear() is not None


def by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x` `[..., in]` times `weight` `[out, in]` transposed, without gradients; as `nn.functional.linear`."""
    if x.dtype != torch.float32 or x.device.type != "cpu":
        return nn.functional.linear(x, weight, bias)
    y: Tensor = private.onednn_linear()(x, weight, bias, "none", [], "")
    return y


class OneDnnLinear(nn.Linear):
    """A linear layer that computes by oneDNN; where gradients are asked for, as every other."""

    def forward(self, input: Tensor) -> Tensor:
        if torch.is_grad_enabled() and input.requires_grad:
            return super().forward(input)
        return by_onednn(input, self.weight, self.bias)


class Bf16Linear(nn.Linear):
    """A linear layer whose weight is in bf16, between tensors in fp32, without gradients.

    What is added up over the layers then keeps its digits: differences between two labels are off by half of what they
    are off where everything is in bf16.
    """

    def forward(self, input: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(self.weight.dtype)
        return nn.functional.linear(input.to(self.weight.dtype), self.weight, bias).to(input.dtype)


def use(model: nn.Module, *, onednn: bool) -> None:
    """Lets the model's plain linear layers compute by oneDNN from now on, or as torch does."""
    kinds = (nn.Linear, OneDnnLinear)
    for module in model.modules():
        if type(module) in kinds:
            module.__class__ = kinds[onednn]
