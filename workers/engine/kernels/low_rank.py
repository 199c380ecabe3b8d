"""A frozen linear layer and its low-rank path as one autograd function.

`y = x W' + (x A') (s B)'` (Hu et al. 2021, arXiv 2106.09685). The frozen part is neither differentiated nor copied:
backward costs one product with `W`, and only `x` and the `r` numbers a token are kept for it. PEFT's own layer makes
separate tensors of the scaled product, the sum and the casts.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear as PeftLinear
from torch import Tensor, nn


class LoraLinear(torch.autograd.Function):
    """`x` `[..., in]` in the base's dtype; `a` `[r, in]` and `b` `[out, r]` in fp32; `y` `[..., out]`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        low_a, low_b = a.to(x.dtype), (b * scale).to(x.dtype)
        down = flat @ low_a.T
        y = nn.functional.linear(flat, weight, bias).addmm_(down, low_b.T)
        ctx.save_for_backward(flat, down, weight, low_a, low_b)
        ctx.scale = scale
        return y.view(*x.shape[:-1], y.shape[-1])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        flat, down, weight, low_a, low_b = ctx.saved_tensors
        g = grads[0].reshape(-1, grads[0].shape[-1])
        g_down = g @ low_b
        grad_b = (down.T @ g).T.float() * ctx.scale
        grad_a = (g_down.T @ flat).float()
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (g @ weight).addmm_(g_down, low_a).view(*grads[0].shape[:-1], flat.shape[-1])
        return grad_x, None, None, grad_a, grad_b, None


class FusedPeftLinear(PeftLinear):
    """PEFT's layer with one adapter and without dropout, which computes by `LoraLinear`."""

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        (name,) = self.active_adapters
        base = self.get_base_layer()
        a, b = self.lora_A[name].weight, self.lora_B[name].weight
        apply: Any = LoraLinear.apply
        y: Tensor = apply(x, base.weight, base.bias, a, b, self.scaling[name])
        return y


def fuse(model: nn.Module) -> None:
    """Lets every LoRA layer of a PEFT model compute so. Parameters and names stay: PEFT saves them as ever."""
    for module in model.modules():
        if type(module) is PeftLinear:
            module.__class__ = FusedPeftLinear
