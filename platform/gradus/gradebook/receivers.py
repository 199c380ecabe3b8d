"""Signal handlers, which compute cells again; `apps.py` connects them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils import timezone

from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge
from gradus.gradebook import cells, recounts, services
from gradus.gradebook.models import Cell, Override
from gradus.submissions.models import Evaluation, Submission


def on_evaluation(sender: object, instance: Evaluation, created: bool, raw: bool = False, **extra: Any) -> None:
    """A new attempt has an evaluation as soon as it is stored."""
    if created and not raw:
        _of_attempt(instance.submission)


def on_ended(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    _of_attempt(evaluation.submission)


def _of_attempt(submission: Submission | None) -> None:
    if submission is not None and submission.of_class_id is not None:
        cells.update([submission.user_id], submission.challenge_id)


def on_scores_changed(sender: object, user_ids: Collection[int], challenge_id: int, **extra: Any) -> None:
    cells.update(user_ids, challenge_id)


def on_rules_applied(
    sender: object, of_class: Class | None, challenge: Challenge | None, waits: bool, **extra: Any
) -> None:
    services.release_due(of_class, challenge, waits=waits)


def on_class_changed(
    sender: object,
    of_class: Class,
    members: Collection[int] | None = None,
    challenges: Collection[int] | None = None,
    **extra: Any,
) -> None:
    """Dates decide the credit, labels and roles decide the dates, and settings how a score becomes points."""
    recounts.follow(of_class, members, challenges)


def on_merged(sender: object, kept: Member, gone: Member, **extra: Any) -> None:
    """Of two overrides in force at one challenge, the one of the member who stays holds; the other is kept as ended.

    Cells are computed again for the member who stays, so those of the other go.
    """
    both = Override.objects.open().filter(member=gone, challenge__in=kept.overrides.open().values("challenge"))
    # The learner has seen points there, so points stay there.
    kept.overrides.open().filter(challenge__in=both.filter(withheld=False).values("challenge")).update(withheld=False)
    both.update(ended_at=timezone.now())
    Cell.objects.filter(member=gone).delete()
