"""Deletes visitors without an account some time after their last visit, with everything that is theirs.

`gradus.own_data.deletion` deletes people with an account, of whom ranks and statistics stay without a name.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from gradus.accounts.guests import NOTED_EVERY
from gradus.accounts.models import User

log = structlog.get_logger(__name__)
# As many guests are deleted in one round, each in a transaction of its own.
AT_ONCE = 50


def delete_guests(kept_for: timedelta) -> int:
    """Deletes guests whose last visit was longer than `kept_for` ago, and returns their number."""
    # A later visit within an hour of the noted one is not written.
    gone = User.objects.filter(is_guest=True, last_visit__lt=timezone.now() - kept_for - NOTED_EVERY)
    deleted = 0
    for pk in gone.order_by("last_visit", "pk").values_list("pk", flat=True)[:AT_ONCE]:
        try:
            deleted += _delete_if_free(gone.filter(pk=pk))
        except IntegrityError:
            log.exception("guest_not_deleted", user=pk)
    return deleted


@transaction.atomic
def _delete_if_free(rows: models.QuerySet[User]) -> int:
    """Deletes the guest unless another transaction holds the row: a visit, a sign-up, or another reconciler."""
    can = connection.features.has_select_for_update_skip_locked
    guest = (rows.select_for_update(skip_locked=True) if can else rows).first()
    if guest is not None:
        delete_guest(guest)
    return guest is not None


@transaction.atomic
def delete_guest(guest: User) -> None:
    """Deletes a visitor without an account with everything that is theirs, which the log of staff does not note.

    Attempts go with their grades, reviews, judge calls, standings and places in limits; so do runs, chats, answers,
    choices, sets of findings with their predictions, reports and notices. Stored files that no row names any more are
    deleted within a day. Gold rows that were collected by consent go too, because nobody has looked whether they name
    somebody. What stays names nobody: gold rows that staff have made of an answer, and counts of what judges cost. A
    receipt that somebody has downloaded stays valid, because the site keeps nothing of it.
    """
    guest.delete()
