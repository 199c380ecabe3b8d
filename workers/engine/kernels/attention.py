"""Softmax attention with its log-sum-exp, by which two parts of one attention are merged.

Shapes: B sequences, K key heads, N queries of a key head, T keys, D head size.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from workers.engine.kernels import private

SCORES_HELD = 1 << 22
"""Scores that are held at a time, 16 MiB in fp32."""


class Attend(Protocol):
    """One way to compute it."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
        """`q` `[B, K, N, D]`, `k` and `v` `[B, K, T, D]` -> `[B, K, N, D]` in `q`'s dtype and `[B, K, N]` in fp32.

        `mask` is added to the scores: `[B, 1, N, T]`, in `q`'s dtype.
        """


def by_flash(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """The kernel behind torch's `scaled_dot_product_attention` on the CPU (Dao 2023, arXiv 2307.08691)."""
    out, lse = private.flash_for_cpu()(q, k, v, 0.0, False, attn_mask=mask, scale=scale)
    return out, lse.float()


def has_flash() -> bool:
    """Whether torch has that kernel."""
    return private.flash_for_cpu() is not None


def in_bf16(attend: Attend) -> Attend:
    """`attend` with queries, keys and values cast to bf16. Its arguments and its output stay in fp32."""

    def attend_in_bf16(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
        q_bf16, k_bf16, v_bf16 = (x.to(torch.bfloat16) for x in (q, k, v))
        out, lse = attend(q_bf16, k_bf16, v_bf16, None if mask is None else mask.to(torch.bfloat16), scale)
        return out.to(q.dtype), lse

    return attend_in_bf16


def by_products(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """Two matrix products with a softmax in fp32 between them, for some queries at a time."""
    step = max(1, SCORES_HELD // (q.shape[0] * q.shape[1] * k.shape[2]))
    outs, sums = [], []
    for at in range(0, q.shape[2], step):
        scores = torch.matmul(q[:, :, at : at + step], k.mT).float().mul_(scale)
        if mask is not None:
            scores += mask[:, :, at : at + step]
        lse = scores.logsumexp(-1, keepdim=True)
        outs.append(torch.matmul(scores.sub_(lse).exp_().to(v.dtype), v))
        sums.append(lse.squeeze(-1))
    return torch.cat(outs, 2), torch.cat(sums, 2)
