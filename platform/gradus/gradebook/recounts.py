"""Computes cells again after a change of dates, labels or settings: at once, or soon where a request would take long.

A change for a large class writes a `Recount` in its own transaction. The reconciler's next round computes all cells and
deletes the row in one transaction, so that readers see the cells of before or those of after, and nothing is lost where
a process dies. Until then the gradebook says so. Whatever leaves the site, a file or an answer of the API, is computed
first. Releases and what learners see of their own grades do not read cells.
"""

from __future__ import annotations

from collections.abc import Collection

import structlog
from django.db import DatabaseError, connection, transaction

from gradus.classes.changes import hold, hold_free
from gradus.classes.models import Class, Member
from gradus.gradebook import cells
from gradus.gradebook.models import Recount
from gradus.submissions.models import Submission

log = structlog.get_logger(__name__)
# A request looks at no more attempts than this, which is about a second of work.
AT_ONCE = 50_000


@transaction.atomic
def follow(of_class: Class, members: Collection[int] | None = None, challenges: Collection[int] | None = None) -> None:
    """Computes the cells of a class again, or those of some members or challenges, given by their keys."""
    attempts = Submission.objects.filter(of_class=of_class)
    if members is not None:
        attempts = attempts.filter(user__in=Member.objects.filter(pk__in=members).values("user"))
    if challenges is not None:
        attempts = attempts.filter(challenge__in=challenges)
    if attempts[: AT_ONCE + 1].count() <= AT_ONCE:
        cells.rebuild(of_class, members, challenges)
        return
    # If the cells are being computed now, this waits for their end, so that the row is not deleted unseen.
    row = Recount(of_class=of_class)
    Recount.objects.bulk_create([row], update_conflicts=True, unique_fields=["of_class"], update_fields=["since"])


def settle(of_class: Class | int, *, waits: bool = True) -> bool:
    """Computes the cells of a class if they wait for that. Returns True if they did.

    Raises:
        DatabaseError: `waits` is False, and another transaction holds the class, a learner or a cell.
    """
    key = of_class if isinstance(of_class, int) else of_class.pk
    if not Recount.objects.filter(of_class=key).exists():
        return False
    with transaction.atomic():
        if not waits and not hold_free(key):
            raise DatabaseError("another transaction holds the class")
        held = hold(key)
        skips = not waits and connection.features.has_select_for_update_skip_locked
        row = Recount.objects.select_for_update(skip_locked=skips).filter(of_class=key).first()
        if row is None:
            return False
        cells.rebuild(held, waits=waits)
        row.delete()
    return True


def settle_one() -> int:
    """Computes the cells of the class that has waited longest and is free. Returns 1, or 0 where there is none."""
    for key in Recount.objects.order_by("since").values_list("pk", flat=True):
        try:
            if settle(key, waits=False):
                return 1
        except DatabaseError as error:
            log.warning("recount_postponed", of_class=key, reason=str(error))
        except Exception as error:  # whatever is wrong with this class: all others get their cells
            log.exception("recount_failed", of_class=key, reason=type(error).__name__)
    return 0
