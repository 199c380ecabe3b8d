"""How long a job takes from its start to its end: one estimate, and the sentence in which every place tells it.

The training form, the page of an open job, the queue, the API and the command line use this estimate. It comes from
jobs of the same kind that ended on this site, and a training's is scaled to its tokens. If no such job has ended, it
comes from the speed of short trials, else of the author's attempt, else of the machine that measured the course.

Grading times depend on hidden rows, so each is rounded up to whole seconds before anything is computed from it, and
what is told is rounded to steps of five seconds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _
from pydantic import ValidationError

from challenges import dataset, payloads
from challenges.kinds import registry as kinds
from challenges.kinds.tune import KIND as TUNE
from challenges.models import tokens
from challenges.training_methods import METHODS
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.submissions.models import Evaluation
from gradus.submissions.purposes import TRIAL
from gradus.submissions.states import State

# Of so many of the newest jobs half took as long as is told. A training is scaled, so that one tells something.
RECENT, FEWEST, FEWEST_TRAINED = 30, 5, 1
STEP_SECONDS = 5
# How long the times of ended jobs are kept, and the tokens of a payload, which never change.
KEPT_SECONDS, COUNTED_SECONDS = 120, 86_400
# Seconds, then minutes, as the pages' filter `duration` and `static/js/estimate.js` have it.
MINUTES_FROM = 90


class Basis(StrEnum):
    """The source of an estimate."""

    HERE = "here"
    TRIALS = "trials"
    AUTHOR = "author"
    MACHINE = "machine"


@dataclass(frozen=True)
class Duration:
    """Seconds from start to end: half of the recent jobs took from `low` to `high`. Both are equal but where jobs that
    ended here tell it.
    """

    low: int
    high: int
    basis: Basis = Basis.HERE

    @property
    def is_measured_here(self) -> bool:
        return self.basis == Basis.HERE

    @property
    def sentence(self) -> str:
        low, high = in_words(self.low), in_words(self.high)
        if self.basis == Basis.TRIALS:
            return _("About %(high)s, by the speed of trials here.") % {"high": high}
        if self.basis == Basis.AUTHOR:
            return _("About %(high)s, by what the author measured.") % {"high": high}
        if self.basis == Basis.MACHINE:
            sentence = _("About %(high)s, if this machine is as fast as the one that the course was measured on.")
            return sentence % {"high": high}
        if not self.low:
            return _("Usually at most %(high)s here.") % {"high": high}
        return _("Usually %(low)s to %(high)s here.") % {"low": low, "high": high}


@dataclass(frozen=True)
class Work:
    """A job whose time is estimated. `purpose` is the run's, and empty for an attempt.

    `method` is the training's. `tokens` is the number that the training reads; it is None if that is unknown, and for a
    trial, which always takes the same number of steps.
    """

    version: ChallengeVersion
    kind: str
    purpose: str = ""
    method: str = ""
    tokens: int | None = None


@dataclass(frozen=True)
class Took:
    """Whole seconds of a job, those of its training, and the tokens that this read; 0 where it trained nothing."""

    seconds: int
    training: float = 0.0
    tokens: float = 0.0

    def scaled(self, to: int | None) -> float:
        """The seconds of this job, had its training read so many tokens."""
        if not to or not self.tokens:
            return self.seconds
        return max(0.0, self.seconds - self.training) + self.training * to / self.tokens


def in_words(seconds: float) -> str:
    """Whole seconds, then minutes."""
    whole = math.ceil(seconds)
    if whole < MINUTES_FROM:
        return _("%(seconds)d s") % {"seconds": whole}
    return _("%(minutes)d min %(seconds)d s") % {"minutes": whole // 60, "seconds": whole % 60}


def of_evaluation(evaluation: Evaluation) -> Duration | None:
    """Returns how long a job takes, or None if nothing tells that."""
    return expected(_work(evaluation))


def of_training(challenge: Challenge, method: str, tokens: int) -> Duration | None:
    """Returns how long an attempt takes that trains on so many tokens."""
    version = challenge.version
    return None if version is None else expected(Work(version, TUNE.name, method=method, tokens=tokens or None))


def of_baseline(version: ChallengeVersion, row: dict[str, Any]) -> Duration | None:
    """Returns how long an attempt takes that does what the baseline did whose result this row is."""
    kind, trained = str(row["kind"]), float((row.get("training") or {}).get("tokens") or 0)
    return expected(Work(version, kind, "", _method(kind, {"method": row.get("approach")}), round(trained) or None))


def _work(evaluation: Evaluation) -> Work:
    owner = evaluation.submission or evaluation.run
    assert owner is not None
    if evaluation.run is not None:
        purpose = evaluation.run.purpose
        method = _method(owner.kind, owner.payload) if purpose == TRIAL else ""
        return Work(evaluation.version, owner.kind, purpose, method)
    method = _method(owner.kind, owner.payload)
    counted = _tokens(evaluation, owner.kind, owner.payload) if method else None
    return Work(evaluation.version, owner.kind, "", method, counted)


def _method(kind: str, payload: dict[str, Any]) -> str:
    return str(payload.get("method") or "lora") if kinds.find(kind).is_trained else ""


def _tokens(evaluation: Evaluation, kind: str, data: dict[str, Any]) -> int | None:
    """The tokens that a payload trains on. It never changes, so they are counted once."""
    key = f"job-tokens-{evaluation.submission_id}-{evaluation.version.pk}"
    counted: int | None = cache.get(key)
    if counted is None:
        spec = evaluation.version.parsed
        count = tokens.counter(spec.model) if spec.model else None
        try:
            payload = payloads.parse(data)
        except (ValidationError, RecursionError):
            return None
        if count is None or any(kinds.find(kind).check(spec, payload)):
            return None
        use = kinds.find(kind).tokens(spec, payload, count)
        counted = use.used if use else 0
        cache.set(key, counted, COUNTED_SECONDS)
    return counted or None


def expected(work: Work) -> Duration | None:
    """Returns the estimate for this work, or None if nothing tells how long it takes."""
    recent = _recent(work)
    is_scaled = bool(work.tokens) and any(job.tokens for job in recent)
    if len(recent) >= (FEWEST_TRAINED if is_scaled else FEWEST):
        seconds = sorted(job.scaled(work.tokens) for job in recent)
        quarter = len(seconds) // 4
        return Duration(_rounded(seconds[quarter], math.floor), _rounded(seconds[-1 - quarter], math.ceil))
    if work.purpose:
        return None
    authors = _of_author(work)
    return _by_trials(work, authors) or _by_author(work, authors) or _by_machine(work)


def usual_seconds(evaluation: Evaluation) -> float | None:
    """Returns the middle of the estimate in seconds, or None without an estimate."""
    usual = of_evaluation(evaluation)
    return None if usual is None else (usual.low + usual.high) / 2


def _recent(work: Work) -> list[Took]:
    """The newest jobs of the same version, kind, purpose and method that ended here."""
    key = f"took-{work.version.pk}-{work.kind}-{work.purpose}-{work.method}"
    times: list[tuple[int, float, float]] | None = cache.get(key)
    if times is None:
        times = [astuple(job) for job in _read(work)]
        cache.set(key, times, KEPT_SECONDS)
    return [Took(*values) for values in times]


def _read(work: Work) -> list[Took]:
    owner = "run" if work.purpose else "submission"
    same: dict[str, Any] = {f"{owner}__version": work.version.pk, f"{owner}__kind": work.kind}
    if work.purpose:
        same["run__purpose"] = work.purpose
    if work.method:
        same[f"{owner}__payload__method"] = work.method
    ended = Evaluation.objects.filter(state__in=(State.SCORED, State.REVIEW), started_at__isnull=False, **same)
    newest = ended.exclude(finished_at=None).only("started_at", "finished_at", "result").order_by("-finished_at")
    return [_took(seconds, job.result or {}) for job in newest[:RECENT] if (seconds := took(job)) is not None]


def _took(seconds: int, result: dict[str, Any]) -> Took:
    training = result.get("training") or {}
    return Took(seconds, float(training.get("seconds") or 0.0), float(training.get("tokens") or 0.0))


def _of_author(work: Work) -> Took | None:
    """The longest of the author's attempts of this kind, with the same method if there is one of it."""
    rows = [row for row in work.version.results if row.get("kind") == work.kind and row.get("seconds")]
    same = [row for row in rows if row.get("approach") == work.method] or rows
    longest = max(same, key=lambda row: float(row["seconds"]), default=None)
    if longest is None:
        return None
    authors, approach = _took(math.ceil(longest["seconds"]), longest), str(longest.get("approach"))
    if work.method not in METHODS or approach not in METHODS:
        return authors
    dearer = METHODS[work.method].cost / METHODS[approach].cost
    more = authors.training * (dearer - 1)
    return Took(math.ceil(authors.seconds + more), authors.training + more, authors.tokens)


def _by_trials(work: Work, authors: Took | None) -> Duration | None:
    """By what a token of training took in trials here, beside the rest of the author's attempt."""
    if not work.tokens:
        return None
    trials = _recent(Work(work.version, work.kind, TRIAL, work.method))
    each: Sequence[float] = [trial.training / trial.tokens for trial in trials if trial.tokens and trial.training]
    if not each:
        return None
    rest = max(0.0, authors.seconds - authors.training) if authors else 0.0
    return _about(rest + median(each) * work.tokens, Basis.TRIALS)


def _by_author(work: Work, authors: Took | None) -> Duration | None:
    return None if authors is None else _about(authors.scaled(work.tokens), Basis.AUTHOR)


def _by_machine(work: Work) -> Duration | None:
    if not work.tokens or work.method not in METHODS:
        return None
    return _about(dataset.training_seconds(work.method, work.tokens), Basis.MACHINE)


def _about(seconds: float, basis: Basis) -> Duration:
    high = _rounded(seconds, math.ceil)
    return Duration(high, high, basis)


def _rounded(seconds: float, way: Callable[[float], int]) -> int:
    return way(seconds / STEP_SECONDS) * STEP_SECONDS


def whole_seconds(seconds: float) -> int:
    """Durations that hidden rows had a part in are rounded up, so that they tell nothing of them."""
    return math.ceil(seconds)


def took(evaluation: Evaluation) -> int | None:
    if evaluation.started_at is None or evaluation.finished_at is None:
        return None
    return whole_seconds((evaluation.finished_at - evaluation.started_at).total_seconds())
