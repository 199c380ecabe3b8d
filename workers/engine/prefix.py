"""Keys and values of shared tokens, and how many rows attend to them beside their own.

Both parts are merged by their log-sum-exp, which is exact (Hydragen, Juravsky et al. 2024, arXiv 2402.05099).

Shapes: B rows, K key heads, N queries (of all query heads that share a key head), P shared tokens, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engine import abilities, linear, onednn
from workers.engine.compiled import PARTS
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

    def rounded(self, dtype: torch.dtype) -> Prefix:
        """The same for a first look by a model of `dtype`."""
        return self if not self.layers or self.layers[0][0].dtype == dtype else self._plain(dtype)

    def merged(self, layer: int, q: Tensor, own: Tensor, own_lse: Tensor, scale: float) -> Tensor:
        """What `q` `[B, K, N, D]` sees of the shared tokens and of its own, `own` with log-sum-exp `[B, K, N]`."""
        rows, heads, queries, size = q.shape
        flat = q.transpose(0, 1).reshape(1, heads, rows * queries, size)
        seen, seen_lse = attend(flat, *self.layers[layer], None, scale)
        seen = seen.view(heads, rows, queries, size).transpose(0, 1)
        seen_lse = seen_lse.reshape(heads, rows, queries).transpose(0, 1)
        return torch.lerp(seen, own, torch.sigmoid(own_lse - seen_lse).unsqueeze(-1).to(own.dtype))

    def asked(self, queries: int) -> Tensor | None:
        """`[K, N, D + columns]` for N queries, as `compiled.own_part` fills it; None where `seen` is not known."""
        return None

    def seen(self, layer: int, asked: Tensor) -> Tensor:
        """`[K, N, D + 1]`: the sum of the shared values and of their weights, relative to what is asked."""
        raise NotImplementedError

    def _plain(self, dtype: torch.dtype) -> Prefix:
        return Prefix(tuple((key.to(dtype).contiguous(), value.to(dtype).contiguous()) for key, value in self.layers))


@dataclass(frozen=True)
class CpuPrefix(Prefix):
    """The same in fp32 for plain products on oneDNN, more than twice as fast as the library's attention on the CPU.

    The pairs are views: keys of a tensor that has a column of ones, values of one that is stored transposed and has a
    row of ones. The query of such a key has a column as well, minus the log-sum-exp of its own part: scores then come
    out relative to that, and need no maximum of their own.
    """

    def rounded(self, dtype: torch.dtype) -> Prefix:
        """On the CPU a first look has bf16 within its products alone: its queries are in fp32, whatever its `dtype`."""
        return RoundedPrefix.of(self) if abilities.here().library else self

    def merged(self, layer: int, q: Tensor, own: Tensor, own_lse: Tensor, scale: float) -> Tensor:
        """Where a shared token outweighs all of a row's own by more than a float holds, the other way is taken."""
        rows, heads, queries, size = q.shape
        widened = torch.cat([q * scale, -own_lse.unsqueeze(-1)], -1).mul_(LOG2_E)
        flat = widened.transpose(0, 1).reshape(heads, rows * queries, size + 1)
        value, weight = self._seen(layer, flat)
        if not bool((value.sum() + weight.sum()).isfinite()):
            return self._plain(q.dtype).merged(layer, q, own, own_lse, scale)
        value, weight = (x.view(heads, rows, queries, -1).transpose(0, 1) for x in (value, weight))
        return (value + own) / (weight + 1)

    def asked(self, queries: int) -> Tensor | None:
        if not (self.layers and abilities.here().library):
            return None
        _, heads, _, size = self.layers[0][0].shape
        return torch.empty(heads, queries, size + 1)

    def seen(self, layer: int, asked: Tensor) -> Tensor:
        return _weighed(asked, wide(self.layers[layer][0]), with_weights(self.layers[layer][1]))

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


@dataclass(frozen=True)
class RoundedPrefix(Prefix):
    """A prefix on the CPU for a first look: products are in bf16, their sums in fp32.

    `low` are the keys `[K, P, D + 3]` and values `[K, D + 1, P]` of each layer. What a query's part is relative to
    stands in three of its columns, so that it is not rounded; the last of the values is one, and yields the weights.
    """

    exact: CpuPrefix
    low: tuple[tuple[Tensor, Tensor], ...]

    @classmethod
    def of(cls, exact: CpuPrefix) -> RoundedPrefix:
        return cls(exact.layers, exact, tuple(_rounded(key, value) for key, value in exact.layers))

    def asked(self, queries: int) -> Tensor:
        _, heads, _, size = self.layers[0][0].shape
        return torch.empty(heads, queries, size + PARTS, dtype=torch.bfloat16)

    def merged(self, layer: int, q: Tensor, own: Tensor, own_lse: Tensor, scale: float) -> Tensor:
        rows, heads, queries, size = q.shape
        asked = self.asked(rows * queries).view(heads, rows, queries, -1)
        asked[..., :size] = (q * scale).transpose(0, 1)
        left = -own_lse.transpose(0, 1)
        for column in range(size, size + PARTS):
            asked[..., column] = left
            left = left - asked[..., column]
        seen = self.seen(layer, asked.flatten(1, 2)).view(heads, rows, queries, -1).transpose(0, 1)
        if not bool(seen.sum().isfinite()):
            return self.exact.merged(layer, q, own, own_lse, scale)
        return (seen[..., :-1] + own) / (seen[..., -1:] + 1)

    def seen(self, layer: int, asked: Tensor) -> Tensor:
        return _weighed(asked, *self.low[layer])


def _rounded(key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's `[1, K, P, D]` keys and values as `RoundedPrefix` multiplies by them."""
    ones = key.new_ones(*key.shape[1:3], PARTS, dtype=torch.bfloat16)
    return torch.cat([key[0].bfloat16(), ones], 2), with_weights(value).bfloat16()


def _weighed(asked: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """`asked` `[K, N, columns]` to `keys` `[K, P, columns]`: the sums `[K, N, D + 1]` of `values` `[K, D + 1, P]`.

    Scores of many queries are held a part at a time.
    """
    held = SCORES_HELD * torch.float32.itemsize // asked.itemsize
    if asked.shape[1] * keys.shape[1] <= held:
        return onednn.product(onednn.product(asked, keys, then="exp", dtype=asked.dtype), values)
    seen = torch.empty(*asked.shape[:2], values.shape[1])
    for one, found, key, value in zip(asked, seen, keys, values, strict=True):
        for some, to in zip(*(x.split(max(1, held // len(key))) for x in (one, found)), strict=True):
            onednn.product(onednn.product(some, key, then="exp", dtype=some.dtype), value, out=to)
    return seen


def wide(key: Tensor) -> Tensor:
    """`[K, P, D + 1]` of which `key` `[1, K, P, D]` is all but the last column."""
    _, heads, tokens, size = key.shape
    return key.as_strided((heads, tokens, size + 1), (key.stride(1), size + 1, 1))


def with_weights(value: Tensor) -> Tensor:
    """`[K, D + 1, P]` of which `value` `[1, K, P, D]` is all but the last row, transposed."""
    _, heads, tokens, size = value.shape
    return value.as_strided((heads, size + 1, tokens), (value.stride(1), tokens, 1))


def made(layers: Sequence[tuple[Tensor, Tensor]]) -> Prefix:
    """The prefix of `[1, K, P, D]` pairs, laid out for the device that they are on."""
    if not layers or layers[0][0].device.type != "cpu" or not abilities.here().onednn:
        return Prefix(tuple(layers))
    return CpuPrefix(tuple((_with_ones(key), _turned_with_ones(value)) for key, value in layers))


def _with_ones(key: Tensor) -> Tensor:
    return torch.cat([key, key.new_ones(*key.shape[:-1], 1)], -1)[..., :-1]


def _turned_with_ones(value: Tensor) -> Tensor:
    return torch.cat([value.mT, value.new_ones(*value.shape[:-2], 1, value.shape[-2])], -2)[..., :-1, :].mT
