"""What the dates of a class say for each of its members at each challenge, for many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from gradus.classes import access, policy
from gradus.classes.models import DateRule, Member
from gradus.classes.policy import Schedule
from gradus.courses.models import Challenge

OPEN = Schedule()


def moments(schedule: Schedule) -> set[datetime]:
    """Returns the moments at which the credit may change. Between two of them it stays the same."""
    due = () if schedule.due_at is None else (schedule.due_at,)
    return {*due, *(step.until for step in schedule.early + schedule.late)}


def schedules(members: Collection[Member], places: Iterable[Challenge]) -> dict[tuple[int, int], Schedule]:
    """Returns the schedule for each pair of a member and a challenge, by their keys. All members are of one class.

    Members with the same labels and without dates of their own have the same schedules, so one of them is asked for
    all: a class of a thousand has a handful of such groups.
    """
    groups, wanted = _groups(members), list(places)
    facts = access.facts_of([group[0] for group in groups], wanted)
    found = {}
    for group in groups:
        for place in wanted:
            one = facts[group[0].pk, place]
            schedule = OPEN if one.is_exempt else policy.combine(one.rules)
            found.update({(member.pk, place.pk): schedule for member in group})
    return found


def _groups(members: Collection[Member]) -> list[list[Member]]:
    keys = [member.pk for member in members]
    labels: dict[int, set[int]] = defaultdict(set)
    through = Member.labels.through.objects.filter(member__in=keys)
    for member, label in through.values_list("member_id", "label_id"):
        labels[member].add(label)
    alone = set(DateRule.objects.filter(member__in=keys).values_list("member_id", flat=True))
    groups: dict[object, list[Member]] = defaultdict(list)
    for one in members:
        own = one.pk if one.pk in alone else 0
        groups[own, one.teaches, frozenset(labels[one.pk])].append(one)
    return list(groups.values())
