"""The loops that `compiled` calls, and what all loops are made of, in the part of Python that Numba compiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from workers.engine.compiled import LN_2, NUMBERS, PARTS, POWERS, Loop, openmp
from workers.engine.softmax import LOG2_E

SAFE = {"contract", "reassoc", "nsz", "arcp"}
"""Sums may be added up in any order. Infinity and what is no number stay what they are."""
ZERO, ONE, HALF, LOWEST = np.float32(0), np.float32(1), np.float32(0.5), np.float32(-126)
MOST_AT_A_TIME, TURNS = 32, 8
"""Units that a thread takes at a time, and how often it takes some where there are few."""
MANY = 1 << 40
"""Stands for a first dimension that is not known."""
C0, C1, C2, C3, C4, C5, C6, C7 = (np.float32(power) for power in POWERS)
BITS_BELOW, BIAS = np.int32(23), np.int32(127)
"""fp32's bits after the point, and what its exponents are stored as too much."""
NO_NUMBER = np.uint16(0x7FC0)
ROUNDS, ODD, HALF_BITS = np.int32(0x7FFF), np.int32(1), np.int32(16)
log_2, log2_e = np.float32(LN_2), np.float32(LOG2_E)
_thread, _threads = openmp().omp_get_thread_num, openmp().omp_get_num_threads


def _pointer(kind: Any) -> Any:
    @intrinsic
    def pointer(typing: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate  # type: ignore[no-untyped-call]

    return pointer


def _same_bits(kind: Any, made: Any, of: Any) -> Any:
    @intrinsic
    def bits(typing: Any, value: Any) -> Any:
        return made(of), lambda context, builder, signature, given: builder.bitcast(given[0], kind)

    return bits


floats, ints, longs = _pointer(types.float32), _pointer(types.int32), _pointer(types.int64)
halves = _pointer(types.uint16)
as_int = _same_bits(ir.IntType(32), types.int32, types.float32)
as_float = _same_bits(ir.FloatType(), types.float32, types.int32)


def compiled(body: Callable[..., None]) -> Loop:
    """`body(given, first, last, thread)` as a loop whose units the threads that run it take in turns.

    Of a text, later units are more work than earlier ones.
    """
    inner = njit(body, fastmath=SAFE, error_model="numpy")

    @cfunc(types.void(types.CPointer(types.int64)))  # type: ignore[no-untyped-call]
    def run(address: Any) -> None:
        given = carray(address, (NUMBERS,))
        units, thread, threads = given[0], np.int64(_thread()), np.int64(_threads())
        block = max(1, min(MOST_AT_A_TIME, units // (TURNS * threads)))
        for first in range(thread * block, units, threads * block):
            inner(given, first, min(first + block, units), thread)

    return Loop(run)


@njit(inline="always")
def rounded_bits(value: Any) -> Any:
    """To the nearest bf16, of two the even one."""
    bits = as_int(value)
    if value != value:
        return NO_NUMBER
    return np.uint16((bits + ROUNDS + ((bits >> HALF_BITS) & ODD)) >> HALF_BITS)


@njit(inline="always")
def widened(bits: Any) -> Any:
    """A bf16 as fp32."""
    return as_float(np.int32(bits) << HALF_BITS)


@njit(inline="always")
def power_of_2(x: Any) -> Any:
    """2^x for x up to 0."""
    x = LOWEST if x < LOWEST else x
    whole = np.floor(x + HALF)
    f = x - whole
    power = C0 + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * (C5 + f * (C6 + f * C7))))))
    return power * as_float((np.int32(whole) + BIAS) << BITS_BELOW)


@njit(fastmath=SAFE | {"nnan"}, error_model="numpy")
def largest(scores: Any, count: int) -> Any:
    """What is no number it may overlook: the weights do not."""
    highest = scores[0]
    for t in range(1, count):
        highest = max(highest, scores[t])
    return highest


@njit(fastmath=SAFE, error_model="numpy")
def softmaxed(scores: Any, count: int) -> tuple[Any, Any]:
    """Scores in powers of two become weights; the highest score, and the weights' sum."""
    highest, total = largest(scores, count), ZERO
    for t in range(count):
        weight = power_of_2(scores[t] - highest)
        scores[t] = weight
        total += weight
    return highest, total


@lru_cache(maxsize=1)
def norm() -> Loop:
    return compiled(_norm)


def _norm(given: Any, first: int, last: int, thread: int) -> None:
    units, width = given[0], given[4]
    x, weight = carray(floats(given[1]), (units, width)), carray(floats(given[2]), (width,))
    y, rounded = carray(floats(given[3]), (units, width)), carray(halves(given[3]), (units, width))
    eps = as_float(np.int32(given[5]))
    for n in range(first, last):
        squares = ZERO
        for d in range(width):
            squares += x[n, d] * x[n, d]
        factor = ONE / np.sqrt(squares / np.float32(width) + eps)
        if given[6]:
            for d in range(width):
                rounded[n, d] = rounded_bits(x[n, d] * factor * weight[d])
        else:
            for d in range(width):
                y[n, d] = x[n, d] * factor * weight[d]


@lru_cache(maxsize=1)
def rotation() -> Loop:
    return compiled(_rotation)


def _rotation(given: Any, first: int, last: int, thread: int) -> None:
    tokens, count, size = given[0], given[4], given[5]
    heads = carray(floats(given[1]), (tokens, count, size))
    cos, sin = carray(floats(given[2]), (tokens, size)), carray(floats(given[3]), (tokens, size))
    half = size // 2
    for n in range(first, last):
        for h in range(count):
            for d in range(half):
                one, other = heads[n, h, d], heads[n, h, half + d]
                heads[n, h, d] = one * cos[n, d] - other * sin[n, d]
                heads[n, h, half + d] = other * cos[n, half + d] + one * sin[n, half + d]


@lru_cache(maxsize=1)
def put() -> Loop:
    return compiled(_put)


def _put(given: Any, first: int, last: int, thread: int) -> None:
    tokens, width = given[0], given[6]
    k, v = carray(floats(given[1]), (tokens, width)), carray(floats(given[2]), (tokens, width))
    keys, values = carray(floats(given[3]), (MANY, width)), carray(floats(given[4]), (MANY, width))
    places = carray(longs(given[5]), (tokens,))
    for n in range(first, last):
        for d in range(width):
            keys[places[n], d] = k[n, d]
        for d in range(width):
            values[places[n], d] = v[n, d]


@dataclass(frozen=True)
class Attention:
    """Loops for heads of one size."""

    own: Loop
    merge: Loop


@lru_cache(maxsize=4)
def attention(groups: int, size: int) -> Attention:
    """G and D are known when these are compiled, so that sums over D stay in registers."""

    @njit(fastmath=SAFE, error_model="numpy")
    def score(queries: Any, k: Any, key: int, seen: Any, scale: Any, scores: Any) -> None:
        """`scores` `[G, ...]` of the keys in sight."""
        for t in range(len(seen)):
            one = k[seen[t], key]
            for g in range(groups):
                total = ZERO
                for d in range(size):
                    total += queries[g, d] * one[d]
                scores[g, t] = total * scale

    @njit(fastmath=SAFE, error_model="numpy")
    def weigh(weights: Any, v: Any, key: int, seen: Any, out: Any) -> None:
        """`out` `[G, D]` of the values in sight, four at a time: it is read and written a quarter as often."""
        for g in range(groups):
            for d in range(size):
                out[g, d] = ZERO
        whole = len(seen) // 4 * 4
        for t in range(0, whole, 4):
            one, two, three, four = v[seen[t], key], v[seen[t + 1], key], v[seen[t + 2], key], v[seen[t + 3], key]
            for g in range(groups):
                a, b, c, e = weights[g, t], weights[g, t + 1], weights[g, t + 2], weights[g, t + 3]
                for d in range(size):
                    out[g, d] += a * one[d] + b * two[d] + c * three[d] + e * four[d]
        for t in range(whole, len(seen)):
            one = v[seen[t], key]
            for g in range(groups):
                a = weights[g, t]
                for d in range(size):
                    out[g, d] += a * one[d]

    def own(given: Any, first: int, last: int, thread: int) -> None:
        units, tokens, keys, most, columns, kind = given[0], given[9], given[10], given[11], given[12], given[13]
        scale = as_float(np.int32(given[14]))
        q, out = carray(floats(given[1]), (units, groups, size)), carray(floats(given[6]), (units, groups, size))
        k, v = carray(floats(given[2]), (MANY, keys, size)), carray(floats(given[3]), (MANY, keys, size))
        index, begin = carray(ints(given[4]), (MANY,)), carray(ints(given[5]), (tokens + 1,))
        scores = carray(floats(given[7]), (MANY, groups, most))[thread]
        asked = carray(floats(given[8]), (keys, tokens * groups, columns))
        rounded = carray(halves(given[8]), (keys, tokens * groups, columns))
        for unit in range(first, last):
            n, key = unit // keys, unit % keys
            seen = index[begin[n] : begin[n + 1]]
            score(q[unit], k, key, seen, scale * log2_e, scores)
            for g in range(groups):
                highest, total = softmaxed(scores[g], len(seen))
                for t in range(len(seen)):
                    scores[g, t] /= total
                left = -(highest + np.float32(np.log2(total))) * log_2
                place = n * groups + g
                if kind == 1:
                    for d in range(size):
                        asked[key, place, d] = q[unit, g, d] * scale
                    asked[key, place, size] = left
                elif kind == 2:
                    for d in range(size):
                        rounded[key, place, d] = rounded_bits(q[unit, g, d] * scale)
                    for part in range(PARTS):
                        bits = rounded_bits(left)
                        rounded[key, place, size + part] = bits
                        left -= widened(bits)
            weigh(scores, v, key, seen, out[unit])

    def merge(given: Any, first: int, last: int, thread: int) -> None:
        units, tokens, keys = given[0], given[4], given[5]
        out = carray(floats(given[1]), (units, groups, size))
        shared = carray(floats(given[2]), (keys, tokens * groups, size + 1))
        wrong = carray(ints(given[3]), (MANY,))
        check = ZERO
        for unit in range(first, last):
            n, key = unit // keys, unit % keys
            for g in range(groups):
                own, seen = out[unit, g], shared[key, n * groups + g]
                for d in range(size + 1):
                    check += seen[d]
                factor = ONE / (ONE + seen[size])
                for d in range(size):
                    own[d] = (own[d] + seen[d]) * factor
        if not np.isfinite(check):
            wrong[thread] = 1

    return Attention(compiled(own), compiled(merge))
