"""What measurements on an idle lane have found: several repetitions of public rows, stored with each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q

from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Evaluation, Run, Submission
from gradus.submissions.states import State


@dataclass(frozen=True)
class Measured:
    """Milliseconds per request by repetition, tokens read and written by row, and how many of those read are shared."""

    ms: tuple[float, ...]
    tokens: tuple[tuple[int, int], ...]
    shared_tokens: int
    training: dict[str, float]


@dataclass(frozen=True)
class Measurement:
    """The newest result for an attempt or baseline. `under_way` waits or runs; `failed` says why the last has none."""

    found: Measured | None = None
    under_way: Run | None = None
    failed: str = ""


NONE = Measurement()


def of_version(version: ChallengeVersion, attempts: Collection[Submission]) -> dict[int | str, Measurement]:
    """By the key of an attempt, or by the file of a baseline."""
    current = Evaluation.objects.filter(is_current=True).defer("raw", "artifact")
    whose = Q(measures__in=[one.pk for one in attempts]) | Q(measures=None)
    runs = Run.objects.filter(whose, purpose=Run.Purpose.COSTS, version=version).defer("payload").order_by("-id")
    grouped: dict[int | str, list[Run]] = {}
    for run in runs.prefetch_related(Prefetch("evaluations", current, to_attr="current_evaluations")):
        grouped.setdefault(run.measures_id or run.label, []).append(run)
    return {key: _newest(runs) for key, runs in grouped.items()}


def _newest(runs: list[Run]) -> Measurement:
    """`runs` are in order, the newest first."""
    found = next((one for run in runs if (one := _read(run.current.result)) is not None), None)
    last = runs[0].current
    failed = last.message if last.state in (State.FAILED, State.REJECTED) else ""
    return Measurement(found, runs[0] if last.is_open else None, failed)


def _read(result: dict[str, Any] | None) -> Measured | None:
    measured = (result or {}).get("measured")
    if not measured:
        return None
    assert result is not None
    tokens = tuple((read, written) for read, written in measured["tokens"])
    return Measured(tuple(measured["ms"]), tokens, measured["shared_tokens"], result.get("training") or {})
