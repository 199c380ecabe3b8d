"""Operators of torch that are not part of its public interface. Nothing else in the engine calls one.

They were tried with torch 2.13.0. A release that has none of them costs speed and nothing else: the plain ways are
taken (`attention.has_flash`, `products.has_onednn`).
"""

from __future__ import annotations

from typing import Any

import torch

TRIED_WITH = "2.13.0"


def flash_for_cpu() -> Any:
    """`(query, key, value, dropout, causal, attn_mask=, scale=)` -> the output and its log-sum-exp, or None."""
    return getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)


def onednn_linear() -> Any:
    """`(x, weight, bias, "none", [], "")` -> the linear layer's output by oneDNN in fp32, or None."""
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if built else None
