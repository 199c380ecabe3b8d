"""Softmax attention of rows to their own tokens, by plain products.

Shapes: B rows, K key heads, G query heads that share a key head, Q queries of each, T keys, D head size.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from workers.engine import abilities, linear, onednn

SCORES_HELD = 1 << 19
"""Scores of one block, 2 MiB: they stay in the cores' caches between the two products."""
CAUSAL_SCORES_HELD = 1 << 20
"""The same of causal blocks, whose products are the smaller the shorter they are."""
SEEN_HELD = 1 << 20
"""The same of all heads together."""
PLAIN_SCORES = 1 << 23
"""Scores of all rows that are held at a time, 32 MiB; where there are more, they are computed in blocks."""
MANY_TOKENS = 128
"""From here on a product for each key head is faster than one call for all: 282 against 179 GFLOP/s at 201 tokens."""
LOG2_E = math.log2(math.e)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """Softmax attention and its log-sum-exp: `[B, K, G * Q, D]` queries -> `([B, K, G * Q, D], [B, K, G * Q])`.

    `mask` is additive, `[B, 1, Q, T]`, and the same for all G queries of a key head. Where Q is T, nothing sees what
    comes after it.
    """
    if mask is not None and mask.shape[2] == k.shape[2] and fits_blocks(q, k):
        return in_blocks(q, k, v, mask, scale)
    if q.device.type == "cpu" and q.shape[:3].numel() * k.shape[2] > PLAIN_SCORES:
        return _flash(q, k, v, mask, scale)
    scores = torch.matmul(q * (scale * LOG2_E), k.mT).float()
    if mask is not None:
        by_group = scores.view(*scores.shape[:2], -1, *mask.shape[2:])
        by_group += mask.unsqueeze(2)
    highest = scores.amax(-1, keepdim=True)
    weights = scores.sub_(highest).exp2_()
    total = weights.sum(-1, keepdim=True)
    out = torch.matmul(weights.to(v.dtype), v) / total
    return out.to(q.dtype), ((highest + total.log2()) / LOG2_E).squeeze(-1)


def fits_blocks(q: Tensor, k: Tensor) -> bool:
    """Whether `in_blocks` can take these, and is the faster way."""
    plain = q.device.type == "cpu" and q.dtype == torch.float32 and not (torch.is_grad_enabled() and q.requires_grad)
    return plain and k.shape[2] >= MANY_TOKENS and abilities.here().onednn


def in_blocks(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """`attend` for Q = T on the CPU, a few queries of a key head at a time; without `mask` it is causal.

    Later keys are left out of a block's products, which is half of the work. Where scores are too far apart for the
    quicker way, they are compared with the highest.
    """
    found = _beside_own(q, k, v, mask, scale) if abilities.here().library else None
    return found or _beside_highest(q, k, v, mask, scale)


def _beside_own(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor] | None:
    """With each score relative to that of the query's own token, which it always sees: exponentials then come out of
    the product. None where they, or what they weigh, are more than a float holds.

    Queries and keys have a column for what is subtracted, values one of ones, which adds up the weights.
    """
    rows, heads, _, size = q.shape
    tokens = k.shape[2]
    scaled = (q * scale).view(rows, heads, -1, tokens, size)
    groups = scaled.shape[2]
    own = (scaled * k.unsqueeze(2)).sum(-1)
    asked = torch.cat([scaled, -own.unsqueeze(-1)], -1)
    keys, values = (torch.cat([x, x.new_ones(*x.shape[:-1], 1)], -1).flatten(0, 1) for x in (k, v))
    seen = torch.empty_like(asked)
    step = max(1, min(tokens, SEEN_HELD // (rows * heads * groups * tokens)))
    factors = None if mask is None else (mask == 0).to(q.dtype).unsqueeze(2)
    for start in range(0, tokens, step):
        end = min(start + step, tokens)
        some = asked[:, :, :, start:end].reshape(rows * heads, -1, size + 1)
        found = torch.zeros_like(some)
        for part in (slice(start), slice(start, end)) if factors is None and start else (slice(end),):
            weights = onednn.product(some, keys[:, part], then="exp")
            by_group = weights.view(rows, heads, groups, end - start, -1)
            if factors is not None:
                by_group *= factors[..., start:end, :end]
            elif part.stop == end:
                by_group *= _earlier(end - start)
            found = onednn.product(weights, values[:, part].mT, add_to=found)
        seen[:, :, :, start:end] = found.view(rows, heads, groups, end - start, size + 1)
    out, total = seen[..., :size], seen[..., size:]
    if not bool(seen.sum().isfinite()):
        return None
    return (out / total).view(q.shape), (own + total.squeeze(-1).log()).view(q.shape[:3])


@lru_cache(maxsize=8)
def _earlier(tokens: int) -> Tensor:
    """`[tokens, tokens]`: one where a token is not later than another, else zero."""
    return torch.ones(tokens, tokens).tril()


def _beside_highest(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """With each score relative to its query's highest."""
    rows, heads, _, size = q.shape
    tokens = k.shape[2]
    scaled = (q * (scale * LOG2_E)).view(rows, heads, -1, tokens, size)
    out, lse = torch.empty_like(scaled), scaled.new_empty(scaled.shape[:4])
    step = max(1, min(tokens, CAUSAL_SCORES_HELD // (scaled.shape[2] * tokens)))
    later = torch.full((step, step), -torch.inf).triu(1)
    for row, head in itertools.product(range(rows), range(heads)):
        keys, values = k[row, head].contiguous(), v[row, head].mT
        for start in range(0, tokens, step):
            end = min(start + step, tokens)
            part = scaled[row, head, :, start:end]
            scores = linear.product(part.reshape(-1, size), keys[:end]).view(-1, end - start, end)
            if mask is None:
                scores[..., start:] += later[: end - start, : end - start]
            else:
                scores += mask[row, 0, start:end, :end]
            highest = scores.amax(-1, keepdim=True)
            weights = scores.sub_(highest).exp2_()
            total = weights.sum(-1, keepdim=True)
            # A weight with gaps between its lines is a thousand times slower than a copy of it.
            seen = linear.product(weights.view(-1, end), values[:, :end].contiguous()).view(part.shape)
            torch.div(seen, total, out=out[row, head, :, start:end])
            lse[row, head, :, start:end] = (highest + total.log2()).squeeze(-1) / LOG2_E
    return out.view(q.shape), lse.view(q.shape[:3])


def _flash(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """The library's own, in blocks: for rows whose scores are too many to hold."""
    if mask is not None:
        mask = mask.repeat(1, 1, q.shape[2] // mask.shape[2], 1)
    flash: Any = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    out, lse = flash(q, k, v, 0.0, False, attn_mask=mask, scale=scale)
    return out, lse
