"""Services with which a reviewer keeps answers for a while, so that two people do not mark the same answer.

The row of a review holds its lock. Whoever takes or decides an answer changes that row by a conditional update, so the
database settles who was first. A lock is a courtesy with an end: an answer that nobody holds can be decided by anybody.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import BigIntegerField
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.accounts.roles import DECIDES
from gradus.courses.models import Challenge
from gradus.reviews import queue
from gradus.reviews.models import LOCKED_FOR, LOCKS_MOST, Review, ReviewQuerySet
from gradus.submissions.services import Refused
from gradus.submissions.services.regrade import WITHDRAWN_WORDS

FREE = {"locked_by": None, "locked_until": None, "lock_slot": None}


@transaction.atomic
def claim(
    by: User, *, count: int = 1, challenge: Challenge | None = None, ids: Collection[int] | None = None
) -> list[Review]:
    """Takes answers from the person's queue until the person holds `count` of those asked for, or none is left.

    Locks that the person has already are renewed and count. The answers come in the order of the queue; those that
    somebody else holds or has decided are left out. `challenge` and `ids` say which answers are asked for.

    Raises:
        Refused: 409, the person holds `LOCKS_MOST` others.
    """
    # Parallel requests of one person wait here, so that each sees which slots the other has taken. A decision, which
    # only refers to the person, does not wait.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    Review.objects.filter(locked_by=by, locked_until__lte=timezone.now()).update(**FREE)
    asked = queue.waiting_for(by, DECIDES)
    asked = asked if challenge is None else asked.filter(submission__challenge=challenge)
    asked = asked if ids is None else asked.filter(pk__in=ids)
    held = list(asked.filter(locked_by=by).values_list("pk", flat=True)[:count])
    Review.objects.filter(pk__in=held, locked_by=by).update(locked_until=timezone.now() + LOCKED_FOR)
    taken = [*held, *_take(asked.exclude(locked_by=by), by, count - len(held))]
    return list(asked.filter(pk__in=taken))


def _take(asked: ReviewQuerySet, by: User, wanted: int) -> list[int]:
    """Locks up to `wanted` of these reviews in the person's free slots, and returns their keys."""
    used = set(Review.objects.filter(locked_by=by).values_list("lock_slot", flat=True))
    slots = [number for number in range(1, LOCKS_MOST + 1) if number not in used]
    free = asked.free_for(by)
    if wanted > 0 and not slots and free.exists():
        raise Refused(
            "locks_held",
            _("You hold %(count)s answers already. Decide or give back one of them first.") % {"count": LOCKS_MOST},
            409,
        )
    # An answer that another transaction is taking or deciding is left out instead of waited for.
    free = free.select_for_update(skip_locked=True, of=("self",))[: max(0, min(wanted, len(slots)))]
    until = timezone.now() + LOCKED_FOR
    return [
        review.pk
        for review, slot in zip(free, slots, strict=False)
        if Review.objects.waiting()
        .free_for(by)
        .filter(pk=review.pk)
        .update(locked_by=by, locked_until=until, lock_slot=slot)
    ]


def open_for_marking(by: User, pk: int) -> bool:
    """Locks an answer that the person opens, if that is possible, and returns whether the person holds it now."""
    # Django leaves a number that no key can be out of an exact look-up, but not out of a list of keys.
    if pk > BigIntegerField.MAX_BIGINT:
        return False
    try:
        return bool(claim(by, ids=[pk]))
    except Refused:
        return False


def claim_next(by: User, review: Review) -> Review | None:
    """Returns the next answer of the queue that nobody else holds, and locks it; None if no other answer waits.

    A person who holds `LOCKS_MOST` others gets it without a lock.
    """
    while (following := queue.after(by, review)) is not None:
        if open_for_marking(by, following.pk) or Review.objects.free_for(by).waiting().filter(pk=following.pk).exists():
            return following
    return None


def renew(by: User, ids: Collection[int]) -> int:
    """Renews locks that the person still holds, and returns their number."""
    held = Review.objects.held_by(by).filter(pk__in=ids)
    return held.update(locked_until=timezone.now() + LOCKED_FOR)


def release(by: User, ids: Collection[int] | None = None) -> int:
    """Gives back these answers, or all that the person holds, and returns their number."""
    held = Review.objects.filter(locked_by=by)
    return (held if ids is None else held.filter(pk__in=ids)).update(**FREE)


@transaction.atomic
def break_lock(review: Review, *, by: User) -> None:
    """Takes an answer from the reviewer who holds it, which is logged. Afterwards nobody holds it.

    Raises:
        Refused: 403, the person is not staff of the site; 409, nobody holds the answer.
    """
    if not by.is_staff:
        raise Refused("not_staff", _("Only staff of the site can take an answer from another reviewer."), 403)
    holder = Review.objects.select_for_update().filter(pk=review.pk).values_list("locked_by", flat=True).first()
    if not Review.objects.filter(pk=review.pk, locked_by__isnull=False).update(**FREE):
        raise Refused("not_locked", _("Nobody holds this answer."), 409)
    if holder != by.pk:
        staff.note(StaffAction.What.LOCK_BROKEN, review.submission, by=by, review=review.pk, holder=holder)


def why_not(review: Review, by: User) -> Refused:
    """Returns the refusal of a person whose conditional update has changed nothing."""
    now = Review.objects.select_related("locked_by").filter(pk=review.pk).first()
    if now is not None and now.withdrawn_at is not None:
        return Refused("withdrawn", str(WITHDRAWN_WORDS), 409)
    if now is not None and now.decided_at is None and now.follows_id is not None:
        said = _("The learner has handed in this text again. Decide the later attempt: this one gets the same grade.")
        return Refused("follows", said, 409)
    if now is None or now.decided_at is not None or now.locked_by in (None, by):
        return Refused("decided", _("Somebody else has just decided this review."), 409)
    assert now.locked_by is not None and now.locked_until is not None
    said = _("%(person)s is marking this answer, until %(time)s at the latest. Take another one in the meantime.")
    until = time_format(timezone.localtime(now.locked_until))
    return Refused("locked", said % {"person": now.locked_by.pseudonym, "time": until}, 409)
