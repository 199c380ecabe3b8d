"""What a decoder layer does between its products in training, and the way back: compiled loops, or torch's operators.

Each of them reads its input once and writes what the next product takes. Numbers between products are of the products'
dtype, fp32 or bf16; sums over the layers are in fp32.

Shapes: N tokens of a packed step, d hidden size, F inner size, H query and K key heads of size D, G = H / K, P shared
tokens, R rows of w.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workers.engine import compiled, onednn
from workers.engine.attention import KEPT_SCORES, Tree, in_parts, joined, parted
from workers.engine.elementwise import normalised, rotated
from workers.engine.head import negative_log_likelihood

KINDS = (torch.float32, torch.bfloat16)


@dataclass(frozen=True)
class Passes:
    """Norms, gates and losses: by compiled `loops`, or without."""

    loops: bool

    def norm(self, x: Tensor, y: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        """Root mean square normalisation with `weight` `[d]`, in fp32.

        The sum of `x` `[N, d]`, in fp32, and `y`; it normalised, in `y`'s dtype; and by which factors `[N, 1]`.
        """
        if not self.fits(x, y, weight):
            total = x + y
            out, factor = normalised(total, weight, eps)
            return total, out.to(y.dtype), factor
        total, out, factor = torch.empty_like(x), torch.empty_like(y), x.new_empty(len(x), 1)
        loop = _loops().passes(_low(y)).norm
        loop(len(x), x.numel(), x, y, total, weight, out, factor, x.shape[1], compiled.bits(eps))
        return total, out, factor

    def add_norm_gradient(self, into: Tensor, g: Tensor, x: Tensor, weight: Tensor, factor: Tensor) -> Tensor:
        """Adds the gradient of the sum `x` to `into`, from `g`, that of the normalised; `into` in `g`'s dtype."""
        if not self.fits(into, g, x, weight):
            weighted = g * weight
            share = (weighted * x).mean(-1, keepdim=True).mul_(factor**3)
            return into.addcmul_(weighted, factor).addcmul_(x, share, value=-1).to(g.dtype)
        low = into if g.dtype == into.dtype else torch.empty_like(g)
        loop = _loops().passes(_low(g)).norm_gradient
        loop(len(x), x.numel(), into, g, x, weight, factor, low, x.shape[1])
        return low

    def gated(self, both: Tensor) -> Tensor:
        """`[N, 2 F]` -> `[N, F]`: SiLU of the first half, times the second."""
        if not self.fits(both):
            before, up = both.chunk(2, 1)
            return nn.functional.silu(before).mul_(up)
        out = both.new_empty(len(both), both.shape[1] // 2)
        _loops().passes(_low(both)).gated(len(both), both.numel(), both, out, out.shape[1])
        return out

    def gated_gradient(self, g: Tensor, both: Tensor) -> Tensor:
        """The gradient of `both` from `g`, that of `gated`."""
        out = torch.empty_like(both)
        if self.fits(g, both):
            _loops().passes(_low(both)).gated_gradient(len(both), both.numel(), g, both, out, g.shape[1])
            return out
        (before, up), (before_g, up_g) = both.chunk(2, 1), out.chunk(2, 1)
        torch.mul(g, nn.functional.silu(before), out=up_g)
        torch.ops.aten.silu_backward.grad_input(g * up, before, grad_input=before_g)
        return out

    def likelihood(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits `[M, vocabulary]` become probabilities; sum of the `targets`' negative log-likelihoods, in nats."""
        if not self.fits(logits):
            return negative_log_likelihood(logits, targets, overwrite=True)
        (count, width), losses = logits.shape, torch.empty(len(logits))
        held = torch.empty(torch.get_num_threads(), width)
        _loops().likelihood(_low(logits))(count, logits.numel(), logits, targets, losses, held, width)
        return losses.sum()

    def fits(self, *some: Tensor) -> bool:
        """Whether loops can take these, and are to."""
        return self.loops and all(
            one.device.type == "cpu" and one.dtype in KINDS and one.is_contiguous() for one in some
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
        """What queries see, `[N, H D]`; with `graph` there is a way back."""
        if self._compiled(heads, step):
            return self._by_loops(heads, step)
        found = self._by_graph(heads, step, graph=graph)
        return joined([part.detach() for part in found.seen]).view(len(heads), -1), found

    def gradient(self, g: Tensor, kept: list[Parts] | Graph, step: Step) -> Tensor:
        """That of `heads`, from `g`, that of what queries see."""
        return self._of_graph(g, kept, step) if isinstance(kept, Graph) else self._of_parts(g, kept, step)

    def _compiled(self, heads: Tensor, step: Step) -> bool:
        tree = step.tree
        most = tree.rows * self.keys * self.groups * tree.width * (tree.shared + tree.width)
        alike = step.cos.shape == step.sin.shape == (len(heads), self.size)
        whole = heads.shape[1] == (self.groups + 2) * self.keys * self.size
        return most <= KEPT_SCORES and alike and whole and self.passes.fits(heads, step.cos, step.sin)

    def _sizes(self, tree: Tree) -> tuple[int, ...]:
        return self.keys, tree.shared, tree.rows, tree.width

    def _loops(self, x: Tensor) -> Any:
        return _loops().heads(self.groups, self.size, _low(x))

    def _asking(self, x: Tensor, tree: Tree) -> list[Tensor]:
        counts = ((self.keys, tree.shared), (tree.rows * self.keys, tree.width))
        return [x.new_empty(many, self.groups * each, self.size) for many, each in counts]

    def _asked(self, x: Tensor, tree: Tree) -> list[Tensor]:
        counts = ((self.keys, tree.shared), (tree.rows * self.keys, tree.shared + tree.width))
        return [x.new_empty(many, each, self.size) for many, each in counts]

    def _by_loops(self, heads: Tensor, step: Step) -> tuple[Tensor, list[Parts]]:
        tree, loops = step.tree, self._loops(heads)
        qs, ks, vs = self._asking(heads, tree), self._asked(heads, tree), self._asked(heads, tree)
        loops.spread(len(heads), heads.numel(), heads, step.cos, step.sin, *qs, *ks, *vs, *self._sizes(tree))
        kept, seen = [], []
        for q, k, v, before in zip(qs, ks, vs, (0, tree.shared), strict=True):
            weights = _times(q, k.mT)
            held = torch.empty(torch.get_num_threads(), k.shape[1])
            width = k.shape[1] - before
            rows = weights.shape[:2].numel()
            loops.softmax(rows, weights.numel(), weights, held, width, before, compiled.bits(self.scale))
            kept.append(Parts(q, k, v, weights))
            seen.append(_times(weights, v))
        out = heads.new_empty(len(heads), self.groups * self.keys * self.size)
        loops.moved(len(heads), out.numel(), out, *seen, *self._sizes(tree), False)
        return out, kept

    def _of_parts(self, g: Tensor, kept: list[Parts], step: Step) -> Tensor:
        tree, loops = step.tree, self._loops(g)
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
    if a.dtype == torch.float32 and a.numel() and onednn.available():
        return onednn.product(a, b.mT)
    return torch.bmm(a, b)


def _low(x: Tensor) -> bool:
    return x.dtype == torch.bfloat16


def _loops() -> Any:
    """Imported when it is needed: Numba takes a second."""
    from workers.engine import training_loops

    return training_loops
