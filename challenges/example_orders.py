"""The orders of a learner's examples of which a score can be the lowest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
PUBLIC = "public"
PREFIX = "order-"


def orders(examples: Sequence[Item], count: int) -> tuple[tuple[Item, ...], ...]:
    """At most `count` different orders of `examples`: the given one, then rotations that lie equally far apart.

    Order k, from 0, begins with example k * n // count of n and goes on from the start after the last one. So everybody
    can repeat it by hand, and each order ends with another example, which is what a model looks at most. Fewer examples
    than `count` have fewer orders.
    """
    starts = [k * len(examples) // count for k in range(count)]
    return tuple(dict.fromkeys((*examples[start:], *examples[:start]) for start in starts))


def stage(number: int) -> str:
    """The stage of public samples in order `number`, from 1. Only the first is followed row by row."""
    return PUBLIC if number == 1 else f"{PREFIX}{number}"


def order_of(name: str) -> int | None:
    """The number of the order of a stage, from 2; None for any other stage."""
    rest = name.removeprefix(PREFIX)
    return int(rest) if rest != name and rest.isdecimal() else None
