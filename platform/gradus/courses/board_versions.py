"""Decides which version of a challenge its leaderboard holds after a graded change.

Scores by different hidden rows cannot be compared. So learners keep the board of the version before the change until
its scores were graded again, or an editor begins the new board. A board that is frozen holds the version that it had.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses import locks
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.refusal import Refused, wrong


def kept(challenge: Challenge, version: ChallengeVersion) -> ChallengeVersion | None:
    """Returns the version whose board learners keep when `version` goes live in the place of the one before it.

    `challenge` must be locked, and be as it was before.
    """
    if is_frozen(challenge) and challenge.board_version is not None:
        return challenge.board_version
    before = challenge.board_version or challenge.version
    if before is None or before.pk == version.pk or _is_after_freeze(challenge, before):
        return None
    return before if _has_board(challenge, before) else None


def _is_after_freeze(challenge: Challenge, version: ChallengeVersion) -> bool:
    """Returns True if a frozen leaderboard does not show the version, because it was published later."""
    frozen_at, published_at = challenge.lesson.course.frozen_at, version.published_at
    return bool(frozen_at and published_at and is_frozen(challenge) and published_at > frozen_at)


def _has_board(challenge: Challenge, version: ChallengeVersion) -> bool:
    # The app `submissions` imports this app, so this app cannot import its models.
    standings: Any = apps.get_model("submissions", "Standing")._default_manager
    found: bool = standings.ranked(challenge.course_id).filter(version=version).exists()
    return found


@transaction.atomic
def begin(challenge: Challenge, *, by: User) -> ChallengeVersion:
    """Begins the board of the live version, because an editor says so. Returns that version.

    Raises:
        Refused: 409, the board holds the live version already, or it is frozen.
    """
    now = _locked(challenge)
    if is_frozen(now):
        raise Refused("frozen", _("This leaderboard is final."), 409)
    board = now.board_version
    if board is None or now.version is None:
        raise Refused("is_live", _("This leaderboard holds the live version already."), 409)
    _clear(now)
    what = {"before": board.version, "version": now.version.version}
    staff.note(StaffAction.What.BOARD_BEGUN, now, by=by, **what)
    return now.version


@transaction.atomic
def regraded(challenge: Challenge) -> None:
    """Begins the board of the live version, because the scores of the version before were graded again by it."""
    now = _locked(challenge)
    if now.board_version_id is not None and not is_frozen(now):
        _clear(now)


@transaction.atomic
def set_dates(course_id: int, *, frozen_at: datetime | None, reveal_at: datetime | None, by: User) -> Course:
    """Says when all leaderboards of a course close, and when they show their final ranks. None stands for no date.

    Raises:
        Http404, Refused: 403, the person may not; 422, ranks would be final before the leaderboards close.
    """
    roles.refuse_unless(by, course_id, roles.DECIDES)
    locks.hold_course(course_id)
    course = Course.objects.get(pk=course_id)
    course.frozen_at, course.reveal_at, course.updated_at = frozen_at, reveal_at, timezone.now()
    try:
        course.clean()
    except ValidationError as error:
        raise wrong("reveal_at", error.messages[0]) from None
    course.save(update_fields=["frozen_at", "reveal_at", "updated_at"])
    return course


def is_frozen(challenge: Challenge) -> bool:
    """Returns True if the leaderboards of the challenge's course are closed: later attempts do not count."""
    frozen_at = challenge.lesson.course.frozen_at
    return frozen_at is not None and frozen_at <= timezone.now()


def is_revealed(challenge: Challenge) -> bool:
    """Returns True if the leaderboards are closed and rank by private scores, which are the final ranks."""
    reveal_at = challenge.lesson.course.reveal_at
    return is_frozen(challenge) and (reveal_at is None or reveal_at <= timezone.now())


def _locked(challenge: Challenge) -> Challenge:
    locks.hold_course(challenge.course_id)
    locked = Challenge.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "lesson__course", "version", "board_version"
    )
    return locked.get(pk=challenge.pk)


def _clear(challenge: Challenge) -> None:
    Challenge.objects.filter(pk=challenge.pk).update(board_version=None)
    # All processes read the course again; see `catalogue`.
    Course.objects.filter(pk=challenge.course_id).update(updated_at=timezone.now())
