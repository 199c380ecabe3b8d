"""The figures that stand for all: ratios to the fastest peer, and the distance from the machine's limit."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from benchmarks.figures.limit import Profile
from benchmarks.figures.measurement import Measurement
from benchmarks.figures.record import Results
from benchmarks.peers.job import BFLOAT16, FLOAT32
from benchmarks.work import shapes
from benchmarks.work.shapes import LORA

WORST_GOAL, MEDIAN_GOAL = 1.1, 1.5
LIMIT_GOALS = {FLOAT32: 2.0, BFLOAT16: 4.0}

Work = tuple[str, str, str]
"""Output, shape and dtype."""


def standard() -> list[Work]:
    """The eight shapes: answers in both dtypes, training once, where rounding as bf16 does is allowed."""
    found = [shapes.any_shape(part) for part in shapes.STANDARD.split(",")]
    return [
        (shape.output, str(shape), dtype)
        for shape in found
        for dtype in (FLOAT32, BFLOAT16)
        if shape.output != LORA or dtype == BFLOAT16
    ]


def headline(rows: Sequence[Measurement]) -> str:
    """Worst and median ratio to the fastest peer over the standard shapes, and the worst over all that is there."""
    fastest, found = fastest_peers(rows), fastest_standard(rows)
    said = []
    if found:
        said.append(
            f"Beside the fastest peer of each shape and dtype: {_worst(found, WORST_GOAL)}; {_median(found)}. "
            f"Measured are {len(found)} of the {len(standard())} standard shapes and dtypes."
        )
    if len(fastest) > len(found):
        said.append(f"Over all {len(fastest)} shapes and dtypes that were measured: {_worst(fastest.values())}.")
    return " ".join(said) or "No peer gave a figure."


def overall(kinds: Sequence[Results]) -> str:
    """The worst over all kinds of machines."""
    found = [(row, results.machine) for results in kinds for row in fastest_standard(results.rows)]
    if not found:
        return "No peer gave a figure."
    row, machine = min(found, key=lambda one: _ratio(one[0]))
    return (
        f"Over all {len(kinds)} kinds of machines and the standard shapes and dtypes that were measured on each: "
        f"{_worst([row], WORST_GOAL)}, on {machine}; {_median([row for row, _ in found])}."
    )


def fastest_standard(rows: Iterable[Measurement]) -> list[Measurement]:
    fastest = fastest_peers(rows)
    return [fastest[work] for work in standard() if work in fastest]


def distance(profiles: Iterable[Profile]) -> str:
    """How many times the least time the default shape takes; empty where it was not profiled."""
    found = {one.dtype: one.times for one in profiles if (one.shape, one.device) == (shapes.DEFAULT, "cpu")}
    parts = [
        f"{found[dtype]:.2f} times in {dtype} ({_verdict(found[dtype] <= goal, goal)})"
        for dtype, goal in LIMIT_GOALS.items()
        if dtype in found
    ]
    if not parts:
        return ""
    return f"Distance from the limit of floating-point operations at {shapes.DEFAULT}: {', '.join(parts)}."


def fastest_peers(rows: Iterable[Measurement]) -> dict[Work, Measurement]:
    """The row of the fastest peer for each output, shape and dtype."""
    found: dict[Work, Measurement] = {}
    for row in rows:
        work = (row.output, row.shape, row.dtype)
        if row.ratio is not None and (work not in found or row.ratio < _ratio(found[work])):
            found[work] = row
    return found


def _worst(rows: Iterable[Measurement], goal: float | None = None) -> str:
    row = min(rows, key=_ratio)
    verdict = "" if goal is None else f"{_verdict(_ratio(row) >= goal, goal)}; "
    return f"worst ratio {_ratio(row):.2f} ({verdict}{row.peer}, {row.output} {row.shape}, {row.dtype})"


def _median(rows: Iterable[Measurement]) -> str:
    median = statistics.median(map(_ratio, rows))
    return f"median ratio {median:.2f} ({_verdict(median >= MEDIAN_GOAL, MEDIAN_GOAL)})"


def _ratio(row: Measurement) -> float:
    return math.inf if row.ratio is None else row.ratio


def _verdict(reached: bool, goal: float) -> str:
    return f"goal {goal:g}, {'reached' if reached else 'missed'}"
