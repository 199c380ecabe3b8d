"""Split attention: many rows share one prefix without copying it.

Every query attends to the shared prefix (no mask, all rows at once) and to its own row, see `prefix`. Registered as an
attention implementation of transformers, so that the model code stays the library's.

Shapes: B rows, H query heads, K key heads, G = H / K, Q queries, T keys, P prefix tokens, D head size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from workers.engine import compiled
from workers.engine.compiled import Sight
from workers.engine.prefix import Prefix
from workers.engine.softmax import attend, fits_blocks, in_blocks

NAME = "gradus_split"
MANY_EACH = 16
"""New tokens of each row from which they are kept row by row."""
KEPT_SCORES = 1 << 22
"""Attention weights of one layer and training step that are kept for the backward pass, 8 MiB in bf16."""


@dataclass(frozen=True)
class Tree:
    """The layout that attention needs: `shared` tokens, then `rows` rows of `width` slots each."""

    shared: int
    rows: int
    width: int


@dataclass(frozen=True)
class Places:
    """Where the N tokens of a call belong: the rows, counted within `window`, and the slots of each row's cache.

    Attention takes them as `[rows, Q]`, in which a row's tokens stand side by side from `columns` 0 on. `runs` has each
    row of the window, its first new slot, and how many.
    """

    window: slice
    rows: Tensor
    columns: Tensor
    slots: Tensor
    runs: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, begun: Sequence[int], new: Sequence[int], window: slice, device: torch.device) -> Places:
        """`new[n]` tokens of each row of the window, after the `begun[n]` that it has."""
        rows = [n for n, count in enumerate(new) for _ in range(count)]
        columns = [at for count in new for at in range(count)]
        slots = [begun[n] + at for n, at in zip(rows, columns, strict=True)]
        places = torch.tensor([rows, columns, slots], device=device)
        return cls(window, places[0], places[1], places[2], tuple(zip(range(len(new)), begun, new, strict=True)))

    def mask(self) -> Tensor:
        """Additive `[B, 1, Q, T]`: a token sees its row up to itself. T is the last slot's number and one."""
        last = self.slots.new_zeros(int(self.rows[-1]) + 1, int(self.columns.max()) + 1)
        last[self.rows, self.columns] = self.slots
        later = torch.arange(int(self.slots.max()) + 1, device=last.device) > last[:, None, :, None]
        return torch.zeros(later.shape, device=last.device).masked_fill(later, -torch.inf)

    def put(self, keys: Tensor, values: Tensor, k: Tensor, v: Tensor) -> None:
        """`[N, K, D]` into the slots of `[B, capacity, K, D]`."""
        if compiled.fits(k, k, v) and k.is_contiguous() and v.is_contiguous():
            compiled.put(k, v, keys, values, self.rows * keys.shape[1] + self.slots)
            return
        for kept, new in ((keys, k), (values, v)):
            self._put(kept, new)

    def _put(self, kept: Tensor, new: Tensor) -> None:
        """Row by row where each has many, which is quicker."""
        if len(self.runs) * MANY_EACH > len(self.rows):
            kept[self.rows, self.slots] = new
            return
        at = 0
        for row, begun, count in self.runs:
            kept[row, begun : begun + count] = new[at : at + count]
            at += count

    def sight(self, capacity: int) -> Sight:
        """What each token sees of the window's rows, which have so many slots."""
        counts = self.slots + 1
        begin = counts.cumsum(0) - counts
        first = (self.rows * capacity - begin).repeat_interleave(counts)
        return Sight.of_counts(torch.arange(len(first)) + first, counts)

    def spread(self, x: Tensor, mask: Tensor) -> Tensor:
        """`[1, H, N, D]` -> `[B, H, Q, D]`, zeros where a row has no token."""
        spread = x.new_zeros(mask.shape[0], mask.shape[2], x.shape[1], x.shape[3])
        spread[self.rows, self.columns] = x[0].transpose(0, 1)
        return spread.transpose(1, 2)

    def gathered(self, x: Tensor) -> Tensor:
        """`[B, H, Q, ...]` -> `[1, H, N, ...]`."""
        return x.transpose(1, 2)[self.rows, self.columns].transpose(0, 1).unsqueeze(0)


class RowCache:
    """Each row's own keys and values during generation, `[B, capacity, K, D]` per layer.

    Tokens are put where `places` says before a call. What stands in later slots, from a guess that was wrong or
    nothing, is hidden by a mask, and overwritten when the row gets there.
    """

    places: Places

    def __init__(self, rows: int, capacity: int) -> None:
        self.rows, self.capacity = rows, capacity
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def extend(self, layer: int, key: Tensor, value: Tensor, filled: int) -> tuple[Tensor, Tensor]:
        """Puts `[1, K, N, D]` in their places; `[B, K, filled, D]`, the first slots of the rows in the window."""
        keys, values = (kept[:, :filled].transpose(1, 2) for kept in self.whole(layer, key, value))
        return keys, values

    def whole(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The same; all slots of these rows, `[B, capacity, K, D]`."""
        if layer not in self.layers:
            shape = (self.rows, self.capacity, key.shape[1], key.shape[3])
            self.layers[layer] = (key.new_zeros(shape), value.new_zeros(shape))
        keys, values = (kept[self.places.window] for kept in self.layers[layer])
        self.places.put(keys, values, *(new[0].transpose(0, 1) for new in (key, value)))
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


def register() -> None:
    """Makes `NAME` known to transformers. Without a mask function the model passes a 4D mask through as it is."""
    AttentionInterface.register(NAME, split_attention)


def split_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    prefix: Prefix | None = None,
    own: RowCache | None = None,
    tree: Tree | None = None,
    sight: Sight | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """An attention function of transformers: `query` `[B, H, Q, D]`, `key` `[B, K, T, D]` -> `[B, Q, H, D]`.

    Without `prefix` it is causal attention. With one (it may be empty), `attention_mask` is additive,
    `[B, 1, Q, T]`, over the row's own tokens; with `own`, B of the queries is 1, and the mask that of its places. With
    a `tree`, B is 1 and the tokens are those of a whole training step. `sight` says the same as a mask, where compiled
    loops may take the tokens.
    """
    if tree is not None:
        return tree_attention(query, key, value, tree, scaling), None
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if prefix is None:
        alone = attention_mask is None and query.shape[2] == key.shape[2] and _plainly_causal(module, kwargs)
        if alone and len(query) == 1 and query.shape[2] < compiled.LONG and compiled.fits(query, key, value):
            q, k, v = (x[0].transpose(0, 1).contiguous() for x in (query, key, value))
            return compiled.own_part(q, k, v, compiled.causal(len(q)), scale).unsqueeze(0), None
        if alone and fits_blocks(query, key):
            seen, _ = in_blocks(folded(query, key), key, value, None, scale)
            return seen.view(query.shape).transpose(1, 2), None
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    if sight is not None:
        found = compiled_attention(query, key, value, sight, prefix, own, module.layer_idx, scale)
        if found is not None:
            return found, None
        attention_mask = attention_mask if attention_mask is not None else sight.mask()
    if own is not None:
        if attention_mask is None:
            raise ValueError("tokens that have places need the mask of these")
        seen = _in_places(query, key, value, attention_mask, prefix, own, module.layer_idx, scale)
    else:
        seen = _merged(query, key, value, attention_mask, prefix, module.layer_idx, scale)
    return seen.transpose(1, 2), None


def _plainly_causal(module: Any, asked: Mapping[str, Any]) -> bool:
    """Whether nothing is asked for but that no token sees a later one."""
    causal = getattr(module, "is_causal", True) and asked.get("is_causal") is not False
    return bool(causal and asked.get("softcap") is None and asked.get("position_bias") is None)


def compiled_attention(
    q: Tensor, k: Tensor, v: Tensor, sight: Sight, prefix: Prefix, cache: RowCache | None, layer: int, scale: float
) -> Tensor | None:
    """`[B, Q, H, D]` by compiled loops and two products with what is shared; None where these do not do.

    Queries may be fewer than keys: `sight` says what each of them sees.
    """
    if not compiled.fits(q, k, v):
        return None
    asked = prefix.asked(q.shape[:3].numel() // k.shape[1]) if prefix.length else None
    if prefix.length and asked is None:
        return None
    if cache is None:
        keys, values = (x.transpose(1, 2).contiguous() for x in (k, v))
    else:
        keys, values = cache.whole(layer, k, v)
    queries = q.transpose(1, 2).contiguous()
    out = compiled.own_part(queries.flatten(0, 1), keys, values, sight, scale, asked)
    return out.view(queries.shape) if asked is None or compiled.merge(out, prefix.seen(layer, asked)) else None


def _merged(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, prefix: Prefix, layer: int, scale: float) -> Tensor:
    """Both parts on queries folded to `[B, K, G * Q, D]`: grouped heads then need no copy of their keys."""
    queries = folded(q, k)
    own, own_lse = attend(queries, k, v, mask, scale)
    seen = prefix.merged(layer, queries, own, own_lse, scale) if prefix.length else own
    return seen.reshape(q.shape)


def _in_places(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor, prefix: Prefix, cache: RowCache, layer: int, scale: float
) -> Tensor:
    """The same for tokens of rows that get different numbers of them: padded for the rows' own part alone."""
    keys, values = cache.extend(layer, k, v, mask.shape[3])
    spread = cache.places.spread(q, mask)
    own, own_lse = attend(folded(spread, keys), keys, values, mask, scale)
    own, own_lse = (cache.places.gathered(x.reshape(*spread.shape[:3], *x.shape[3:])) for x in (own, own_lse))
    if not prefix.length:
        return own
    shape = (1, k.shape[1], -1)
    own, own_lse = own.reshape(*shape, q.shape[3]), own_lse.reshape(shape)
    return prefix.merged(layer, folded(q, k), own, own_lse, scale).reshape(q.shape)


def folded(q: Tensor, k: Tensor) -> Tensor:
    """`[B, H, Q, D]` -> `[B, K, G * Q, D]`: all queries of a key head side by side."""
    return q.reshape(q.shape[0], k.shape[1], -1, q.shape[3])


def tree_attention(q: Tensor, k: Tensor, v: Tensor, tree: Tree, scale: float | None) -> Tensor:
    """Differentiable attention of a packed training step: `[1, H, N, D]` queries -> `[1, N, H, D]`.

    The shared tokens are causal among themselves; each row sees them and its own earlier tokens.
    """
    return joined(in_parts([part for x in (q, k, v) for part in parted(x, tree)], scale))


def parted(x: Tensor, tree: Tree) -> tuple[Tensor, Tensor]:
    """`[1, heads, N, D]` as the shared tokens `[1, heads, P, D]` and the rows `[rows, heads, width, D]`."""
    own = x[0, :, tree.shared :].reshape(x.shape[1], tree.rows, tree.width, -1).transpose(0, 1)
    return x[:, :, : tree.shared], own


def joined(parts: Sequence[Tensor]) -> Tensor:
    """The way back, `[1, N, heads, D]`."""
    heads, size = parts[0].shape[1], parts[0].shape[3]
    return torch.cat([part.transpose(1, 2).reshape(1, -1, heads, size) for part in parts], 1)


def in_parts(parts: Sequence[Tensor], scale: float | None) -> tuple[Tensor, Tensor]:
    """What the `parted` queries, keys and values of a step see, shared tokens and rows."""
    shared_q, own_q, shared_k, own_k, shared_v, own_v = parts
    shared = shared_q.shape[2]
    if not shared:
        return shared_q, _causal(own_q, own_k, own_v, scale, 0)
    rows = len(own_q)
    keys = torch.cat([shared_k.expand(rows, -1, -1, -1), own_k], 2)
    values = torch.cat([shared_v.expand(rows, -1, -1, -1), own_v], 2)
    return _causal(shared_q, shared_k, shared_v, scale, 0), _causal(own_q, keys, values, scale, shared)


def _causal(q: Tensor, k: Tensor, v: Tensor, scale: float | None, before: int) -> Tensor:
    """Causal attention whose keys begin with `before` tokens that every query sees; heads are grouped by folding."""
    queries, groups = q.shape[2], q.shape[1] // k.shape[1]
    mask = torch.full((queries, before + queries), -torch.inf, device=q.device).triu(before + 1).repeat(groups, 1)
    grouped = folded(q, k)
    if q.device.type == "cpu" and q.shape[:3].numel() * k.shape[2] <= KEPT_SCORES:
        apply: Any = PlainAttention.apply
        out: Tensor = apply(grouped, k, v, mask, scale if scale is not None else q.shape[-1] ** -0.5)
    else:
        out = nn.functional.scaled_dot_product_attention(grouped, k, v, mask.to(q.dtype), scale=scale)
    return out.reshape(q.shape)


class PlainAttention(torch.autograd.Function):
    """Attention by plain products, with gradients: `[B, K, N, D]` queries -> the same shape, `mask` `[N, T]` in fp32.

    On CPUs the library's own backward of short rows is five times slower in bf16. Weights are kept for it, rounded to
    the queries' dtype; softmax and its gradient are computed in fp32.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float) -> Tensor:
        scores = torch.matmul(q, k.mT).float().mul_(scale).add_(mask)
        weights = scores.softmax(-1).to(q.dtype)
        ctx.save_for_backward(q, k, v, weights)
        ctx.scale = scale
        return torch.matmul(weights, v)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        q, k, v, weights = ctx.saved_tensors
        wide = weights.float()
        grad = torch.matmul(grads[0], v.mT).float()
        scores = (grad - (grad * wide).sum(-1, keepdim=True)).mul_(wide).mul_(ctx.scale).to(q.dtype)
        return torch.matmul(scores, k), torch.matmul(scores.mT, q), torch.matmul(weights.mT, grads[0]), None, None
