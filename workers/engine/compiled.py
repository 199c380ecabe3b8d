"""Loops over tokens between the matrix products, compiled for this CPU by Numba when they are first needed.

torch's operators write each intermediate tensor and read it again: attention of a few short rows takes thirty of them,
a norm four. Here a token is done with before the next. The loops run on the threads that torch's operators run on, so
that neither waits for the other's. Where Numba or GCC's OpenMP is missing, `abilities` has no loops.

Shapes: N tokens, H query heads, K key heads, G = H / K, D head size, P shared tokens.
"""

from __future__ import annotations

import ctypes
import math
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from workers.engine import abilities

NUMBERS = 20
"""What a loop can be given."""
FEW = 1 << 13
"""Numbers to go through for which it is not worth to wake other threads."""
POWERS = tuple(math.log(2) ** n / math.factorial(n) for n in range(8))
"""Taylor's for 2^x: between -1/2 and 1/2 it is off by less than a tenth of what fp32 rounds."""
LN_2 = math.log(2)
LONG = 768
"""New tokens of a row from which plain products are the faster way."""
PARTS = 3
"""Numbers in bf16 that add up to one in fp32."""


@dataclass(frozen=True)
class Sight:
    """Which keys N tokens see: `index[begin[n] : begin[n + 1]]` of all keys, both int32; `most` is the longest."""

    index: Tensor
    begin: Tensor
    most: int

    @classmethod
    def of_rows(cls, rows: Sequence[Tensor]) -> Sight:
        """Rows that stand one after another, of which `rows[n]` `[w, w]` says which of its tokens sees which."""
        begins = accumulate((len(seen) for seen in rows), initial=0)
        index = [seen.nonzero()[:, 1] + begin for seen, begin in zip(rows, begins, strict=False)]
        return cls.of_counts(torch.cat(index), torch.cat([seen.sum(1) for seen in rows]))

    @classmethod
    def of_counts(cls, index: Tensor, counts: Tensor) -> Sight:
        """`counts` `[N]` of the indices belong to each token."""
        begin = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return cls(index.int(), begin.int(), int(counts.max()))

    def mask(self) -> Tensor:
        """The same as an additive `[1, 1, N, N]`, where tokens see one another."""
        count = len(self.begin) - 1
        token = torch.arange(count).repeat_interleave(self.begin.diff().long())
        made = torch.full((count, count), -torch.inf)
        made[token, self.index.long()] = 0
        return made.view(1, 1, count, count)

    def of_some(self, tokens: Tensor) -> Sight:
        """What these of the tokens see, in their order."""
        begin, end = self.begin[tokens], self.begin[tokens + 1]
        counts = (end - begin).long()
        before = counts.cumsum(0) - counts
        at = torch.arange(int(counts.sum())) + (begin - before).repeat_interleave(counts)
        return Sight.of_counts(self.index[at], counts)


@lru_cache(maxsize=2)
def causal(tokens: int) -> Sight:
    """What tokens of one text see: themselves and what is before them."""
    counts = torch.arange(1, tokens + 1)
    begin = counts.cumsum(0) - counts
    return Sight.of_counts(torch.arange(int(counts.sum())) - begin.repeat_interleave(counts), counts)


def sighted(device: torch.device, each: int, made: Callable[[], Sight]) -> Sight | None:
    """What tokens see, where rows of at most `each` tokens stand in line; else None, and a mask says it."""
    return made() if in_line(device, each) else None


def in_line(device: torch.device, each: int) -> bool:
    """Whether rows can stand one after another in a call without seeing each other: `each` is not too long."""
    return device.type == "cpu" and each < LONG and abilities.here().rows_in_line


def fits(q: Tensor, k: Tensor, v: Tensor) -> bool:
    """Whether the loops can take these queries, keys and values, which have their heads second and D last."""
    plain = q.device.type == "cpu" and q.dtype == k.dtype == v.dtype == torch.float32
    alike = k.shape == v.shape and q.shape[-1] == k.shape[-1] and q.shape[1] % k.shape[1] == 0
    return plain and alike and not (torch.is_grad_enabled() and q.requires_grad) and abilities.here().loops


def normalised(x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """Contiguous `[..., d]` in fp32 by its root mean square, times `weight` `[d]`; fp32, or rounded to bf16."""
    if dtype not in (torch.float32, torch.bfloat16):
        raise ValueError(f"normalised in {dtype}")
    y = torch.empty(x.shape, dtype=dtype)
    width = x.shape[-1]
    _loops().norm()(x.numel() // width, x.numel(), x, weight, y, width, bits(eps), dtype == torch.bfloat16)
    return y


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Turns contiguous `[N, h, D]` in place by rotary angles `[N, D]`, first half against second."""
    tokens, count, size = heads.shape
    _loops().rotation()(tokens, heads.numel(), heads, cos, sin, count, size)


def put(k: Tensor, v: Tensor, keys: Tensor, values: Tensor, places: Tensor) -> None:
    """Contiguous `[N, K, D]` keys and values into `places` `[N]` of contiguous `[..., K, D]` ones."""
    _loops().put()(len(places), 2 * k.numel(), k, v, keys, values, places, k.shape[1] * k.shape[2])


def own_part(q: Tensor, k: Tensor, v: Tensor, sight: Sight, scale: float, asked: Tensor | None = None) -> Tensor:
    """Softmax attention of `q` `[N, H, D]` to the keys in sight, of contiguous `[..., K, D]`.

    In `asked` `[K, N * G, D + 1]` it leaves the scaled queries and, after each, minus the log-sum-exp of its own part;
    in bf16 `[K, N * G, D + 3]`, where the last three add up to that.
    """
    out = torch.empty_like(q)
    torch.ops.gradus.own_attention(q, k, v, sight.index, sight.begin, sight.most, scale, out, asked)
    return out


def _own_attention(
    q: Tensor, k: Tensor, v: Tensor, index: Tensor, begin: Tensor, most: int, scale: float, out: Tensor,
    asked: Tensor | None,
) -> None:  # fmt: skip
    (tokens, heads, size), keys = q.shape, k.shape[-2]
    held = q.new_empty(torch.get_num_threads(), heads // keys, most)
    columns, kind = (0, 0) if asked is None else (asked.shape[2], 1 + (asked.dtype == torch.bfloat16))
    _loops().attention(heads // keys, size).own(
        tokens * keys, index.numel() * heads * size, q, k, v, index, begin, out, held, 0 if asked is None else asked,
        tokens, keys, most, columns, kind, bits(scale),
    )  # fmt: skip


def merge(out: Tensor, seen: Tensor) -> bool:
    """Adds what `[N, H, D]` queries saw of shared tokens, `[K, N * G, D + 1]` values and weights relative to `out`.

    False where one of these is more than a float holds.
    """
    wrong = torch.zeros(torch.get_num_threads(), dtype=torch.int32)
    torch.ops.gradus.merge_attention(out, seen, wrong)
    return not wrong.any()


def _merge_attention(out: Tensor, seen: Tensor, wrong: Tensor) -> None:
    (tokens, heads, size), keys = out.shape, len(seen)
    _loops().attention(heads // keys, size).merge(tokens * keys, out.numel(), out, seen, wrong, tokens, keys)


_operators = Library("gradus", "FRAGMENT")  # type: ignore[no-untyped-call]
"""Operators of torch, so that what watches these (a profiler, the benchmark) sees the loops of attention too."""
_operators.define(  # type: ignore[no-untyped-call]
    "own_attention(Tensor q, Tensor k, Tensor v, Tensor index, Tensor begin, int most, float scale, Tensor(a!) out,"
    " Tensor(b!)? asked) -> ()"
)
_operators.define("merge_attention(Tensor(a!) out, Tensor seen, Tensor(b!) wrong) -> ()")  # type: ignore[no-untyped-call]
_operators.impl("own_attention", _own_attention, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
_operators.impl("merge_attention", _merge_attention, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]


def _loops() -> Any:
    """Imported when it is needed: Numba takes a second."""
    from workers.engine import loops

    return loops


def bits(value: float) -> int:
    """A number in fp32 as an integer of as many bits."""
    bits: int = struct.unpack("<i", struct.pack("<f", value))[0]
    return bits


class Loop:
    """A compiled `body(given, first, last, thread)` over some of the units; tensors are given by their addresses."""

    def __init__(self, run: Any) -> None:
        self._run = run  # Its code lives as long as this.
        self._address = ctypes.c_void_p(run.address)
        self._here = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(run.address)

    def __call__(self, units: int, work: int, *given: Tensor | int) -> None:
        numbers = (ctypes.c_int64 * NUMBERS)(units, *(one if isinstance(one, int) else one.data_ptr() for one in given))
        threads = torch.get_num_threads()
        if threads == 1 or work <= FEW:
            self._here(ctypes.addressof(numbers))
        else:
            openmp().GOMP_parallel(self._address, ctypes.byref(numbers), threads, 0)


def works() -> bool:
    """Tries whether loops can be compiled, and run on torch's threads."""
    try:
        openmp()
        x = torch.linspace(-2, 2, 3 * 20).view(3, 20)
        found = normalised(x, torch.ones(20), 0.0, torch.float32)
    except Exception:  # Numba's errors have no class in common but this, and it may be missing.
        return False
    return torch.allclose(found, x * x.square().mean(-1, keepdim=True).rsqrt())


@lru_cache(maxsize=1)
def openmp() -> Any:
    """The library whose threads torch uses: the one in its package, else the system's, if it is loaded.

    Raises `OSError` where torch uses another one.
    """
    place = Path(torch.__file__).parent
    packaged = [*place.glob("lib/libgomp*.so*"), *place.parent.glob("torch.libs/libgomp*.so*")]
    library = ctypes.CDLL(str(next(iter(packaged), "libgomp.so.1")), mode=os.RTLD_NOW | os.RTLD_NOLOAD)
    library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    library.GOMP_parallel.restype = None
    for name in ("omp_get_thread_num", "omp_get_num_threads"):
        getattr(library, name).argtypes = []
        getattr(library, name).restype = ctypes.c_int
    return library
