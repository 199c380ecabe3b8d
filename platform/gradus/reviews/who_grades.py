"""Says who grades a challenge on this server, so that pages and API claim only what is true here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.utils import timezone
from django.utils.translation import gettext_lazy

from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from gradus.accounts.models import User
from gradus.courses import calibrations
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.reviews.models import GoldConsent, Review
from gradus.submissions.models import WorkerStatus
from gradus.submissions.queue import ALIVE

ROWS, AI, PERSON = "rows", "ai", "person"
# The usual wait for a person is the median of this many newest decisions.
RECENT = 20


@dataclass(frozen=True)
class WhoGrades:
    """Who grades: `by` is `rows` (code, from samples or choices that stay hidden), `ai` (a judge), or `person`.

    `judge_reads` is True if a judge at an endpoint reads the answer, even if a person decides. `usual_wait` is the
    median time that a person took lately for this question, or None if nobody has decided an answer to it yet.
    `keeps_copy` is True if an answer that a person has marked becomes a gold row of the course.
    """

    by: str
    judge_reads: bool = False
    usual_wait: timedelta | None = None
    keeps_copy: bool = False


def who_grades(challenge: Challenge, user: User | None) -> WhoGrades:
    """Returns who grades this learner's answers to the current version. Answers of guests are not sent to a judge."""
    if not kinds.find(challenge.spec.kind).is_judged:
        return WhoGrades(ROWS)
    assert challenge.version is not None
    judges = set() if user is None or user.is_guest else judges_at_work()
    by = AI if _has_passed(challenge.version, judges) else PERSON
    keeps_copy = GoldConsent.objects.filter(challenge=challenge, revoked_at=None).exists()
    return WhoGrades(by, bool(judges), usual_wait(challenge), keeps_copy)


def counts(challenges: Iterable[Challenge]) -> tuple[int, int]:
    """Returns how many of these challenges have scores that code computes, and how many have AI-verified scores.

    AI-verified takes a judge that runs and has passed the gate, and a version that this server has verified.
    """
    by_code = by_ai = 0
    for challenge in challenges:
        version = challenge.version
        if not kinds.find(challenge.kind).is_judged:
            by_code += 1
        elif version is not None and version.is_verified and _has_passed(version, judges_at_work()):
            by_ai += 1
    return by_code, by_ai


def judges_at_work() -> set[str]:
    """Returns the judge models of the workers that were seen lately."""
    seen = WorkerStatus.objects.filter(lane=Lane.JUDGE, last_seen__gte=timezone.now() - ALIVE)
    return {name for name in seen.values_list("judge", flat=True) if name}


def usual_wait(challenge: Challenge) -> timedelta | None:
    """Returns the median time from a grade to a person's decision, over the newest decisions on this challenge.

    Without those on grades that are withheld, because learners should not know yet that a person has decided.
    """
    decided = Review.objects.filter(submission__challenge=challenge, kind=Review.Kind.REVIEW, decided_at__isnull=False)
    times = (
        decided.filter(submission__grade_withheld=False)
        .order_by("-decided_at")
        .values_list("opened_at", "decided_at")[:RECENT]
    )
    waits = [(end - start).total_seconds() for start, end in times if end is not None]
    return timedelta(seconds=median(waits)) if waits else None


def _has_passed(version: ChallengeVersion, judges: set[str]) -> bool:
    return any(_is_same(judge, model) for judge in judges for model, _ in calibrations.passed(version))


def _is_same(configured: str, answered: str) -> bool:
    """Compares names of models: an endpoint may answer for `vendor/model` as `model-2026-11-01`, with a date."""
    return answered.rpartition("/")[2].startswith(configured.rpartition("/")[2])


GUEST_NOTE = gettext_lazy(
    "You have no account, so no AI is asked about this answer: built-in checks estimate the grade, and it stays "
    "provisional until a person has looked at it."
)


def guest_note(user: User | None, kind: str) -> str:
    """Returns the note for a visitor without an account at a judged challenge. For everyone else it is empty."""
    return str(GUEST_NOTE) if kinds.find(kind).is_judged and (user is None or user.is_guest) else ""
