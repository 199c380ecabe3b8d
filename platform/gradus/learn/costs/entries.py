"""Who is compared: the learner's best attempt of each method, and the author's results, with what each took.

Of hidden rows, an entry has the shown score and an interval from it and the rounded number of rows, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from statistics import fmean
from typing import Any

from django.db.models import Max, Prefetch, Q
from django.db.models.fields.json import KeyTextTransform
from django.utils.translation import gettext as _

from challenges import payloads
from challenges.kinds import registry as kinds
from challenges.kinds.tune import KIND as TUNE
from challenges.shown_score import floor_to_step
from gradus.accounts.models import User
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.intervals import Spread, of_runs, rows_behind, shown_interval
from gradus.learn.costs import controls
from gradus.learn.costs.approaches import titles
from gradus.learn.costs.money import Tokens
from gradus.submissions.models import Evaluation, Run, Score, Submission
from gradus.submissions.services.measurements import Costs
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


NOT_MEASURED = Measurement()


def measurements_of(version: ChallengeVersion, attempts: Collection[Submission]) -> dict[int | str, Measurement]:
    """By the key of an attempt, or by the file of a baseline."""
    whose = Q(measures__in=[one.pk for one in attempts]) | Q(measures=None)
    runs = Run.objects.filter(whose, purpose=Costs.name, version=version).order_by()
    scored = Q(evaluations__state=State.SCORED)
    newest = list(runs.values_list("measures", "label").annotate(last=Max("pk"), found=Max("pk", filter=scored)))
    loaded = _loaded({pk for *_whose, last, scored_last in newest for pk in (last, scored_last) if pk is not None})
    return {
        attempt or file: _measurement(loaded[last], loaded.get(scored_last))
        for attempt, file, last, scored_last in newest
    }


def _loaded(keys: Collection[int]) -> dict[int, Run]:
    current = Evaluation.objects.filter(is_current=True)
    runs = Run.objects.filter(pk__in=keys).defer("payload")
    return {
        run.pk: run for run in runs.prefetch_related(Prefetch("evaluations", current, to_attr="current_evaluations"))
    }


def _measurement(last: Run, scored: Run | None) -> Measurement:
    evaluation = last.current
    failed = evaluation.message if evaluation.state in (State.FAILED, State.REJECTED) else ""
    return Measurement(_read(scored.current.result) if scored else None, last if evaluation.is_open else None, failed)


def _read(result: dict[str, Any] | None) -> Measured | None:
    measured = (result or {}).get("measured")
    if not measured:
        return None
    assert result is not None
    tokens = tuple((read, written) for read, written in measured["tokens"])
    return Measured(tuple(measured["ms"]), tokens, measured["shared_tokens"], result.get("training") or {})


OWNER = "evaluation__submission"


@dataclass(frozen=True)
class Entry:
    """One attempt, or the author's result of `file`. Sizes are in bytes, times in seconds.

    `training_seconds` has each time that exactly this training was done; it is empty where nothing was trained.
    """

    kind: str
    approach: str
    name: str
    score: float
    interval: tuple[float, float] | None
    submission: Submission | None
    file: str
    training: dict[str, float]
    training_seconds: tuple[float, ...]
    cost: dict[str, float]
    measurement: Measurement

    @property
    def title(self) -> str:
        return titles().get(self.approach) or str(kinds.find(self.kind).title)

    @property
    def is_own(self) -> bool:
        return self.submission is not None

    @property
    def is_control(self) -> bool:
        """Whether it is the plain way, which asks no base model and cannot be submitted."""
        return self.approach == controls.APPROACH

    @property
    def is_trained(self) -> bool:
        return bool(self.training_seconds)

    @property
    def peak_bytes(self) -> float | None:
        """As the measurement found, else as grading did."""
        measured = self.measurement.found
        return (measured.training.get("peak_bytes") if measured else None) or self.training.get("peak_bytes")

    @property
    def ms(self) -> Spread | None:
        """Milliseconds per request: the median of several repetitions, never one."""
        return of_runs(self.measurement.found.ms) if self.measurement.found else None

    @property
    def tokens(self) -> Tokens | None:
        """Row by row as measured, else the mean that a single run has counted."""
        measured = self.measurement.found
        if measured and measured.tokens:
            return Tokens(
                tuple((float(read), float(new)) for read, new in measured.tokens), measured.shared_tokens, True
            )
        if self.cost.get("prompt_tokens") is None:
            return None
        return Tokens(((self.cost["prompt_tokens"], self.cost.get("new_tokens", 0.0)),), None, False)


def entries_of(challenge: Challenge, user: User | None) -> list[Entry]:
    """From the plainest approach on, each with the author's results before the learner's own."""
    version = challenge.version
    assert version is not None
    own = list(_best_of_each(challenge, user))
    measurements = measurements_of(version, [_attempt(score) for score in own])
    entries = [_baseline(challenge, row, measurements) for row in version.results if _is_comparable(challenge, row)]
    entries += [_regression(challenge, one) for one in controls.regressions_of(challenge)]
    entries += [_own(challenge, score, measurements) for score in own]
    order = list(titles())
    return sorted(entries, key=lambda one: (_place(order, one.approach), one.is_own, one.score))


def _place(order: list[str], approach: str) -> int:
    return order.index(approach) if approach in order else len(order)


def _is_comparable(challenge: Challenge, row: dict[str, Any]) -> bool:
    return row.get("score") is not None and kinds.find(row["kind"]).measures_costs(challenge.spec)


def _attempt(score: Score) -> Submission:
    assert score.evaluation.submission is not None
    return score.evaluation.submission


def _best_of_each(challenge: Challenge, user: User | None) -> Iterator[Score]:
    """The learner's best final score of each approach on this version."""
    if user is None or challenge.version is None:
        return
    of_version = Score.objects.current().released().of_version(challenge.version)
    of_user = of_version.filter(**{f"{OWNER}__user": user})
    mine = of_user.filter(provisional=False, **{f"{OWNER}__challenge": challenge})
    # `KT` follows no relations.
    named = mine.annotate(method=KeyTextTransform("method", f"{OWNER}__payload"))
    names = named.values_list("pk", f"{OWNER}__kind", "method", "shown")
    best: dict[tuple[str, str], int] = {}
    for pk, kind, method, *_rest in _told(challenge, names):
        # Payloads that train are large, and name their method; the others are small.
        best.setdefault((kind, method or "" if kinds.find(kind).is_trained else str(pk)), pk)
    scores = mine.select_related(OWNER, "evaluation").filter(pk__in=best.values()).best_first()
    seen: set[str] = set()
    for score in scores:
        approach = _approach(_attempt(score))
        if kinds.find(_attempt(score).kind).measures_costs(challenge.spec) and approach not in seen:
            seen.add(approach)
            yield score


def _told(challenge: Challenge, rows: Any) -> list[tuple[int, str, str | None, float]]:
    """The best first. A ladder shows the best score so far beside an attempt that has not improved it, and nothing of
    that attempt's own: such attempts are left out.
    """
    if challenge.spec.feedback.mode != "ladder":
        return list(rows.best_first())
    improved, best = [], dict[str, float]()
    for pk, kind, method, shown in rows.order_by("created_at", "pk"):
        if shown > best.get(kind, -1.0):
            best[kind] = shown
            improved.append((pk, kind, method, shown))
    return improved[::-1]


def _approach(submission: Submission) -> str:
    return kinds.find(submission.kind).approach(payloads.parse(submission.payload))


def _own(challenge: Challenge, score: Score, measurements: dict[int | str, Measurement]) -> Entry:
    submission = _attempt(score)
    result = score.evaluation.result or {}
    measurement = measurements.get(submission.pk, NOT_MEASURED)
    training = result.get("training") or {}
    return Entry(
        kind=submission.kind,
        approach=_approach(submission),
        name=_("your best"),
        score=score.shown,
        interval=interval_of(challenge, score.shown),
        submission=submission,
        file="",
        training=training,
        training_seconds=_times(training.get("seconds"), measurement),
        cost=result.get("cost") or {},
        measurement=measurement,
    )


def _baseline(challenge: Challenge, row: dict[str, Any], measurements: dict[int | str, Measurement]) -> Entry:
    measurement = measurements.get(row["file"], NOT_MEASURED)
    shown = floor_to_step(row["score"], challenge.spec.feedback.step)
    training = row.get("training") or {}
    seconds = training.get("seconds", row.get("seconds")) if kinds.find(row["kind"]).is_trained else None
    return Entry(
        kind=row["kind"],
        approach=row["approach"],
        name=PurePosixPath(row["file"]).stem.replace("-", " ").replace("_", " "),
        score=shown,
        interval=interval_of(challenge, shown),
        submission=None,
        file=row["file"],
        training=training,
        training_seconds=_times(seconds, measurement),
        cost=row.get("cost") or {},
        measurement=measurement,
    )


def _regression(challenge: Challenge, found: controls.Regression) -> Entry:
    shown = floor_to_step(found.score, challenge.spec.feedback.step)
    return Entry(
        kind=TUNE.name,
        approach=controls.APPROACH,
        name=found.name,
        score=shown,
        interval=interval_of(challenge, shown),
        submission=None,
        file="",
        training={} if found.bytes is None else {"adapter_bytes": found.bytes},
        training_seconds=_times(fmean(found.seconds) if found.seconds else None, NOT_MEASURED),
        cost={},
        measurement=Measurement(Measured(found.ms, (), 0, {})) if found.ms else NOT_MEASURED,
    )


def _times(seconds: float | None, measurement: Measurement) -> tuple[float, ...]:
    """Whole seconds: when it was graded, and when it was measured on an idle lane."""
    measured = measurement.found.training.get("seconds") if measurement.found else None
    return tuple(float(math.ceil(one)) for one in (seconds, measured) if one)


def interval_of(challenge: Challenge, shown: float) -> tuple[float, float] | None:
    """Where the score of all possible rows lies, in 95 % of cases."""
    return shown_interval(challenge.spec.metric.name, shown, challenge.spec.feedback.step, rows_of(challenge))


def rows_of(challenge: Challenge) -> int:
    """About how many hidden rows a score is computed from: rounded down, so that it does not tell the exact number."""
    version = challenge.version
    assert version is not None
    return rows_behind(version.hidden_count, version.scored_count)
