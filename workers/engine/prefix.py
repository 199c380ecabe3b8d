"""Keys and values of shared tokens, and how many rows attend to them beside their own.

Both parts are merged by their log-sum-exp, which is exact (Hydragen, Juravsky et al. 2024, arXiv 2402.05099).

Shapes: B rows, K key heads, N queries (of all query heads that share a key head), P shared tokens, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engine import linear
from workers.engine.softmax import LOG2_E, SCORES_HELD, attend

FEW_SCORES = 1 << 14
"""Scores of a key head up to which one call for all heads is faster than calls of their own, up to four times."""


@dataclass(frozen=True)
class Prefix:
    """Keys and values of the shared tokens, one `[1, K, P, D]` pair per layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def length(self) -> int:
        """P."""
        return self.layers[0][0].shape[2] if self.layers else 0

    def to(self, dtype: torch.dtype) -> Prefix:
        """The same keys and values, rounded to `dtype`."""
        return self if not self.layers or self.layers[0][0].dtype == dtype else self._plain(dtype)

    def merged(self, layer: int, q: Tensor, own: Tensor, own_lse: Tensor, scale: float) -> Tensor:
        """What `q` `[B, K, N, D]` sees of the shared tokens and of its own, `own` with log-sum-exp `[B, K, N]`."""
        rows, heads, queries, size = q.shape
        flat = q.transpose(0, 1).reshape(1, heads, rows * queries, size)
        seen, seen_lse = attend(flat, *self.layers[layer], None, scale)
        seen = seen.view(heads, rows, queries, size).transpose(0, 1)
        seen_lse = seen_lse.reshape(heads, rows, queries).transpose(0, 1)
        return torch.lerp(seen, own, torch.sigmoid(own_lse - seen_lse).unsqueeze(-1).to(own.dtype))

    def _plain(self, dtype: torch.dtype) -> Prefix:
        return Prefix(tuple((key.to(dtype).contiguous(), value.to(dtype).contiguous()) for key, value in self.layers))


@dataclass(frozen=True)
class CpuPrefix(Prefix):
    """The same in fp32 for plain products on oneDNN, more than twice as fast as the library's attention on the CPU.

    The pairs are views: keys of a tensor that has a column of ones, values of one that is stored transposed. The query
    of such a key has a column as well, minus the log-sum-exp of its own part: scores then come out relative to that,
    and need no maximum of their own.
    """

    def merged(self, layer: int, q: Tensor, own: Tensor, own_lse: Tensor, scale: float) -> Tensor:
        """Where a shared token outweighs all of a row's own by more than a float holds, the other way is taken."""
        rows, heads, queries, size = q.shape
        widened = torch.cat([q * scale, -own_lse.unsqueeze(-1)], -1).mul_(LOG2_E)
        flat = widened.transpose(0, 1).reshape(heads, rows * queries, size + 1)
        value, weight = self._seen(layer, flat)
        if not bool(weight.sum().isfinite()):
            return self._plain(q.dtype).merged(layer, q, own, own_lse, scale)
        value, weight = (x.view(heads, rows, queries, -1).transpose(0, 1) for x in (value, weight))
        return (value + own) / (weight + 1)

    def _seen(self, layer: int, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Values `[K, N, D]` and weights `[K, N, 1]` of `[K, N, D + 1]` queries, relative to their own part."""
        keys, values = wide(self.layers[layer][0]), self.layers[layer][1].mT[0]
        heads, count, _ = queries.shape
        if count * keys.shape[1] <= FEW_SCORES:
            scores = torch.bmm(queries, keys.mT).exp2_()
            return torch.bmm(scores, values.mT), scores.sum(-1, keepdim=True)
        value = queries.new_empty(heads, count, values.shape[1])
        weight = queries.new_empty(heads, count, 1)
        block = max(1, SCORES_HELD // keys.shape[1])
        for head in range(heads):
            for at in range(0, count, block):
                part = slice(at, at + block)
                scores = linear.product(queries[head, part], keys[head]).exp2_()
                value[head, part] = linear.product(scores, values[head])
                weight[head, part] = scores.sum(-1, keepdim=True)
        return value, weight


def wide(key: Tensor) -> Tensor:
    """`[K, P, D + 1]` of which `key` `[1, K, P, D]` is all but the last column."""
    _, heads, tokens, size = key.shape
    return key.as_strided((heads, tokens, size + 1), (key.stride(1), size + 1, 1))


def made(layers: Sequence[tuple[Tensor, Tensor]]) -> Prefix:
    """The prefix of `[1, K, P, D]` pairs, laid out for the device that they are on."""
    if not layers or layers[0][0].device.type != "cpu" or not linear.available():
        return Prefix(tuple(layers))
    return CpuPrefix(tuple((_with_ones(key), value.mT.contiguous().mT) for key, value in layers))


def _with_ones(key: Tensor) -> Tensor:
    return torch.cat([key, key.new_ones(*key.shape[:-1], 1)], -1)[..., :-1]
