"""The loops that `passes` calls: what a decoder layer does between its products in training, and the way back.

Numbers between products are in fp32 or, with `low`, in bf16; what is added up is in fp32. Each is compiled when it is
first needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import carray, njit  # type: ignore[attr-defined]

from workers.engine.compiled import Loop
from workers.engine.loops import (
    MANY,
    ONE,
    SAFE,
    ZERO,
    as_float,
    compiled,
    floats,
    halves,
    log2_e,
    log_2,
    longs,
    power_of_2,
    rounded_bits,
    softmaxed,
    widened,
)


@njit(inline="always")
def _same(value: Any) -> Any:
    return value


def _numbers(low: bool) -> tuple[Any, Any, Any]:
    """Pointers to what is between products, how it is read, and how it is written."""
    return (halves, widened, rounded_bits) if low else (floats, _same, _same)


@njit(inline="always")
def _sigmoid(x: Any) -> Any:
    power = power_of_2(-abs(x) * log2_e)
    return (ONE if x >= ZERO else power) / (ONE + power)


@lru_cache(maxsize=2)
def norm(low: bool) -> Loop:
    """The sum of `x` and `y` `[N, d]`, and it normalised."""
    numbers, read, write = _numbers(low)

    def body(given: Any, first: int, last: int, thread: int) -> None:
        units, width, eps = given[0], given[7], as_float(np.int32(given[8]))
        x, total = carray(floats(given[1]), (units, width)), carray(floats(given[3]), (units, width))
        y, out = carray(numbers(given[2]), (units, width)), carray(numbers(given[5]), (units, width))
        weight, factors = carray(floats(given[4]), (width,)), carray(floats(given[6]), (units,))
        for n in range(first, last):
            squares = ZERO
            for d in range(width):
                value = x[n, d] + read(y[n, d])
                total[n, d] = value
                squares += value * value
            factor = ONE / np.sqrt(squares / np.float32(width) + eps)
            factors[n] = factor
            for d in range(width):
                out[n, d] = write(total[n, d] * factor * weight[d])

    return compiled(body)


@lru_cache(maxsize=2)
def norm_gradient(low: bool) -> Loop:
    """Adds the gradient of what was normalised to `into` `[N, d]`."""
    numbers, read, write = _numbers(low)

    def body(given: Any, first: int, last: int, thread: int) -> None:
        units, width = given[0], given[7]
        into, x = carray(floats(given[1]), (units, width)), carray(floats(given[3]), (units, width))
        g, low_into = carray(numbers(given[2]), (units, width)), carray(numbers(given[6]), (units, width))
        weight, factors = carray(floats(given[4]), (width,)), carray(floats(given[5]), (units,))
        for n in range(first, last):
            along, factor = ZERO, factors[n]
            for d in range(width):
                along += read(g[n, d]) * weight[d] * x[n, d]
            share = along * factor * factor * factor / np.float32(width)
            for d in range(width):
                value = into[n, d] + read(g[n, d]) * weight[d] * factor - x[n, d] * share
                into[n, d] = value
                if low:
                    low_into[n, d] = write(value)

    return compiled(body)


@lru_cache(maxsize=2)
def gated(low: bool) -> Loop:
    """`[N, 2, F]` -> `[N, F]`."""
    numbers, read, write = _numbers(low)

    def body(given: Any, first: int, last: int, thread: int) -> None:
        units, width = given[0], given[3]
        both, out = carray(numbers(given[1]), (units, 2, width)), carray(numbers(given[2]), (units, width))
        for n in range(first, last):
            before, up = both[n, 0], both[n, 1]
            for d in range(width):
                x = read(before[d])
                out[n, d] = write(x * _sigmoid(x) * read(up[d]))

    return compiled(body)


@lru_cache(maxsize=2)
def gated_gradient(low: bool) -> Loop:
    """`[N, F]` -> `[N, 2, F]`."""
    numbers, read, write = _numbers(low)

    def body(given: Any, first: int, last: int, thread: int) -> None:
        units, width = given[0], given[4]
        g, both = carray(numbers(given[1]), (units, width)), carray(numbers(given[2]), (units, 2, width))
        out = carray(numbers(given[3]), (units, 2, width))
        for n in range(first, last):
            before, up, before_g, up_g = both[n, 0], both[n, 1], out[n, 0], out[n, 1]
            for d in range(width):
                x, one = read(before[d]), read(g[n, d])
                sigmoid = _sigmoid(x)
                up_g[d] = write(one * x * sigmoid)
                before_g[d] = write(one * read(up[d]) * sigmoid * (ONE + x * (ONE - sigmoid)))

    return compiled(body)


@dataclass(frozen=True)
class Heads:
    """Attention of a packed step between its products, for heads of one size.

    Tokens `[N, heads, D]` are those of `attention.Tree`. Parts are by key head: for the shared tokens `[K, G, P, D]`
    and `[K, P, D]`, for rows `[R, K, G, w, D]` and, beginning with the shared ones, `[R, K, P + w, D]`.
    """

    spread: Loop
    added: Loop
    moved: Loop
    softmax: Loop
    softmax_gradient: Loop


@lru_cache(maxsize=16)
def heads(groups: int, size: int, low: bool) -> Heads:
    numbers, read, write = _numbers(low)
    half = size // 2

    @njit(fastmath=SAFE, error_model="numpy")
    def turned(head: Any, cos: Any, sin: Any, out: Any) -> None:
        for d in range(half):
            one, other = read(head[d]), read(head[half + d])
            out[d] = write(one * cos[d] - other * sin[d])
            out[half + d] = write(other * cos[half + d] + one * sin[half + d])

    @njit(fastmath=SAFE, error_model="numpy")
    def turned_back(head: Any, cos: Any, sin: Any, out: Any) -> None:
        for d in range(half):
            one, other = read(head[d]), read(head[half + d])
            out[d] = write(one * cos[d] + other * sin[half + d])
            out[half + d] = write(other * cos[half + d] - one * sin[d])

    @njit(fastmath=SAFE, error_model="numpy")
    def copied(head: Any, out: Any) -> None:
        for d in range(size):
            out[d] = head[d]

    @njit
    def asking(first: Any, second: Any, keys: int, shared: int, rows: int, width: int) -> Any:
        part = carray(numbers(first), (keys, groups, shared, size))
        return part, carray(numbers(second), (rows, keys, groups, width, size))

    @njit
    def asked(first: Any, second: Any, keys: int, shared: int, rows: int, width: int) -> Any:
        part = carray(numbers(first), (keys, shared, size))
        return part, carray(numbers(second), (rows, keys, shared + width, size))

    @njit
    def views(given: Any) -> Any:
        units, keys, shared, rows, width = given[0], given[10], given[11], given[12], given[13]
        tokens = carray(numbers(given[1]), (units, (groups + 2) * keys, size))
        cos, sin = carray(floats(given[2]), (units, size)), carray(floats(given[3]), (units, size))
        q, own_q = asking(given[4], given[5], keys, shared, rows, width)
        k, own_k = asked(given[6], given[7], keys, shared, rows, width)
        v, own_v = asked(given[8], given[9], keys, shared, rows, width)
        return tokens, cos, sin, q, own_q, k, own_k, v, own_v

    def spread(given: Any, first: int, last: int, thread: int) -> None:
        """Heads before rotation into parts."""
        keys, shared, rows, width = given[10], given[11], given[12], given[13]
        tokens, cos, sin, q, own_q, k, own_k, v, own_v = views(given)
        for n in range(first, last):
            row, at = (n - shared) // width, (n - shared) % width
            for key in range(keys):
                key_head, value_head = tokens[n, groups * keys + key], tokens[n, (groups + 1) * keys + key]
                for g in range(groups):
                    to = q[key, g, n] if n < shared else own_q[row, key, g, at]
                    turned(tokens[n, key * groups + g], cos[n], sin[n], to)
                if n < shared:
                    turned(key_head, cos[n], sin[n], k[key, n])
                    copied(value_head, v[key, n])
                    for r in range(rows):
                        copied(k[key, n], own_k[r, key, n])
                        copied(value_head, own_v[r, key, n])
                else:
                    turned(key_head, cos[n], sin[n], own_k[row, key, shared + at])
                    copied(value_head, own_v[row, key, shared + at])

    def added(given: Any, first: int, last: int, thread: int) -> None:
        """The gradient of heads before rotation from those of parts: of shared tokens all rows' are added up."""
        keys, shared, rows, width = given[10], given[11], given[12], given[13]
        tokens, cos, sin, q, own_q, k, own_k, v, own_v = views(given)
        for n in range(first, last):
            row, at = (n - shared) // width, (n - shared) % width
            for key in range(keys):
                key_head, value_head = tokens[n, groups * keys + key], tokens[n, (groups + 1) * keys + key]
                for g in range(groups):
                    of = q[key, g, n] if n < shared else own_q[row, key, g, at]
                    turned_back(of, cos[n], sin[n], tokens[n, key * groups + g])
                if n < shared:
                    one, other = k[key, n], v[key, n]
                    for d in range(size):
                        key_g, value_g = read(one[d]), read(other[d])
                        for r in range(rows):
                            key_g += read(own_k[r, key, n, d])
                            value_g += read(own_v[r, key, n, d])
                        one[d], value_head[d] = write(key_g), write(value_g)
                    turned_back(one, cos[n], sin[n], key_head)
                else:
                    turned_back(own_k[row, key, shared + at], cos[n], sin[n], key_head)
                    copied(own_v[row, key, shared + at], value_head)

    def moved(given: Any, first: int, last: int, thread: int) -> None:
        """Parts of query heads into tokens, or back."""
        units, keys, shared, rows, width, back = given[0], given[4], given[5], given[6], given[7], given[8]
        tokens = carray(numbers(given[1]), (units, keys, groups, size))
        part, own = asking(given[2], given[3], keys, shared, rows, width)
        for n in range(first, last):
            row, at = (n - shared) // width, (n - shared) % width
            for key in range(keys):
                for g in range(groups):
                    head = part[key, g, n] if n < shared else own[row, key, g, at]
                    if back:
                        copied(tokens[n, key, g], head)
                    else:
                        copied(head, tokens[n, key, g])

    def softmax(given: Any, first: int, last: int, thread: int) -> None:
        """Scores to `before` keys and `width` own ones become weights; `width` queries follow one another."""
        units, width, before, scale = given[0], given[3], given[4], as_float(np.int32(given[5])) * log2_e
        scores = carray(numbers(given[1]), (units, before + width))
        held = carray(floats(given[2]), (MANY, before + width))[thread]
        for n in range(first, last):
            one, count = scores[n], before + n % width + 1
            for t in range(count):
                held[t] = read(one[t]) * scale
            _, total = softmaxed(held, count)
            for t in range(count):
                one[t] = write(held[t] / total)
            for t in range(count, before + width):
                one[t] = write(ZERO)

    def softmax_gradient(given: Any, first: int, last: int, thread: int) -> None:
        """The weights' gradient becomes the scores'."""
        units, width, before, scale = given[0], given[3], given[4], as_float(np.int32(given[5]))
        weights = carray(numbers(given[1]), (units, before + width))
        gradient = carray(numbers(given[2]), (units, before + width))
        for n in range(first, last):
            weight, g, count, along = weights[n], gradient[n], before + n % width + 1, ZERO
            for t in range(count):
                along += read(weight[t]) * read(g[t])
            for t in range(count):
                g[t] = write(read(weight[t]) * (read(g[t]) - along) * scale)
            for t in range(count, before + width):
                g[t] = write(ZERO)

    return Heads(*(compiled(body) for body in (spread, added, moved, softmax, softmax_gradient)))


@lru_cache(maxsize=2)
def likelihood(low: bool) -> Loop:
    """The targets' negative log-likelihoods `[M]`, in nats; logits `[M, vocabulary]` may become probabilities."""
    numbers, read, write = _numbers(low)

    def body(given: Any, first: int, last: int, thread: int) -> None:
        units, width = given[0], given[5]
        logits, losses = carray(numbers(given[1]), (units, width)), carray(floats(given[3]), (units,))
        targets, held = carray(longs(given[2]), (units,)), carray(floats(given[4]), (MANY, width))[thread]
        for n in range(first, last):
            one = logits[n]
            for t in range(width):
                held[t] = read(one[t]) * log2_e
            target = held[targets[n]]
            highest, total = softmaxed(held, width)
            losses[n] = (highest + np.float32(np.log2(total)) - target) * log_2
            if given[6]:
                for t in range(width):
                    one[t] = write(held[t] / total)

    return compiled(body)
