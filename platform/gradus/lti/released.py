"""Finds out which grades of a class a platform should have: those that learners see here, and no others."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge
from gradus.gradebook import cells, points, queries
from gradus.gradebook.models import Override
from gradus.gradebook.schedules import schedules
from gradus.gradebook.table import State
from gradus.lti.models import Context, Delivery, LineItem, Link

log = structlog.get_logger(__name__)
# A line item is compared this often, and a round of comparisons takes this long, in seconds, and so many at most.
EVERY, ROUND_SECONDS, AT_ONCE = timedelta(seconds=30), 5.0, 200


def look(now: Any = None) -> int:
    """Compares line items with what is released, those first that were not for longest. Returns how many grades differ.

    Nothing has to tell it of a change, so that none can be missed.
    """
    at, ends, changed = now or timezone.now(), time.monotonic() + ROUND_SECONDS, 0
    waiting = LineItem.objects.filter(Q(looked_at=None) | Q(looked_at__lt=at - EVERY))
    waiting = waiting.filter(context__of_class__isnull=False).order_by(F("looked_at").asc(nulls_first=True), "pk")
    for item in list(waiting.select_related("context__deployment", "challenge__lesson")[:AT_ONCE]):
        # Of several processes, one compares it.
        if LineItem.objects.filter(pk=item.pk, looked_at=item.looked_at).update(looked_at=at):
            changed += _compared(item)
        if time.monotonic() > ends:
            break
    return changed


def _compared(item: LineItem) -> int:
    try:
        return compare(item)
    except DatabaseError:
        raise
    except Exception as error:  # whatever is wrong with this one: all others are compared
        log.exception("line_item_failed", line_item=item.pk, reason=type(error).__name__)
        return 0


@transaction.atomic
def compare(item: LineItem) -> int:
    """Notes which learners' grades have to be sent. Returns how many."""
    # An operator who connects another class waits for this, or this sees that class.
    context = Context.objects.select_for_update(of=("self",)).select_related("of_class").get(pk=item.context_id)
    of_class = context.of_class
    if of_class is None or item.challenge.course_id != of_class.course_id:
        return 0
    members = list(Member.objects.filter(of_class=of_class, user__isnull=False).active().learners())
    wanted = grades(of_class, item.challenge, members)
    by_user = {member.user_id: member.pk for member in members}
    links = Link.objects.filter(platform=item.context.deployment.platform_id, user__in=by_user)
    kept = {one.link_id: one for one in item.deliveries.select_for_update()}
    changed, now = 0, timezone.now()
    for link in links:
        grade, row = wanted[by_user[link.user_id]], kept.get(link.pk)
        if row is None and grade:
            Delivery.objects.create(line_item=item, link=link, wanted=grade, due_at=now)
        elif row is not None and row.wanted != grade:
            # A grade that is being sent arrives first, and this one is sent after it.
            row.wanted, row.tries = grade, 0
            row.state, row.due_at = Delivery.State.WAITING, row.due_at or now
            if row.body is None:
                row.due_at, row.fault = now, ""
            row.save(update_fields=["wanted", "tries", "state", "due_at", "fault"])
        else:
            continue
        changed += 1
    return changed


def grades(of_class: Class, challenge: Challenge, members: list[Member]) -> dict[int, dict[str, str]]:
    """Returns what each member sees of the own grade at the challenge, by the member's key: nothing, or the points.

    As on the learner's own page, it is computed from released attempts alone. An excused learner has no grade, and
    nobody has one at a challenge that is worth nothing: platforms take no score out of 0.
    """
    worth = queries.worths_of(of_class).get(challenge.pk, points.WORTH)
    by_hand = Override.objects.open().filter(member__in=members, challenge=challenge, withheld=False)
    overrides = {one.member_id: one for one in by_hand}
    by_user = {member.user_id: member for member in members if member.user_id is not None}
    dates, scheme = schedules(members, [challenge]), cells.scheme_of(of_class)
    attempts = cells.attempts_of(of_class, by_user, dates, only_released=True)
    found = {}
    for member in members:
        key = (member.pk, challenge.pk)
        override, value = overrides.get(member.pk), None
        if override is not None:
            value = override.value
        else:
            made = cells.values_of(attempts[key], scheme, cells.credit_by(dates[key]), dates[key].is_late)
            if made["state"] == State.GRADED:
                value = points.points(points.exact(made["share"]), worth)
        found[member.pk] = {} if value is None or not worth else {"given": f"{value:.2f}", "maximum": f"{worth:.2f}"}
    return found
