"""What a decoder layer does between its products in training, and the way back: compiled loops, or torch's operators.

Each of them reads its input once and writes what the next product takes. Numbers between products are of the products'
dtype, fp32 or bf16; sums over the layers are in fp32.

Shapes: N tokens of a packed step, d hidden size, F inner size, H query and K key heads of size D, G = H / K, P shared
tokens, R rows of w.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from workers.engine import abilities, attention, compiled, onednn
from workers.engine.attention import Tree, in_parts, joined, parted
from workers.engine.elementwise import normalised, rotated
from workers.engine.head import negative_log_likelihood

KINDS = (torch.float32, torch.bfloat16)
ALIKE = 8
"""Roundings of the products' dtype by which loops and torch's operators may differ in a trial."""


@dataclass(frozen=True)
class Passes:
    """Norms, gates and losses: by compiled `loops`, or without."""

    loops: bool

    def norm(self, x: Tensor, y: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        """Root mean square normalisation with `weight` `[d]`, in fp32.

        The sum of `x` `[N, d]`, in fp32, and `y`; it normalised, in `y`'s dtype; and by which factors `[N, 1]`.
        """
        if not (self.fits([y], [x, weight]) and x.shape == y.shape and x.shape[1:] == weight.shape):
            total = x + y
            out, factor = normalised(total, weight, eps)
            return total, out.to(y.dtype), factor
        total, out, factor = torch.empty_like(x), torch.empty_like(y), x.new_empty(len(x), 1)
        loop = _loops().norm(_low(y))
        loop(len(x), x.numel(), x, y, total, weight, out, factor, x.shape[1], compiled.bits(eps))
        return total, out, factor

    def add_norm_gradient(self, into: Tensor, g: Tensor, x: Tensor, weight: Tensor, factor: Tensor) -> Tensor:
        """Adds the gradient of the sum `x` to `into`, from `g`, that of the normalised; `into` in `g`'s dtype."""
        alike = into.shape == g.shape == x.shape and x.shape[1:] == weight.shape and len(factor) == len(x)
        if not (self.fits([g], [into, x, weight, factor]) and alike):
            weighted = g * weight
            share = (weighted * x).mean(-1, keepdim=True).mul_(factor**3)
            return into.addcmul_(weighted, factor).addcmul_(x, share, value=-1).to(g.dtype)
        low = into if g.dtype == into.dtype else torch.empty_like(g)
        loop = _loops().norm_gradient(_low(g))
        loop(len(x), x.numel(), into, g, x, weight, factor, low, x.shape[1])
        return low

    def gated(self, both: Tensor) -> Tensor:
        """`[N, 2 F]` -> `[N, F]`: SiLU of the first half, times the second."""
        if not self.fits([both]):
            before, up = both.chunk(2, 1)
            return nn.functional.silu(before).mul_(up)
        out = both.new_empty(len(both), both.shape[1] // 2)
        _loops().gated(_low(both))(len(both), both.numel(), both, out, out.shape[1])
        return out

    def gated_gradient(self, g: Tensor, both: Tensor) -> Tensor:
        """The gradient of `both` from `g`, that of `gated`."""
        out = torch.empty_like(both)
        if self.fits([g, both]) and both.shape == (len(g), 2 * g.shape[1]):
            _loops().gated_gradient(_low(both))(len(both), both.numel(), g, both, out, g.shape[1])
            return out
        (before, up), (before_g, up_g) = both.chunk(2, 1), out.chunk(2, 1)
        torch.mul(g, nn.functional.silu(before), out=up_g)
        torch.ops.aten.silu_backward.grad_input(g * up, before, grad_input=before_g)
        return out

    def likelihood(self, logits: Tensor, targets: Tensor, *, overwrite: bool) -> Tensor:
        """Sum of the `targets`' negative log-likelihoods, in nats, by `logits` `[M, vocabulary]`.

        With `overwrite` the logits become their probabilities.
        """
        count, width = logits.shape
        aimed = targets.dtype == torch.int64 and targets.shape == (count,) and targets.is_contiguous()
        if not (self.fits([logits]) and aimed and bool(((targets >= 0) & (targets < width)).all())):
            return negative_log_likelihood(logits, targets, overwrite=overwrite)
        losses, held = (torch.empty(shape, dtype=torch.float32) for shape in ((count,), (_threads(), width)))
        loop = _loops().likelihood(_low(logits))
        loop(count, logits.numel(), logits, targets, losses, held, width, overwrite)
        return losses.sum()

    def fits(self, some: Sequence[Tensor], wide: Sequence[Tensor] = ()) -> bool:
        """Whether loops are to take `some` tensors, of one dtype, and `wide` ones in fp32."""
        dtypes = {one.dtype for one in some}
        return (
            self.loops
            and len(dtypes) == 1
            and dtypes.issubset(KINDS)
            and all(one.dtype == torch.float32 for one in wide)
            and all(one.device.type == "cpu" and one.is_contiguous() for one in (*some, *wide))
        )


@dataclass(frozen=True)
class Step:
    """What all layers of a step need: its layout, and rotary cosines and sines `[N, D]` in fp32."""

    tree: Tree
    cos: Tensor
    sin: Tensor


@dataclass(frozen=True)
class Parts:
    """Queries, keys and values that see one another, and what weight the keys have.

    Of the shared tokens `[K, G P, D]`, twice `[K, P, D]` and `[K, G P, P]`; of rows, whose keys begin with the shared
    ones, `[R K, G w, D]`, `[R K, P + w, D]` and `[R K, G w, P + w]`.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Graph:
    """The same for autograd, `attention.parted`."""

    parts: list[Tensor]
    seen: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Attention:
    """Attention of a packed step's tokens, from heads `[N, (H + 2 K) D]` before rotation."""

    passes: Passes
    groups: int
    keys: int
    size: int
    scale: float

    def forward(self, heads: Tensor, step: Step, *, graph: bool) -> tuple[Tensor, list[Parts] | Graph]:
        """What queries see, `[N, H D]`; with `graph` there is a way back, and often without."""
        if self._compiled(heads, step):
            return self._by_loops(heads, step)
        found = self._by_graph(heads, step, graph=graph)
        return joined([part.detach() for part in found.seen]).view(len(heads), -1), found

    def gradient(self, g: Tensor, kept: list[Parts] | Graph, step: Step) -> Tensor:
        """That of `heads`, from `g`, that of what queries see."""
        return self._of_graph(g, kept, step) if isinstance(kept, Graph) else self._of_parts(g, kept, step)

    def _compiled(self, heads: Tensor, step: Step) -> bool:
        tree = step.tree
        pairs = tree.shared**2 + tree.rows * tree.width * (tree.shared + tree.width)
        few = pairs * self.keys * self.groups <= attention.KEPT_SCORES
        tokens = tree.shared + tree.rows * tree.width
        alike = step.cos.shape == step.sin.shape == (tokens, self.size) and self.size % 2 == 0
        whole = heads.shape == (tokens, (self.groups + 2) * self.keys * self.size)
        return few and alike and whole and self.passes.fits([heads], [step.cos, step.sin])

    def _sizes(self, tree: Tree) -> tuple[int, ...]:
        return self.keys, tree.shared, tree.rows, tree.width

    def _heads(self, x: Tensor) -> Any:
        return _loops().heads(self.groups, self.size, _low(x))

    def _asking(self, x: Tensor, tree: Tree) -> list[Tensor]:
        counts = ((self.keys, tree.shared), (tree.rows * self.keys, tree.width))
        return [x.new_empty(many, self.groups * each, self.size) for many, each in counts]

    def _asked(self, x: Tensor, tree: Tree) -> list[Tensor]:
        counts = ((self.keys, tree.shared), (tree.rows * self.keys, tree.shared + tree.width))
        return [x.new_empty(many, each, self.size) for many, each in counts]

    def _by_loops(self, heads: Tensor, step: Step) -> tuple[Tensor, list[Parts]]:
        tree, loops = step.tree, self._heads(heads)
        qs, ks, vs = self._asking(heads, tree), self._asked(heads, tree), self._asked(heads, tree)
        loops.spread(len(heads), heads.numel(), heads, step.cos, step.sin, *qs, *ks, *vs, *self._sizes(tree))
        kept, seen = [], []
        for q, k, v, before in zip(qs, ks, vs, (0, tree.shared), strict=True):
            weights = _times(q, k.mT)
            held = torch.empty(_threads(), k.shape[1], dtype=torch.float32)
            width = k.shape[1] - before
            rows = weights.shape[:2].numel()
            loops.softmax(rows, weights.numel(), weights, held, width, before, compiled.bits(self.scale))
            kept.append(Parts(q, k, v, weights))
            seen.append(_times(weights, v))
        out = heads.new_empty(len(heads), self.groups * self.keys * self.size)
        loops.moved(len(heads), out.numel(), out, *seen, *self._sizes(tree), False)
        return out, kept

    def _of_parts(self, g: Tensor, kept: list[Parts], step: Step) -> Tensor:
        tree, g = step.tree, g.to(kept[0].q.dtype).contiguous()
        loops = self._heads(g)
        seen = self._asking(g, tree)
        loops.moved(len(g), g.numel(), g, *seen, *self._sizes(tree), True)
        found = []
        for part, one, before in zip(kept, seen, (0, tree.shared), strict=True):
            scores = _times(one, part.v.mT)
            width, rows = scores.shape[2] - before, scores.shape[:2].numel()
            v = torch.bmm(part.weights.mT, one)
            bits = compiled.bits(self.scale)
            loops.softmax_gradient(rows, scores.numel(), part.weights, scores, width, before, bits)
            found.append((_times(scores, part.k), torch.bmm(scores.mT, part.q), v))
        (q, k, v), (own_q, own_k, own_v) = found
        out = g.new_empty(len(g), (self.groups + 2) * self.keys * self.size)
        parts = (q, own_q, k, own_k, v, own_v)
        loops.added(len(g), out.numel(), out, step.cos, step.sin, *parts, *self._sizes(tree))
        return out

    def _by_graph(self, heads: Tensor, step: Step, *, graph: bool) -> Graph:
        by_head = heads.view(len(heads), -1, self.size)
        cos, sin = step.cos.unsqueeze(1), step.sin.unsqueeze(1)
        turned = rotated(by_head[:, : -self.keys], cos, sin).to(heads.dtype)
        found = turned[:, : -self.keys], turned[:, -self.keys :], by_head[:, -self.keys :]
        with torch.set_grad_enabled(graph):
            parts = [
                part.detach().requires_grad_(graph)
                for one in found
                for part in parted(one.transpose(0, 1).unsqueeze(0), step.tree)
            ]
            return Graph(parts, in_parts(parts, self.scale))

    def _of_graph(self, g: Tensor, kept: Graph, step: Step) -> Tensor:
        seen = parted(g.view(1, len(g), -1, self.size).transpose(1, 2), step.tree)
        found = torch.autograd.grad(kept.seen, kept.parts, seen, materialize_grads=True)
        q, k, v = (joined(found[at : at + 2])[0] for at in (0, 2, 4))
        cos, sin = step.cos.unsqueeze(1), step.sin.unsqueeze(1)
        turned = rotated(torch.cat([q, k], 1), cos, -sin).to(g.dtype)
        return torch.cat([turned, v], 1).view(len(g), -1)


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Batches of products. In fp32 oneDNN's are up to twice as fast as those of the library that torch asks."""
    if a.dtype == torch.float32 and a.numel() and abilities.here().library:
        return onednn.product(a, b.mT)
    return torch.bmm(a, b)


def right(groups: int, size: int, dtype: torch.dtype) -> bool:
    """Whether loops for such heads and products compile here, and find what torch's operators find."""
    return abilities.here().loops and _tried(groups, size, dtype)


@lru_cache(maxsize=16)
def _tried(groups: int, size: int, dtype: torch.dtype) -> bool:
    try:
        found, wanted = (_answers(Passes(loops), groups, size, dtype) for loops in (True, False))
    except MemoryError:
        raise
    except Exception:  # Numba's errors have no class in common but this.
        return False
    most = ALIKE * torch.finfo(dtype).eps
    pairs = ((one.double(), other.double()) for one, other in zip(found, wanted, strict=True))
    return all(bool((one - other).norm() <= most * other.norm()) for one, other in pairs)


@torch.no_grad()
def _answers(passes: Passes, groups: int, size: int, dtype: torch.dtype) -> list[Tensor]:
    """All of them on a step of two rows."""
    tree, keys = Tree(5, 2, 4), 2
    tokens, width = tree.shared + tree.rows * tree.width, groups * keys * size

    def some(*shape: int, among: torch.dtype = dtype) -> Tensor:
        return torch.linspace(-2, 2, math.prod(shape)).mul(97).sin().view(shape).to(among)

    x, weight, y = some(tokens, width, among=torch.float32), some(width, among=torch.float32), some(tokens, width)
    total, normed, factor = passes.norm(x, y, weight, 1e-5)
    into = x.clone()
    low = passes.add_norm_gradient(into, y, total, weight, factor)
    both, logits, targets = some(tokens, 2 * width), some(tokens, width), torch.arange(tokens) % width
    angles = some(tokens, size // 2, among=torch.float32).repeat(1, 2)
    step, seeing = Step(tree, angles.cos(), angles.sin()), Attention(passes, groups, keys, size, size**-0.5)
    seen, kept = seeing.forward(some(tokens, (groups + 2) * keys * size), step, graph=True)
    return [
        total, normed, factor, into, low, passes.gated(both), passes.gated_gradient(y, both),
        passes.likelihood(logits, targets, overwrite=True), logits, seen, seeing.gradient(y, kept, step),
    ]  # fmt: skip


def _threads() -> int:
    return torch.get_num_threads()


def _low(x: Tensor) -> bool:
    return x.dtype == torch.bfloat16


def _loops() -> Any:
    """Imported when it is needed: Numba takes a second."""
    from workers.engine import training_loops

    return training_loops
