"""What measurements on an idle lane have found: several repetitions of public rows, stored with each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Prefetch, Q

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
    whose = Q(measures__in=[one.pk for one in attempts]) | Q(measures=None)
    runs = Run.objects.filter(whose, purpose=Run.Purpose.COSTS, version=version).order_by()
    scored = Q(evaluations__state=State.SCORED)
    newest = list(runs.values_list("measures", "label").annotate(last=Max("pk"), found=Max("pk", filter=scored)))
    loaded = _loaded({pk for *_whose, last, found in newest for pk in (last, found) if pk is not None})
    return {attempt or file: _measurement(loaded[last], loaded.get(found)) for attempt, file, last, found in newest}


def _loaded(keys: Collection[int]) -> dict[int, Run]:
    current = Evaluation.objects.filter(is_current=True)
    runs = Run.objects.filter(pk__in=keys).defer("payload")
    return {
        run.pk: run for run in runs.prefetch_related(Prefetch("evaluations", current, to_attr="current_evaluations"))
    }


def _measurement(last: Run, found: Run | None) -> Measurement:
    evaluation = last.current
    failed = evaluation.message if evaluation.state in (State.FAILED, State.REJECTED) else ""
    return Measurement(_read(found.current.result) if found else None, last if evaluation.is_open else None, failed)


def _read(result: dict[str, Any] | None) -> Measured | None:
    measured = (result or {}).get("measured")
    if not measured:
        return None
    assert result is not None
    tokens = tuple((read, written) for read, written in measured["tokens"])
    return Measured(tuple(measured["ms"]), tokens, measured["shared_tokens"], result.get("training") or {})
