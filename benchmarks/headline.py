"""The one figure over all rows, and how many of the shapes that are asked for it covers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from benchmarks import catalogue, shapes
from benchmarks.measurement import Measurement
from benchmarks.peers.job import BFLOAT16, FLOAT32, JSON, LABEL
from benchmarks.shapes import Shape

TRAININGS = ("300/60/3", "300/200/3")
LORA = "lora"

Work = tuple[str, str | Shape, str]
"""Output, shape (of answers: but for the number of rows) and dtype."""


def headline(rows: Sequence[Measurement]) -> str:
    """The worst ratio over all shapes against the fastest peer at the same dtype."""
    fastest = list(fastest_peers(rows).values())
    if not fastest:
        return "No peer gave a figure."
    worst = min(fastest, key=lambda row: row.ratio or math.inf)
    return (
        f"Worst ratio over {len(fastest)} shapes and dtypes against the fastest peer of each: {worst.ratio:.2f} "
        f"({worst.peer}, {worst.output} {worst.shape}, {worst.dtype}). {coverage(rows)}"
    )


def fastest_peers(rows: Iterable[Measurement]) -> dict[tuple[str, str, str], Measurement]:
    """By output, shape and dtype."""
    found: dict[tuple[str, str, str], Measurement] = {}
    for row in rows:
        key = (row.output, row.shape, row.dtype)
        if row.ratio is not None and (key not in found or row.ratio < (found[key].ratio or math.inf)):
            found[key] = row
    return found


def coverage(rows: Sequence[Measurement]) -> str:
    wanted = asked()
    measured = {work(row) for row in rows if row.ratio is not None} & wanted
    whole = {one for one in measured if not missing_peers(rows, one)}
    return f"It covers {len(measured)} of the {len(wanted)} asked for, {len(whole)} of them beside every peer"


def asked() -> set[Work]:
    """Answers in both dtypes; training where bf16 is allowed."""
    answers = {
        (output, shape.kind, dtype)
        for output in (LABEL, JSON)
        for shape in shapes.asked(output)
        for dtype in (FLOAT32, BFLOAT16)
    }
    return answers | {(LORA, shape, BFLOAT16) for shape in TRAININGS}


def work(row: Measurement) -> Work:
    return row.output, row.shape if row.output == LORA else shapes.shape(row.shape).kind, row.dtype


def missing_peers(rows: Iterable[Measurement], wanted: Work) -> set[str]:
    """Peers without a row for this work; a row that says why there is no figure is one."""
    peers = catalogue.TRAINING if wanted[0] == LORA else catalogue.INFERENCE
    return set(peers) - {row.peer for row in rows if work(row) == wanted}
