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
class RowLayout:
    """To which rows the N tokens of a call belong, and a sparse attention mask within rows.

    Token n is new token number `columns[n]` of row `rows[n]`, and its key and value stand in slot `slot_mapping[n]` of
    that row; all three are `[N]`. `visible` `[B, Q, T]` says which keys of its row a new token attends to. Entries
    `[b, q]` of rows with fewer than Q new tokens are padding: each has a visible key, so that no softmax is empty, and
    its result is not read.
    """

    rows: Tensor
    columns: Tensor
    slot_mapping: Tensor
    visible: Tensor

    @classmethod
    def of(cls, masks: Sequence[Tensor], device: torch.device) -> RowLayout:
        """The layout of rows without earlier keys; `masks[b]` `[q, q]` says which token attends to which."""
        counts, width = [len(mask) for mask in masks], max(len(mask) for mask in masks)
        visible = torch.eye(width, dtype=torch.bool).repeat(len(masks), 1, 1)
        for n, mask in enumerate(masks):
            visible[n, : len(mask), : len(mask)] = mask
        rows, columns = _rows_and_columns(counts, device)
        return cls(rows, columns, columns, visible.to(device))

    @classmethod
    def after(cls, begun: Sequence[int], new: Sequence[int], device: torch.device) -> RowLayout:
        """The layout of `new[b]` tokens behind the `begun[b]` that row b has; each attends to all tokens before it."""
        rows, columns = _rows_and_columns(new, device)
        last = torch.tensor(begun, device=device)[:, None] + torch.arange(max(new), device=device)
        slots = last[rows, columns]
        return cls(rows, columns, slots, torch.arange(int(slots.max()) + 1, device=device) <= last[:, :, None])

    def spread(self, x: Tensor) -> Tensor:
        """Pads the tokens of a call by rows: `[1, heads, N, D]` -> `[B, Q, heads, D]`, with zeros as padding."""
        made = x.new_zeros(*self.visible.shape[:2], x.shape[1], x.shape[3])
        made[self.rows, self.columns] = x[0].transpose(0, 1)
        return made

    def gathered(self, x: Tensor) -> Tensor:
        """Takes the padding out of what was computed by rows: `[B, K, G * Q, ...]` -> `[1, K, G * N, ...]`."""
        rows, heads = x.shape[:2]
        apart = x.reshape(rows, heads, -1, self.visible.shape[1], *x.shape[3:])
        return apart.movedim(3, 1)[self.rows, self.columns].movedim(0, 2).reshape(1, heads, -1, *x.shape[3:])

    def mask(self, groups: int, dtype: torch.dtype) -> Tensor:
        """The mask that is added to attention scores, `[B, 1, G * Q, T]`; all layers of a call share it."""
        if groups not in self._masks:
            hidden = ~self.visible.repeat(1, groups, 1).unsqueeze(1)
            mask = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device)
            self._masks[groups] = mask.masked_fill_(hidden, -torch.inf)
        return self._masks[groups]

    @cached_property
    def _masks(self) -> dict[int, Tensor]:
        return {}


def _rows_and_columns(counts: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """The row of each token and its number within the row, where row b has `counts[b]` tokens: two `[N]`."""
    rows = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    columns = torch.cat([torch.arange(count) for count in counts])
    return rows.to(device), columns.to(device)


class RowCache:
    """The key-value cache of the rows' own tokens during generation, `[B, capacity, K, D]` for each layer.

    A slot behind a row's last token is empty or holds a rejected draft. No token attends to it, and the row overwrites
    it later. `window` selects the rows of the next call.
    """

    def __init__(self, rows: int, capacity: int) -> None:
        self.rows, self.capacity = rows, capacity
        self.window = slice(None)
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def extend(self, layer: int, k: Tensor, v: Tensor, layout: RowLayout) -> tuple[Tensor, Tensor]:
        """Stores `[1, K, N, D]` by the slot mapping; returns `[B, K, T, D]`, all that the rows of the window hold."""
        if layer not in self.layers:
            shape = (self.rows, self.capacity, k.shape[1], k.shape[3])
            self.layers[layer] = (k.new_zeros(shape), v.new_zeros(shape))
        kept = [one[self.window] for one in self.layers[layer]]
        for one, new in zip(kept, (k, v), strict=True):
            one[layout.rows, layout.slot_mapping] = new[0].transpose(0, 1)
        keys, values = (one[:, : layout.visible.shape[2]].transpose(1, 2) for one in kept)
        return keys, values

    def keep(self, rows: Sequence[int]) -> list[int]:
        """Drops all other rows, which are finished; returns the order in which the kept ones stand now.

        Rows from the end move into the gaps, because copying all of them takes as long as a layer does.
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
class PackedLayout:
    """The packed shared-prefix layout of a training step: `shared` tokens, then `rows` rows of `width` tokens each."""

    shared: int
    rows: int
    width: int


@dataclass(frozen=True)
class SplitContext:
    """What the tokens of a call attend to: the shared prefix and their own row, whose keys `own` caches."""

    attend: Attend
    prefix: Prefix
    layout: RowLayout
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
    split_context: SplitContext | None = None,
    packed_layout: PackedLayout | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """An attention function of transformers: `query` `[1, H, N, D]`, `key` `[1, K, N, D]` -> `[1, N, H, D]`.

    With `split_context` the N tokens belong to rows behind a shared prefix, with `packed_layout` to a packed training
    step. Without either it is the library's causal attention.
    """
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if packed_layout is not None:
        return packed_attention(query, key, value, packed_layout, scale), None
    if split_context is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    attended = _split(query, key, value, split_context, module.layer_idx, scale)
    return attended.transpose(1, 2), None


def _split(q: Tensor, k: Tensor, v: Tensor, split_context: SplitContext, layer: int, scale: float) -> Tensor:
    """Attention to the shared prefix and to the own row, merged by their log-sum-exps: `[1, H, N, D]`.

    Queries are folded to `[..., K, G * N, D]`, so that grouped heads need no copy of their keys.
    """
    layout, heads = split_context.layout, k.shape[1]
    if split_context.own is None:
        keys, values = (layout.spread(x).transpose(1, 2) for x in (k, v))
    else:
        keys, values = split_context.own.extend(layer, k, v, layout)
    mask = layout.mask(q.shape[1] // heads, q.dtype)
    spread = layout.spread(q).transpose(1, 2)
    own, own_lse = split_context.attend(folded(spread, heads), keys, values, mask, scale)
    own, own_lse = layout.gathered(own), layout.gathered(own_lse)
    if split_context.prefix:
        shared, lse = split_context.attend(folded(q, heads), *split_context.prefix[layer], None, scale)
        own = torch.lerp(shared, own, torch.sigmoid(own_lse - lse).unsqueeze(-1).to(own.dtype))
    return own.reshape(q.shape)


def folded(q: Tensor, heads: int) -> Tensor:
    """`[B, H, Q, D]` -> `[B, K, G * Q, D]`: all queries of a key head side by side."""
    return q.reshape(q.shape[0], heads, -1, q.shape[3])


def packed_attention(q: Tensor, k: Tensor, v: Tensor, layout: PackedLayout, scale: float) -> Tensor:
    """Differentiable attention of a packed training step: `[1, H, N, D]` queries -> `[1, N, H, D]`.

    The shared tokens are causal among themselves; each row attends to them and to its own earlier tokens.
    """
    (shared_q, own_q), (shared_k, own_k), (shared_v, own_v) = (_unpacked(x, layout) for x in (q, k, v))
    pairs = ((shared_k, own_k), (shared_v, own_v))
    keys, values = (torch.cat([shared.expand(layout.rows, -1, -1, -1), own], 2) for shared, own in pairs)
    parts = [_causal(own_q, keys, values, scale, layout.shared)]
    if layout.shared:
        parts.insert(0, _causal(shared_q, shared_k, shared_v, scale, 0))
    return torch.cat([part.transpose(1, 2).reshape(1, -1, q.shape[1], q.shape[3]) for part in parts], 1)


def _unpacked(x: Tensor, layout: PackedLayout) -> tuple[Tensor, Tensor]:
    """Splits `[1, heads, N, D]` into the shared tokens `[1, heads, P, D]` and the rows `[rows, heads, width, D]`."""
    own = x[0, :, layout.shared :].reshape(x.shape[1], layout.rows, layout.width, -1).transpose(0, 1)
    return x[:, :, : layout.shared], own


def _causal(q: Tensor, k: Tensor, v: Tensor, scale: float, before: int) -> Tensor:
    """Causal attention whose first `before` keys are visible to every query; heads are grouped by folding."""
    queries, groups = q.shape[2], q.shape[1] // k.shape[1]
    later = torch.ones(queries, before + queries, dtype=torch.bool, device=q.device).triu(before + 1)
    mask = torch.zeros(later.shape, dtype=q.dtype, device=q.device).masked_fill_(later, -torch.inf).repeat(groups, 1)
    out = nn.functional.scaled_dot_product_attention(folded(q, k.shape[1]), k, v, mask, scale=scale)
    return out.reshape(q.shape)
