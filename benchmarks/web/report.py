"""From timings to figures: percentiles, counts, and what the goals say about them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

SUBMIT, LESSON, LEADERBOARD = "submit", "lesson", "leaderboard"
GOALS = {
    "fivexx": 0,
    "failed": 0,
    "submit_p99_ms": 300.0,
    "lesson_p95_ms": 60.0,
    "leaderboard_p95_ms": 60.0,
    "claim_p99_ms": 5.0,
    "dates_add_ms": 2.0,
}


@dataclass(frozen=True)
class Request:
    """One answer: when it was asked for (seconds since the epoch), how long it took, its status; 0 for none at all."""

    name: str
    at: float
    ms: float
    status: int


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank, as measured, to a hundredth; None where nothing was measured."""
    return round(sorted(values)[math.ceil(share * len(values)) - 1], 2) if values else None


def steady(requests: Iterable[Request], begin: float, end: float) -> list[Request]:
    """What was asked for after the ramp and before the end."""
    return [request for request in requests if begin <= request.at < end]


def figures(requests: Sequence[Request]) -> dict[str, Any]:
    """Counts and percentiles. A submission that was refused (429) is counted apart: refusing is cheaper."""
    answered = [request for request in requests if request.status]
    taken = [r.ms for r in requests if r.name == SUBMIT and r.status == 302]
    return {
        "requests": len(requests),
        "fivexx": sum(r.status >= 500 for r in requests),
        "failed": len(requests) - len(answered) + sum(400 <= r.status < 500 and r.status != 429 for r in requests),
        "refused": sum(r.status == 429 for r in requests),
        "submitted": len(taken),
        "submit_p50_ms": percentile(taken, 0.50),
        "submit_p95_ms": percentile(taken, 0.95),
        "submit_p99_ms": percentile(taken, 0.99),
        "lesson_p95_ms": percentile(_of(requests, LESSON), 0.95),
        "leaderboard_p95_ms": percentile(_of(requests, LEADERBOARD), 0.95),
        "pages": {name: _page(_of(requests, name)) for name in sorted({r.name for r in requests})},
    }


def _of(requests: Iterable[Request], name: str) -> list[float]:
    return [r.ms for r in requests if r.name == name and 0 < r.status < 500]


def _page(ms: list[float]) -> dict[str, Any]:
    return {"count": len(ms), "p50_ms": percentile(ms, 0.5), "p95_ms": percentile(ms, 0.95)}


def short_of(found: dict[str, Any]) -> list[str]:
    """The goals that are not met, one line each; a figure that is missing is not met."""
    return [
        f"{name} is {found.get(name)}, the goal is {goal:g}"
        for name, goal in GOALS.items()
        if found.get(name) is None or found[name] > goal
    ]
