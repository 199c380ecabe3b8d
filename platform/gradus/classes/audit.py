"""Reads the audit of a class: the rows of the log of staff actions that name the class, for its teachers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from gradus.accounts.models import StaffAction
from gradus.classes.models import Class, Member

# Details that have their own column in the audit.
KNOWN = {"class", "before", "after", "reason", "member"}


@dataclass(frozen=True)
class Entry:
    """One action. `changes` are triples of field, value before and value after; `rest` are other details as pairs."""

    action: StaffAction
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
        when = one.at.isoformat(timespec="seconds")
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
    return [_entry(one, members) for one in rows]


def _entry(action: StaffAction, members: Mapping[int, Member]) -> Entry:
    details = action.details
    key = details.get("member")
    member = members.get(key) if isinstance(key, int) else None
    return Entry(
        action,
        member.name if member else "",
        tuple(_changes(details.get("before"), details.get("after"))),
        _said(details.get("reason")),
        tuple((_named(name), _said(value)) for name, value in details.items() if name not in KNOWN and value),
    )


def _changes(before: Any, after: Any) -> Iterable[tuple[str, str, str]]:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        if before is not None or after is not None:
            yield "", _said(before), _said(after)
        return
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield _named(name), _said(before.get(name)), _said(after.get(name))


def _named(name: str) -> str:
    return name.replace("_", " ")


def _said(value: Any) -> str:
    """Returns a JSON value as readable text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(one, (list, dict)) for one in value):
        return ", ".join(map(_said, value))
    return json.dumps(value, ensure_ascii=False)
