"""Split attention: many rows share one prefix without copying it.

The tokens of a call stand one after another in one sequence, whichever row they belong to. Every query attends to the
shared prefix, all rows at once and without a mask, and to its own row; both parts are merged by their log-sum-exps,
which is exact (Hydragen, Juravsky et al. 2024, arXiv 2402.05099). Registered as an attention implementation of
transformers, so that the model's code stays the library's.

Shapes: N tokens of a call, H query heads, K key heads, G = H / K, B rows, Q tokens of the longest row, T keys of a row,
D head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from workers.engine.kernels import Attend

NAME = "gradus_split"

Prefix = tuple[tuple[Tensor, Tensor], ...]
"""Keys and values of shared tokens, `[1, K, P, D]` each, for each layer; empty where nothing is shared."""


def length(prefix: Prefix) -> int:
    """Number of shared tokens."""
    return prefix[0][0].shape[2] if prefix else 0


@dataclass(frozen=True)
class Layout:
    """Where the N tokens of a call belong: row `rows[n]`, as its new token number `columns[n]`, its key `slots[n]`.

    `sees` `[B, Q, T]` says which keys of its row each new token sees. Places of rows that have fewer than Q tokens see
    something as well, so that no softmax is empty; nobody reads them.
    """

    rows: Tensor
    columns: Tensor
    slots: Tensor
    sees: Tensor

    @classmethod
    def of(cls, seen: Sequence[Tensor], device: torch.device) -> Layout:
        """Rows whose tokens see none but themselves: `seen[b]` `[q, q]` says which token sees which."""
        counts, width = [len(one) for one in seen], max(len(one) for one in seen)
        sees = torch.eye(width, dtype=torch.bool).repeat(len(seen), 1, 1)
        for n, one in enumerate(seen):
            sees[n, : len(one), : len(one)] = one
        rows, columns = _places(counts, device)
        return cls(rows, columns, columns, sees.to(device))

    @classmethod
    def after(cls, begun: Sequence[int], new: Sequence[int], device: torch.device) -> Layout:
        """`new[b]` tokens of each row after the `begun[b]` that it has, each of which sees what is before it."""
        rows, columns = _places(new, device)
        last = torch.tensor(begun, device=device)[:, None] + torch.arange(max(new), device=device)
        slots = last[rows, columns]
        return cls(rows, columns, slots, torch.arange(int(slots.max()) + 1, device=device) <= last[:, :, None])

    def spread(self, x: Tensor) -> Tensor:
        """`[1, heads, N, D]` -> `[B, Q, heads, D]`, zeros where a row has no token."""
        made = x.new_zeros(*self.sees.shape[:2], x.shape[1], x.shape[3])
        made[self.rows, self.columns] = x[0].transpose(0, 1)
        return made

    def gathered(self, x: Tensor) -> Tensor:
        """`[B, K, G * Q, ...]` -> `[1, K, G * N, ...]`."""
        rows, heads = x.shape[:2]
        apart = x.reshape(rows, heads, -1, self.sees.shape[1], *x.shape[3:])
        return apart.movedim(3, 1)[self.rows, self.columns].movedim(0, 2).reshape(1, heads, -1, *x.shape[3:])

    def mask(self, groups: int, dtype: torch.dtype) -> Tensor:
        """What is added to scores, `[B, 1, G * Q, T]`; all layers of a call use one."""
        if groups not in self._masks:
            hidden = ~self.sees.repeat(1, groups, 1).unsqueeze(1)
            mask = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device)
            self._masks[groups] = mask.masked_fill_(hidden, -torch.inf)
        return self._masks[groups]

    @cached_property
    def _masks(self) -> dict[int, Tensor]:
        return {}


def _places(counts: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Row and column of each token, where row b has `counts[b]`."""
    rows = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    columns = torch.cat([torch.arange(count) for count in counts])
    return rows.to(device), columns.to(device)


class RowCache:
    """Each row's own keys and values during generation, `[B, capacity, K, D]` for each layer.

    What stands in later slots, from a draft that was wrong or nothing, is seen by no token, and overwritten when the
    row gets there. `window` are the rows of the next call.
    """

    def __init__(self, rows: int, capacity: int) -> None:
        self.rows, self.capacity = rows, capacity
        self.window = slice(None)
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def extend(self, layer: int, k: Tensor, v: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
        """Puts `[1, K, N, D]` into their slots; `[B, K, T, D]`, all that the rows of the window have."""
        if layer not in self.layers:
            shape = (self.rows, self.capacity, k.shape[1], k.shape[3])
            self.layers[layer] = (k.new_zeros(shape), v.new_zeros(shape))
        kept = [one[self.window] for one in self.layers[layer]]
        for one, new in zip(kept, (k, v), strict=True):
            one[layout.rows, layout.slots] = new[0].transpose(0, 1)
        keys, values = (one[:, : layout.sees.shape[2]].transpose(1, 2) for one in kept)
        return keys, values

    def keep(self, rows: Sequence[int]) -> list[int]:
        """Leaves only these rows, in the order that is returned, so that finished ones cost nothing.

        Those from the end move into the gaps: to copy all of them takes as long as a layer does.
        """
        gaps = sorted(set(range(len(rows))) - set(rows))
        order = list(range(len(rows)))
        for gap, row in zip(gaps, [row for row in rows if row >= len(rows)], strict=True):
            order[gap] = row
            for pair in self.layers.values():
                for kept in pair:
                    kept[gap] = kept[row]
        self.layers = {layer: (k[: len(rows)], v[: len(rows)]) for layer, (k, v) in self.layers.items()}
        self.rows = len(rows)
        return order


@dataclass(frozen=True)
class Tree:
    """The layout of a packed training step: `shared` tokens, then `rows` rows of `width` places each."""

    shared: int
    rows: int
    width: int


@dataclass(frozen=True)
class Sight:
    """What the tokens of a call see: a shared prefix, and those of their own row, which `own` keeps for later calls."""

    attend: Attend
    prefix: Prefix
    layout: Layout
    own: RowCache | None = None


def register() -> None:
    """Makes `NAME` known to transformers. Without a mask function the model passes no mask to it."""
    AttentionInterface.register(NAME, split_attention)


def split_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    sight: Sight | None = None,
    tree: Tree | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """An attention function of transformers: `query` `[1, H, N, D]`, `key` `[1, K, N, D]` -> `[1, N, H, D]`.

    With `sight` its tokens belong to rows, with `tree` to those of a training step; without either it is the library's
    causal attention.
    """
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if tree is not None:
        return tree_attention(query, key, value, tree, scale), None
    if sight is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    seen = _split(query, key, value, sight, module.layer_idx, scale)
    return seen.transpose(1, 2), None


def _split(q: Tensor, k: Tensor, v: Tensor, sight: Sight, layer: int, scale: float) -> Tensor:
    """`[1, H, N, D]`, computed on queries folded to `[..., K, G * N, D]`: grouped heads then need no copy of keys."""
    layout, heads = sight.layout, k.shape[1]
    if sight.own is None:
        keys, values = (layout.spread(x).transpose(1, 2) for x in (k, v))
    else:
        keys, values = sight.own.extend(layer, k, v, layout)
    mask = layout.mask(q.shape[1] // heads, q.dtype)
    spread = layout.spread(q).transpose(1, 2)
    own, own_lse = sight.attend(folded(spread, heads), keys, values, mask, scale)
    own, own_lse = layout.gathered(own), layout.gathered(own_lse)
    if sight.prefix:
        seen, lse = sight.attend(folded(q, heads), *sight.prefix[layer], None, scale)
        own = torch.lerp(seen, own, torch.sigmoid(own_lse - lse).unsqueeze(-1).to(own.dtype))
    return own.reshape(q.shape)


def folded(q: Tensor, heads: int) -> Tensor:
    """`[B, H, Q, D]` -> `[B, K, G * Q, D]`: all queries of a key head side by side."""
    return q.reshape(q.shape[0], heads, -1, q.shape[3])


def tree_attention(q: Tensor, k: Tensor, v: Tensor, tree: Tree, scale: float) -> Tensor:
    """Differentiable attention of a packed training step: `[1, H, N, D]` queries -> `[1, N, H, D]`.

    The shared tokens are causal among themselves; each row sees them and its own earlier tokens.
    """
    (shared_q, own_q), (shared_k, own_k), (shared_v, own_v) = (_parted(x, tree) for x in (q, k, v))
    pairs = ((shared_k, own_k), (shared_v, own_v))
    keys, values = (torch.cat([shared.expand(tree.rows, -1, -1, -1), own], 2) for shared, own in pairs)
    parts = [_causal(own_q, keys, values, scale, tree.shared)]
    if tree.shared:
        parts.insert(0, _causal(shared_q, shared_k, shared_v, scale, 0))
    return torch.cat([part.transpose(1, 2).reshape(1, -1, q.shape[1], q.shape[3]) for part in parts], 1)


def _parted(x: Tensor, tree: Tree) -> tuple[Tensor, Tensor]:
    """`[1, heads, N, D]` as the shared tokens `[1, heads, P, D]` and the rows `[rows, heads, width, D]`."""
    own = x[0, :, tree.shared :].reshape(x.shape[1], tree.rows, tree.width, -1).transpose(0, 1)
    return x[:, :, : tree.shared], own


def _causal(q: Tensor, k: Tensor, v: Tensor, scale: float, before: int) -> Tensor:
    """Causal attention whose keys begin with `before` tokens that every query sees; heads are grouped by folding."""
    queries, groups = q.shape[2], q.shape[1] // k.shape[1]
    later = torch.ones(queries, before + queries, dtype=torch.bool, device=q.device).triu(before + 1)
    mask = torch.zeros(later.shape, dtype=q.dtype, device=q.device).masked_fill_(later, -torch.inf).repeat(groups, 1)
    out = nn.functional.scaled_dot_product_attention(folded(q, k.shape[1]), k, v, mask, scale=scale)
    return out.reshape(q.shape)
