"""Reads the audit of a class: the rows of the log of staff actions that name the class, for its teachers.

The log has times in UTC and shares as numbers. People read times in the zone of the class, and shares in percent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gradus.accounts.models import StaffAction
from gradus.classes import times
from gradus.classes.models import Class, Member

# A time as the log has it, and the fields whose numbers are shares.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
SHARES = {"after"}
# Details that have their own column in the audit.
KNOWN = {"class", "before", "after", "reason", "member"}


@dataclass(frozen=True)
class Entry:
    """One action. `changes` has (field, value before, value after), and `rest` has (name, value) of other details."""

    action: StaffAction
    zone: str
    member: str
    changes: tuple[tuple[str, str, str], ...]
    reason: str
    rest: tuple[tuple[str, str], ...]

    @property
    def as_whom(self) -> str:
        """Returns the learner as whom the person viewed the site. It is empty for all other actions."""
        if self.action.what != StaffAction.What.VIEWED_AS:
            return ""
        return self.member or str(self.action.details.get("label") or "")

    def cells(self) -> list[str]:
        """Returns the cells of the entry for a table. Values before and after are JSON."""
        one, details = self.action, self.action.details
        before, after = (json.dumps(details[key], ensure_ascii=False) if key in details else "" for key in SIDES)
        about = one.about if not self.member else f"{one.about} ({self.member})"
        rest = "; ".join(f"{name}: {value}" for name, value in self.rest)
        when = times.local(one.at, self.zone).isoformat(timespec="seconds")
        return [when, one.who, self.as_whom, one.get_what_display(), about, before, after, self.reason, rest, one.via]


SIDES = ("before", "after")
HEADER = ["at", "who", "as_whom", "what", "about", "before", "after", "reason", "more", "via"]


def actions(of_class: Class, who: str = "", what: str = "") -> QuerySet[StaffAction]:
    """Returns the actions of a class, the newest first, filtered by the person's name in the log and by kind."""
    found = StaffAction.objects.filter(details__class=of_class.pk)
    if who:
        found = found.filter(who=who)
    return found.filter(what=what) if what else found


def people(of_class: Class) -> list[str]:
    """Returns the names, as stored in the log, of all people who have acted on the class."""
    return list(actions(of_class).order_by("who").values_list("who", flat=True).distinct())


def kinds(of_class: Class) -> list[tuple[str, str]]:
    """Returns the kinds of actions in the audit of the class, as pairs of key and name."""
    done = set(actions(of_class).order_by("what").values_list("what", flat=True).distinct())
    return [(value, str(label)) for value, label in StaffAction.What.choices if value in done]


def entries(of_class: Class, found: Iterable[StaffAction]) -> list[Entry]:
    """Returns the entries of these actions. Members appear with their present names."""
    rows = list(found)
    keys = {key for one in rows if isinstance(key := one.details.get("member"), int)}
    members = Member.objects.filter(of_class=of_class, pk__in=keys).select_related("user").in_bulk()
    return [_entry(one, members, of_class.timezone) for one in rows]


def _entry(action: StaffAction, members: Mapping[int, Member], zone: str) -> Entry:
    details = action.details
    key = details.get("member")
    member = members.get(key) if isinstance(key, int) else None
    return Entry(
        action,
        zone,
        member.name if member else "",
        tuple(_changes(details.get("before"), details.get("after"), zone)),
        str(details.get("reason") or ""),
        tuple((_named(name), _said(value, zone)) for name, value in details.items() if name not in KNOWN and value),
    )


def _changes(before: Any, after: Any, zone: str) -> Iterable[tuple[str, str, str]]:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        if before is not None or after is not None:
            yield "", _said(before, zone), _said(after, zone)
        return
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield _named(name), _said(before.get(name), zone, name), _said(after.get(name), zone, name)


def _named(name: str) -> str:
    return name.replace("_", " ")


def _said(value: Any, zone: str, name: str = "") -> str:
    """Returns a JSON value as readable text. `name` is the field, by which a share is known."""
    if value is None:
        return ""
    if isinstance(value, str):
        return times.plain(datetime.fromisoformat(value), zone) if MOMENT.fullmatch(value) else value
    if name in SHARES and isinstance(value, int | float):
        return times.percent(value)
    if isinstance(value, list) and not any(isinstance(one, list) for one in value):
        return ", ".join(_said(one, zone) for one in value)
    if isinstance(value, dict) and value.keys() == {"until", "credit"}:
        said = {"credit": times.percent(value["credit"]), "date": _said(value["until"], zone)}
        return _("%(credit)s until %(date)s") % said
    if isinstance(value, dict) and value.keys() == {"from", "points"}:
        shares = {key: times.percent(share) for key, share in value.items()}
        return _("%(points)s of the points from a score of %(from)s") % shares
    return json.dumps(value, ensure_ascii=False)
