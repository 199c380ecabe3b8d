"""Computes the figures of a version from all attempts, and keeps them until a score changes.

Everything is computed from rows of the database in one pass, so what is kept can be deleted at any time. A page
computes figures that are no longer true where that is quick; the reconciler does it where many learners took part.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models import Avg, Count, FloatField, Max, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone

from challenges.kinds import registry as kinds
from challenges.kinds.rubric import free_text
from gradus.challenge_health.item_analysis import ItemFigures, analysed
from gradus.challenge_health.models import Figures, RowScores
from gradus.challenge_health.row_scores import items_of
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.submissions.models import Evaluation, HintsTaken, Score, Standing
from gradus.submissions.models.results import of_ranked_people
from gradus.submissions.purposes import TRIAL
from gradus.submissions.states import State

log = structlog.get_logger(__name__)
BINS = 20
# Rows, times and marks are those of the learners who came last; more of them would change no digit that is shown.
SAMPLED = 5000
# Wrong answers are read of so many of them: a text is much longer than a byte.
ANSWERS_READ = 1000
# A page computes figures anew where that took no longer than this the last time.
QUICK_SECONDS = 0.2
# The reconciler leaves figures alone that are younger than so many times the seconds that they took.
RESTS = 60


@dataclass
class Learner:
    """The attempts of one learner, the earliest first; `best` is the one that counts on the path."""

    attempts: int = 0
    until_pass: int | None = None
    best: tuple[Any, ...] = ()
    evaluation: int = 0
    gap: float | None = None
    is_gold: bool = False


@dataclass(frozen=True)
class Computed:
    """The figures of a track of a version. Shares and scores are in [0, 1].

    `attempts` are those with a score that counts. `until_pass` counts the learners by the number of attempts until
    they first passed. `histogram` counts learners by their best score, in twentieths. `gap` is the mean of the shown
    score minus the score on the private split, over the best attempts; None where there is no such split. `failed`
    counts gradings of attempts, and `failed_runs` trial runs, by error code. `items` are those of `item_analysis`, by
    the id of the row or criterion. Everything about rows and `gap` is for editors and owners of the course.
    """

    learners: int = 0
    attempts: int = 0
    passed: int = 0
    gold: int = 0
    until_pass: dict[str, int] = field(default_factory=dict)
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    mean: float | None = None
    seconds: float | None = None
    tokens: float | None = None
    gap: float | None = None
    approaches: list[list[Any]] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    failed_runs: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    items: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def pass_rate(self) -> float | None:
        return self.passed / self.learners if self.learners else None

    @property
    def attempts_to_pass(self) -> float | None:
        """The median over the learners who have passed."""
        counts = Counter({int(number): count for number, count in self.until_pass.items()})
        return float(median(counts.elements())) if counts else None

    @property
    def shown_items(self) -> dict[str, ItemFigures]:
        return {
            name: ItemFigures(learners, share, power, tuple((text, count) for text, count in wrong), *agreed)
            for name, (learners, share, power, wrong, *agreed) in self.items.items()
        }


def of_version(version: ChallengeVersion, track: str) -> tuple[Computed, datetime]:
    """Returns the figures and when they were computed: now, where that is quick and they were no longer true."""
    kept = Figures.objects.filter(version=version, track=track).first()
    if kept is None or (kept.is_stale and kept.seconds <= QUICK_SECONDS):
        kept = refresh(version, track)
    return Computed(**kept.figures), kept.computed_at


def refresh(version: ChallengeVersion, track: str) -> Figures:
    """Computes the figures of a track and keeps them."""
    # Marked before they are computed: a score that comes meanwhile marks them again.
    Figures.objects.filter(version=version, track=track).update(is_stale=False)
    begun, at = time.perf_counter(), timezone.now()
    found = vars(computed(version, track))
    values = {"figures": found, "seconds": time.perf_counter() - begun, "computed_at": at}
    kept, _made = Figures.objects.update_or_create(version=version, track=track, defaults=values)
    return kept


def refresh_one() -> int:
    """Computes the figures that have been out of date longest and are due. Returns 1, or 0 where none are."""
    for kept in Figures.objects.filter(is_stale=True).select_related("version").order_by("computed_at")[:20]:
        if timezone.now() - kept.computed_at >= timedelta(seconds=RESTS * kept.seconds):
            try:
                refresh(kept.version, kept.track)
            except DatabaseError:
                raise
            except Exception as error:  # they are tried again when a score changes; all others have their turn
                log.exception("figures_failed", version=kept.version_id, track=kept.track, reason=type(error).__name__)
                continue
            return 1
    return 0


def computed(version: ChallengeVersion, track: str) -> Computed:
    """Computes the figures of a track from all attempts. Nobody counts who may read the hidden rows."""
    learners, attempts = _learners(version, track)
    bests = sorted(learners.values(), key=lambda one: -one.evaluation)
    shown = [one.best[2] for one in bests]
    histogram = [0] * BINS
    for score in shown:
        histogram[min(BINS - 1, int(score * BINS + 1e-9))] += 1
    gaps = [one.gap for one in bests if one.gap is not None]
    until = Counter(one.until_pass for one in bests if one.until_pass is not None)
    recent = [one.evaluation for one in bests[:SAMPLED]]
    failed, failed_runs, runs = _failures(version, track)
    return Computed(
        learners=len(bests),
        attempts=attempts,
        passed=sum(until.values()),
        gold=sum(one.is_gold for one in bests),
        until_pass={str(number): until[number] for number in sorted(until)},
        histogram=histogram,
        mean=fmean(shown) if shown else None,
        seconds=_seconds(recent),
        tokens=_tokens(version, track),
        gap=fmean(gaps) if gaps else None,
        approaches=_approaches(version, track),
        failed=failed,
        failed_runs=failed_runs,
        runs=runs,
        items=_items(version, track, recent),
    )


def _learners(version: ChallengeVersion, track: str) -> tuple[dict[int, Learner], int]:
    counted = of_counted("evaluation__submission__user", version.challenge)
    scores = Score.objects.current().of_version(version).filter(counted, evaluation__submission__kind=track)
    columns = (
        "evaluation__submission__user", "passed", "provisional", "shown", "gold", "value", "private_value",
        "evaluation",
    )  # fmt: skip
    found: dict[int, Learner] = {}
    count = 0
    rows = scores.order_by("evaluation__submission__created_at", "evaluation").values_list(*columns)
    for user, passed, provisional, shown, gold, value, private, evaluation in rows.iterator(5000):
        one = found.setdefault(user, Learner())
        one.attempts += 1
        count += 1
        if passed and not provisional and one.until_pass is None:
            one.until_pass = one.attempts
        one.is_gold |= gold
        if not one.best or (passed, not provisional, shown) > one.best:
            one.best, one.evaluation = (passed, not provisional, shown), evaluation
            one.gap = None if private is None else value - private
    return found, count


def of_counted(user: str, challenge: Challenge) -> Q:
    """Returns the condition for rows of people whose attempts count: all but those who may read the hidden rows.

    Visitors without an account count, too: most of those who try a challenge have none.
    """
    return of_ranked_people(user, challenge.course_id) | Q(**{f"{user}__is_guest": True})


def _seconds(evaluations: Sequence[int]) -> float | None:
    """The median time from the first start to the end of gradings, in seconds."""
    ended = Evaluation.objects.filter(pk__in=evaluations[:ANSWERS_READ], started_at__isnull=False)
    both = ended.values_list("started_at", "finished_at")
    times = [(end - begin).total_seconds() for begin, end in both if begin and end]
    return median(times) if times else None


def _tokens(version: ChallengeVersion, track: str) -> float | None:
    """The mean number of tokens that the model reads for one request, over entries of the leaderboard."""
    entries = Standing.objects.filter(version=version, track=track, cost__has_key="prompt_tokens")
    tokens = Cast(KT("cost__prompt_tokens"), FloatField())
    mean: float | None = entries.aggregate(mean=Avg(tokens))["mean"]
    return mean


def _approaches(version: ChallengeVersion, track: str) -> list[list[Any]]:
    """The best shown score of each approach with how many learners took it, the best approach first."""
    entries = Standing.objects.filter(of_counted("user", version.challenge), version=version, track=track)
    rows = entries.exclude(approach="").order_by().values_list("approach")
    found = rows.annotate(best=Max("shown"), learners=Count("user", distinct=True))
    return sorted(map(list, found), key=lambda one: (-one[1], one[0]))


def _failures(version: ChallengeVersion, track: str) -> tuple[dict[str, int], dict[str, int], int]:
    """Gradings of attempts and trial runs that failed, by error code, and how many trial runs are still known.

    What people have cancelled or withdrawn is no failure, and is not counted at all.
    """
    ended = Evaluation.objects.exclude(state=State.CANCELLED)
    attempts = ended.filter(submission__version=version, submission__kind=track)
    trials = ended.filter(run__version=version, run__kind=track, run__purpose=TRIAL)
    counts = [
        dict(some.exclude(error_code="").order_by("error_code").values_list("error_code").annotate(n=Count("pk")))
        for some in (attempts, trials)
    ]
    return counts[0], counts[1], trials.count()


def _items(version: ChallengeVersion, track: str, evaluations: Sequence[int]) -> dict[str, list[Any]]:
    if kinds.find(track).is_judged:
        criteria = free_text(version.parsed).rubric
        names, scores = [one.id for one in criteria], _marks(evaluations, [one.id for one in criteria])
        answers: Iterable[Mapping[str, str]] = ()
        right: Sequence[Sequence[str]] = ()
    else:
        items = items_of(version, track)
        names, right = [item.id for item in items], [item.parts for item in items]
        kept = RowScores.objects.filter(evaluation__in=evaluations)
        scores = [bytes(one) for one in kept.values_list("scores", flat=True)]
        answers = kept.filter(evaluation__in=evaluations[:ANSWERS_READ]).values_list("answers", flat=True)
    found = analysed([one for one in scores if len(one) == len(names)], answers, right)
    return {name: list(astuple(one)) for name, one in zip(names, found, strict=False)}


def _marks(evaluations: Sequence[int], criteria: Sequence[str]) -> list[bytes]:
    """The share of the points of each criterion, in hundredths, of each evaluation that has a mark for all of them."""
    found = []
    for result in Evaluation.objects.filter(pk__in=evaluations).values_list("result", flat=True):
        marks = {mark["id"]: mark for mark in (result or {}).get("marks", [])}
        if all(marks.get(name, {}).get("points_max") for name in criteria):
            found.append(bytes(round(100 * marks[one]["points"] / marks[one]["points_max"]) for one in criteria))
    return found


def hints_taken(challenge: Challenge) -> list[int]:
    """Returns how many learners have taken at least one, two and three hints."""
    taken = HintsTaken.objects.filter(of_counted("user", challenge), challenge=challenge)
    counts = dict(taken.order_by().values_list("count").annotate(n=Count("pk")))
    return [sum(n for count, n in counts.items() if count >= least) for least in (1, 2, 3)]
