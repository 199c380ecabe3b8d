"""Linear layers on oneDNN, which is faster on CPUs in fp32 than the library that torch asks (MKL), most on AMD's."""

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
            return super().forward(input)
        y: Tensor = _product(input, self.weight, self.bias, "none", [], "")
        return y


def use_onednn(model: nn.Module) -> None:
    """Lets every plain linear layer of an fp32 model on the CPU compute with oneDNN, where torch was built with it."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (available and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear


def _product(*given: Any) -> Any:
    return torch.ops.mkldnn._linear_pointwise(*given)
