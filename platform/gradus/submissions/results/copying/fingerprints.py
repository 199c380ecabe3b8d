"""Keeps the index with which similar attempts are found: the smallest hashes of what each attempt has of its own.

Two attempts that share a part share some of their smallest hashes (bottom-k sketches, Broder 1997; Cohen & Kaplan
2007). The reconciler lists attempts after they were accepted, each in a transaction of its own; what a process that
died has left has no time in `fingerprinted_at`, and is listed in the next round.
"""

from __future__ import annotations

from collections.abc import Collection
from heapq import nsmallest

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Count
from django.utils import timezone
from pydantic import ValidationError

from gradus.submissions.models import Fingerprint, Submission
from gradus.submissions.results.copying import given as gifts
from gradus.submissions.results.copying.given import Given
from gradus.submissions.results.copying.material import Material, material_of, row_hashes

log = structlog.get_logger(__name__)
# As many hashes are kept of an attempt's text, and as many of its rows.
KEPT = 64
# A hash that so many attempts have already is not listed again: what everybody writes is no evidence, and the search
# stays quick whatever people hand in.
COMMON = 500


def hashes_of(submission: Submission) -> frozenset[int]:
    """Returns the hashes of an attempt: at most `KEPT` of its text, and at most `KEPT` of its rows.

    Empty for a payload that no kind which is installed now knows.
    """
    try:
        material = material_of(submission.version.parsed, submission.payload)
    except (ValidationError, KeyError):
        return frozenset()
    return smallest(material, gifts.given(submission.challenge))


def smallest(material: Material, given: Given) -> frozenset[int]:
    text = {one for one in given.free_runs(material) if one is not None}
    free = (given.free_row(row) for row in material.rows)
    rows = {one for row in free if row is not None for one in row_hashes(row)}
    return frozenset([*nsmallest(KEPT, text), *nsmallest(KEPT, rows)])


def carry_out(most: int) -> int:
    """Lists at most so many attempts, the oldest first, and returns how many it has listed."""
    waiting = Submission.objects.filter(fingerprinted_at=None).order_by("pk").values_list("challenge", "pk")[:most]
    # By challenge, because what a challenge gives is kept for the few that were used last.
    return sum(_list_or_leave_out(key) for _challenge, key in sorted(waiting))


def _list_or_leave_out(key: int) -> bool:
    """Lists an attempt. One that cannot be listed is left out for ever, or those after it would never be listed."""
    try:
        return _list_one(key)
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("attempt_not_listed", submission=key, reason=type(error).__name__)
        return bool(Submission.objects.filter(pk=key).update(fingerprinted_at=timezone.now()))


@transaction.atomic
def _list_one(key: int) -> bool:
    """Lists an attempt, unless another transaction holds it. Whoever deletes its text waits for the end of this."""
    free = Submission.objects.filter(pk=key, fingerprinted_at=None)
    skips = connection.features.has_select_for_update_skip_locked
    rows = free.select_for_update(skip_locked=True, of=("self",), no_key=True) if skips else free
    submission = rows.select_related("challenge", "version").first()
    if submission is None:
        return False
    found = hashes_of(submission)
    listed = found - _common(submission.challenge_id, found)
    Fingerprint.objects.bulk_create(
        [Fingerprint(submission_id=key, challenge_id=submission.challenge_id, hash=one) for one in sorted(listed)]
    )
    Submission.objects.filter(pk=key).update(fingerprinted_at=timezone.now())
    return True


def _common(challenge: int, hashes: Collection[int]) -> set[int]:
    held = Fingerprint.objects.filter(challenge=challenge, hash__in=hashes).values("hash")
    return {row["hash"] for row in held.annotate(attempts=Count("submission")) if row["attempts"] >= COMMON}


def rebuild() -> int:
    """Lists all attempts again, and returns how many there are. It goes on where it stopped if it is called again."""
    with transaction.atomic():
        Fingerprint.objects.all().delete()
        Submission.objects.exclude(fingerprinted_at=None).update(fingerprinted_at=None)
    count = 0
    while listed := carry_out(500):
        count += listed
    return count


def forget(user_id: int) -> None:
    """Removes a learner's attempts from the index. It is called after the texts were deleted."""
    Fingerprint.objects.filter(submission__user=user_id).delete()
