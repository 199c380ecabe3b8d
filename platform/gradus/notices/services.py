"""Services for notices. What ends something for a learner calls one of the `tell` services in the same transaction."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from challenges import kinds
from gradus.accounts.models import User
from gradus.notices.models import KEPT, Notice
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.states import State

Kind = Notice.Kind
# A grading that took longer than this is worth a notice.
LONG_SECONDS = 60


def tell(evaluation: Evaluation, kind: Notice.Kind) -> None:
    """Tells its learner about an evaluation. A second call about the same evaluation changes nothing."""
    owner = evaluation.submission or evaluation.run
    assert owner is not None
    if owner.user_id is not None:
        Notice.objects.get_or_create(evaluation=evaluation, defaults={"user_id": owner.user_id, "kind": kind})


def tell_of_answer(user: User, report: int) -> None:
    """Tells a learner that staff have answered the report with this id."""
    Notice.objects.get_or_create(report_id=report, defaults={"user": user, "kind": Kind.ANSWERED})


def tell_of_end(evaluation: Evaluation) -> None:
    """Tells the learner that an evaluation has ended, if it trained a model, took long, or was a regrade."""
    if evaluation.run is not None:
        if evaluation.run.purpose == Run.Purpose.TRIAL and _is_worth_it(evaluation, evaluation.run.kind):
            tell(evaluation, Kind.RUN)
    elif evaluation.submission is not None and evaluation.is_current:
        if evaluation.state not in (State.SCORED, State.REVIEW):
            kind = Kind.FAILED
        else:
            kind = Kind.REGRADED if evaluation.number > 1 else Kind.GRADED
        if kind == Kind.REGRADED or _is_worth_it(evaluation, evaluation.submission.kind):
            tell(evaluation, kind)


def _is_worth_it(evaluation: Evaluation, kind: str) -> bool:
    """Times are rounded up to whole seconds, as pages show them: fractions could tell something of hidden rows."""
    assert evaluation.finished_at is not None
    took = math.ceil((evaluation.finished_at - evaluation.created_at).total_seconds())
    return kinds.find(kind).is_trained or took > LONG_SECONDS


def see(user: User | None, evaluation: Evaluation) -> None:
    """Marks the notice about an evaluation as seen: its learner has the result's page open.

    It looks first, because on SQLite even an UPDATE of no rows waits for writers.
    """
    unseen = Notice.objects.of(user).unseen().filter(evaluation=evaluation)
    if user is not None and not evaluation.is_open and unseen.exists():
        unseen.update(seen_at=Now())


def see_all(user: User, notices: list[Notice]) -> None:
    """Marks these notices of the learner as seen."""
    if fresh := [notice.pk for notice in notices if notice.seen_at is None]:
        Notice.objects.of(user).unseen().filter(pk__in=fresh).update(seen_at=Now())


def prune(kept: timedelta = KEPT) -> int:
    """Deletes old notices and returns their number."""
    old: Any = Notice.objects.filter(created_at__lt=timezone.now() - kept)
    deleted, _ = old.delete()
    return int(deleted)
