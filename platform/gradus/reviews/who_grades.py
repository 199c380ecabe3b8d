"""Who grades a challenge on this server, so that pages and API say no more than what is true here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.utils import timezone

from challenges import kinds
from challenges.kinds.base import Lane
from gradus.accounts.models import User
from gradus.courses import calibrations
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.reviews.models import Review
from gradus.submissions.models import WorkerStatus
from gradus.submissions.queue import ALIVE

ROWS, AI, PERSON = "rows", "ai", "person"
# The wait for a person is the median of so many newest decisions.
RECENT = 20


@dataclass(frozen=True)
class WhoGrades:
    """`by` is `rows` (the base model runs on hidden rows), `ai` (a judge that passed the gate) or `person`.

    `judge_reads` says that a judge model at an endpoint reads the answer, whoever decides. `usual_wait` is the median
    time that a person took lately for this question; None where nobody has decided an answer to it yet.
    """

    by: str
    judge_reads: bool = False
    usual_wait: timedelta | None = None


def who_grades(challenge: Challenge, user: User | None) -> WhoGrades:
    """Who grades this learner's answers to the challenge's current version. No judge is asked about a guest's."""
    if not kinds.find(challenge.spec.kind).is_judged:
        return WhoGrades(ROWS)
    assert challenge.version is not None
    judges = set() if user is None or user.is_guest else judges_at_work()
    by = AI if _has_passed(challenge.version, judges) else PERSON
    return WhoGrades(by, bool(judges), usual_wait(challenge))


def is_ai_verified(challenge: Challenge) -> bool:
    """Whether scores of this challenge are AI-verified here.

    The baselines of its version must have reached what they must. For free text a judge at work must have passed the
    author's gate as well.
    """
    if challenge.version is None or not challenge.version.is_verified:
        return False
    return not kinds.find(challenge.spec.kind).is_judged or _has_passed(challenge.version, judges_at_work())


def judges_at_work() -> set[str]:
    """The judge models that workers which were seen lately have been set up with."""
    seen = WorkerStatus.objects.filter(lane=Lane.JUDGE, last_seen__gte=timezone.now() - ALIVE)
    return {name for name in seen.values_list("judge", flat=True) if name}


def usual_wait(challenge: Challenge) -> timedelta | None:
    """The median time from a grade to a person's decision, over the newest decisions on this challenge."""
    decided = Review.objects.filter(submission__challenge=challenge, kind=Review.Kind.REVIEW, decided_at__isnull=False)
    times = decided.order_by("-decided_at").values_list("opened_at", "decided_at")[:RECENT]
    waits = [(end - start).total_seconds() for start, end in times if end is not None]
    return timedelta(seconds=median(waits)) if waits else None


def _has_passed(version: ChallengeVersion, judges: set[str]) -> bool:
    return any(_is_same(judge, model) for judge in judges for model, _ in calibrations.passed(version))


def _is_same(configured: str, answered: str) -> bool:
    """An endpoint may answer to `vendor/model` with the model's dated name, such as `model-2026-11-01`."""
    return answered.rpartition("/")[2].startswith(configured.rpartition("/")[2])
