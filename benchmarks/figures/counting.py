"""Which operators of torch run, how long each takes, and how many floating-point operations its products have.

A dispatch mode sees every operator below autograd, forward and backward. On a CPU an operator has ended when it
returns, on a GPU it is waited for. The mode's own work lies outside the seconds that it takes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS, ATTENTION, HEAD, REST = "products", "attention", "head", "everything else"
KINDS = (PRODUCTS, ATTENTION, HEAD, REST)
ATTENTION_WORDS = ("attention", "bmm", "softmax", "logsumexp")
FLASH = "aten._scaled_dot_product_flash_attention_for_cpu"
Size = tuple[int, ...]


def _product(x: Size, y: Size) -> int:
    """`[..., m, k]` by `[..., k, n]`."""
    return 2 * prod(x) * y[-1]


def _attended(q: Size, k: Size) -> int:
    """Scores and weighted sum of `[B, H, Q, D]` queries over `[B, K, T, D]` keys."""
    return 4 * prod(q) * k[-2]


# Floating-point operations by the sizes of the tensors that are given.
FLOPS: dict[str, Callable[[list[Size]], int]] = {
    "aten.mm": lambda sizes: _product(sizes[0], sizes[1]),
    "aten.bmm": lambda sizes: _product(sizes[0], sizes[1]),
    "aten.addmm": lambda sizes: _product(sizes[1], sizes[2]),
    "aten.addmm_": lambda sizes: _product(sizes[1], sizes[2]),
    "aten.baddbmm": lambda sizes: _product(sizes[1], sizes[2]),
    "aten.baddbmm_": lambda sizes: _product(sizes[1], sizes[2]),
    # Its weight is `[out, in]`.
    "mkldnn._linear_pointwise": lambda sizes: 2 * prod(sizes[0]) * sizes[1][0],
    FLASH: lambda sizes: _attended(sizes[0], sizes[1]),
    f"{FLASH}_backward": lambda sizes: 5 * _attended(sizes[1], sizes[2]) // 2,
}
CAUSAL = {FLASH: 4, f"{FLASH}_backward": 7}
"""Where these operators are told that no query sees a later key: then half of the pairs are skipped."""


@dataclass
class Tally:
    """Seconds and floating-point operations of one operator."""

    calls: int = 0
    seconds: float = 0.0
    flops: int = 0


class Counting(TorchDispatchMode):
    """Operators by kind and name. `vocabulary` tells the head from other products; 0 where nobody asks."""

    def __init__(self, vocabulary: int = 0, device: str = "cpu") -> None:
        super().__init__()
        self.vocabulary, self.device = vocabulary, device
        self.tallies: dict[tuple[str, str], Tally] = {}
        self._dtypes: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if name_of(func) not in FLOPS:
            with self:
                parts = func.decompose(*args, **given)
            if parts is not NotImplemented:
                return parts
        wait_for(self.device)
        started = time.perf_counter()
        out = func(*args, **given)
        wait_for(self.device)
        self._take(func, args, out, time.perf_counter() - started)
        return out

    def _take(self, func: Any, args: Any, out: Any, seconds: float) -> None:
        name, sizes = name_of(func), shapes(args)
        flops = flops_of(name, sizes, args)
        kind = kind_of(name, [*sizes, *shapes([out])], flops, self.vocabulary)
        tally = self.tallies.setdefault((kind, name), Tally())
        tally.calls += 1
        tally.seconds += seconds
        tally.flops += flops
        if flops:
            self._dtypes[str(next(tensors(args)).dtype).removeprefix("torch.")] += flops

    def dtypes(self) -> set[str]:
        """Of the inputs of products."""
        return {dtype for dtype, flops in self._dtypes.items() if flops}

    def of(self, kind: str) -> Tally:
        found = [tally for (of, _), tally in self.tallies.items() if of == kind]
        return Tally(sum(t.calls for t in found), sum(t.seconds for t in found), sum(t.flops for t in found))


def wait_for(device: str) -> None:
    """Until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def name_of(func: Any) -> str:
    return str(func._overloadpacket)


def flops_of(name: str, sizes: list[Size], args: Any) -> int:
    """0 for what is no product."""
    if name not in FLOPS:
        return 0
    causal = name in CAUSAL and len(args) > CAUSAL[name] and args[CAUSAL[name]] is True
    return FLOPS[name](sizes) // (2 if causal else 1)


def kind_of(name: str, sizes: Iterable[Size], flops: int, vocabulary: int) -> str:
    """The head is whatever has the vocabulary as its last dimension: its product, log-softmax and their gradients."""
    if vocabulary and any(size[-1:] == (vocabulary,) for size in sizes):
        return HEAD
    if any(word in name for word in ATTENTION_WORDS):
        return ATTENTION
    return PRODUCTS if flops else REST


def tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors(value)


def shapes(values: Any) -> list[Size]:
    return [tuple(tensor.shape) for tensor in tensors(values)]
