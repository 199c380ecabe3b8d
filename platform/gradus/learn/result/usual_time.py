"""How long an evaluation like this one usually takes on this server: the middle half of recent ones.

Grading times depend on hidden rows, so each is rounded up to whole seconds before anything is computed from it, and
what is shown is rounded to steps of five seconds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from gradus.learn.result.rows import took
from gradus.submissions.models import Evaluation
from gradus.submissions.states import State

RECENT, FEWEST = 30, 5
STEP_SECONDS = 5
KEPT_SECONDS = 120


@dataclass(frozen=True)
class UsualTime:
    """Seconds from start to end: half of the recent evaluations took from `low` to `high`.

    With `is_authors` it is what the author's attempt took, rounded up, because too few have ended here.
    """

    low: int
    high: int
    is_authors: bool = False


def usual_time(evaluation: Evaluation, kind: str) -> UsualTime | None:
    """Returns None if neither enough evaluations have ended here nor the author's results tell how long they took."""
    is_run = evaluation.run_id is not None
    key = f"usual-time-{evaluation.version_id}-{kind}-{evaluation.lane}-{is_run}"
    found: list[int] | None = cache.get(key)
    if found is None:
        found = _recent(evaluation, kind)
        cache.set(key, found, KEPT_SECONDS)
    if len(found) >= FEWEST:
        return UsualTime(_rounded(found[len(found) // 4], math.floor), _rounded(found[-1 - len(found) // 4], math.ceil))
    return None if is_run else _authors(evaluation, kind)


def _recent(evaluation: Evaluation, kind: str) -> list[int]:
    """Seconds of the newest evaluations of this kind on this version, the shortest first."""
    owner = "run" if evaluation.run else "submission"
    same: dict[str, Any] = {f"{owner}__version": evaluation.version_id, f"{owner}__kind": kind, "lane": evaluation.lane}
    if evaluation.run:
        same["run__purpose"] = evaluation.run.purpose
    ended = Evaluation.objects.filter(state__in=(State.SCORED, State.REVIEW), started_at__isnull=False, **same)
    newest = ended.exclude(finished_at=None).only("started_at", "finished_at").order_by("-finished_at")[:RECENT]
    return sorted(seconds for one in newest if (seconds := took(one)) is not None)


def _authors(evaluation: Evaluation, kind: str) -> UsualTime | None:
    known = [row.get("seconds") for row in evaluation.version.results if row.get("kind") == kind]
    longest = max((seconds for seconds in known if seconds), default=None)
    if longest is None:
        return None
    high = _rounded(longest, math.ceil)
    return UsualTime(high, high, is_authors=True)


def _rounded(seconds: float, way: Callable[[float], int]) -> int:
    return way(seconds / STEP_SECONDS) * STEP_SECONDS


def elapsed(evaluation: Evaluation) -> int | None:
    """Returns whole seconds since a worker first started the evaluation; None while it waits."""
    if evaluation.started_at is None or evaluation.state != State.RUNNING:
        return None
    return math.floor((timezone.now() - evaluation.started_at).total_seconds())
