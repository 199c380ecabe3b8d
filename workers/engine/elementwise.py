"""Norms and rotations of Llama-like models in few passes over their input, for answers and for gradients by hand."""

from __future__ import annotations

import torch
from torch import Tensor


def normalised(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`x` `[..., d]` by its root mean square (Zhang and Sennrich 2019, arXiv 1910.07467), times `weight` `[d]`; and the
    factor `[..., 1]` that did it."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    factor = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
    return (x * factor).mul_(weight), factor


def rotated(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`[..., D]` turned by rotary angles (Su et al. 2021, arXiv 2104.09864), first half against second."""
    turned = heads * cos
    (first, second), (one_sin, other_sin), (one, other) = (x.chunk(2, -1) for x in (heads, sin, turned))
    one.addcmul_(second, one_sin, value=-1)
    other.addcmul_(first, other_sin)
    return turned
