"""What the pages about dates show: the table of what holds, the exceptions, and why a member can submit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.classes import access, policy, times
from gradus.classes.access import PlaceOrCourse, Viewed
from gradus.classes.models import Class, DateRule
from gradus.classes.policy import Applied, Rule, Schedule, Where, Who
from gradus.courses.models import Challenge, Lesson
from gradus.teach.date_forms import key_of

NAMES = {
    "release_at": gettext_lazy("Opens"),
    "early": gettext_lazy("Early credit"),
    "due_at": gettext_lazy("Due"),
    "late": gettext_lazy("Late credit"),
    "after": gettext_lazy("Credit after that"),
    "close_at": gettext_lazy("Closes"),
    "extended_to": gettext_lazy("More time until"),
}


@dataclass(frozen=True)
class Cell:
    """What holds for a field. `is_own` says that it is set at this place for these people."""

    name: str
    text: str
    is_own: bool


@dataclass(frozen=True)
class Row:
    place: PlaceOrCourse
    key: str
    level: str
    cells: tuple[Cell, ...]
    has_rule: bool

    @property
    def due(self) -> str:
        return self.cells[1].text

    @property
    def credit(self) -> str:
        return self.cells[2].text


def table(seen_as: Viewed, places: Sequence[PlaceOrCourse]) -> list[Row]:
    """Returns what holds at each place for everybody, for a label or for a member."""
    held = access.schedules(seen_as, places)
    return [_row(place, held[place], seen_as) for place in places]


def _row(place: PlaceOrCourse, schedule: Schedule, seen_as: Viewed) -> Row:
    level = (
        Where.CHALLENGE if isinstance(place, Challenge) else Where.LESSON if isinstance(place, Lesson) else Where.COURSE
    )
    who = Who.LEARNER if seen_as.member else Who.LABEL if seen_as.labels else Who.EVERYBODY
    own = {one.field for one in schedule.applied if any((rule.where, rule.who) == (level, who) for rule in one.rules)}
    zone = seen_as.of_class.timezone
    cells = (
        Cell(_("Opens"), date_line(schedule.release_at, zone), "release_at" in own),
        Cell(_("Due"), date_line(schedule.due_at, zone), "due_at" in own),
        Cell(_("An attempt counts"), credit_line(schedule, zone), bool(own & {"early", "late", "after"})),
        Cell(_("Closes"), date_line(schedule.close_at, zone), "close_at" in own),
    )
    return Row(place, key_of(place), level.name.lower(), cells, has_rule=bool(own))


def date_line(moment: datetime | None, zone: str) -> str:
    return times.plain(moment, zone) if moment else _("not set")


def credit_line(schedule: Schedule, zone: str) -> str:
    """Returns how much attempts count when, in one line; nothing where all attempts count in full."""
    parts = [_until(step, zone) for step in schedule.early]
    if schedule.due_at is not None:
        parts += [_("%(credit)s until due") % {"credit": times.percent(1)}] if parts else []
        parts += [_until(step, zone) for step in schedule.late]
        parts.append(_("then %(credit)s") % {"credit": times.percent(schedule.after)})
    elif parts:
        parts.append(_("then %(credit)s") % {"credit": times.percent(1)})
    return ", ".join(parts) or times.percent(1)


def _until(step: policy.Step, zone: str) -> str:
    return _("%(credit)s until %(date)s") % {"credit": times.percent(step.credit), "date": date_line(step.until, zone)}


@dataclass(frozen=True)
class DateException:
    """A rule for a label or a member, in words. `challenge` is its own one, or the first in its place."""

    rule: DateRule
    place: PlaceOrCourse
    key: str
    people: str
    says: str
    challenge: Challenge | None

    @property
    def why(self) -> str:
        """The address of the page that says why this member can submit there."""
        page = reverse("teach:why", args=[self.rule.of_class_id, self.rule.member_id])
        return f"{page}?challenge={self.challenge.slug}" if self.challenge else page

    @property
    def query(self) -> str:
        """What names these people in an address."""
        return f"member={self.rule.member_id}" if self.rule.member_id else f"label={self.rule.label_id}"


def exceptions(of_class: Class) -> list[DateException]:
    """Returns the rules for labels and members, labels first."""
    found = (
        of_class.date_rules.exclude(label=None, member=None)
        .select_related("label", "member__user", "lesson", "challenge__version", "challenge__lesson", "changed_by")
        .order_by("member_id", "label__name", "pk")
    )
    first = _first_challenges(access.places_of(of_class.course))
    return [
        DateException(
            one,
            place,
            key_of(place),
            str(one.label or one.member),
            says(one, of_class.timezone),
            one.challenge or first.get(key_of(place)),
        )
        for one in found
        for place in [one.challenge or one.lesson]
    ]


def _first_challenges(places: Sequence[PlaceOrCourse]) -> dict[str, Challenge]:
    """Returns the first challenge of the course and of each lesson, by the keys of these places."""
    found: dict[str, Challenge] = {}
    inside: set[str] = set()
    for place in places:
        if isinstance(place, Challenge):
            found.update(dict.fromkeys(inside - found.keys(), place))
        else:
            inside = {key_of(None), key_of(place)}
    return found


def says(rule: DateRule, zone: str) -> str:
    """Returns what a rule says in one line, such as "Due 1 Dec 2026, 23:59; never closes"."""
    said = access.rule_of(rule)
    parts = []
    for name, title in NAMES.items():
        if name in said.cleared:
            parts.append(_("%(field)s: none") % {"field": str(title)})
        elif (value := getattr(said, name)) is not None:
            parts.append(f"{title!s}: {in_words(name, value, zone)}")
    return "; ".join(parts)


def in_words(name: str, value: Any, zone: str) -> str:
    """Returns the value of a field as people read it."""
    if value is None:
        return _("none")
    if isinstance(value, datetime):
        return date_line(value, zone)
    if name == "after":
        return times.percent(value)
    return ", ".join(_until(step, zone) for step in value) or _("none")


@dataclass(frozen=True)
class Reason:
    """A field that holds for a member, and why."""

    name: str
    value: str
    because: tuple[str, ...]
    notes: tuple[str, ...]


def reasons(applied: Sequence[Applied], of_class: Class) -> list[Reason]:
    """Returns each field that a rule has decided, in the order in which things happen."""
    by_field, zone = {one.field: one for one in applied}, of_class.timezone
    labels = dict(of_class.labels.values_list("pk", "name"))
    return [
        Reason(
            str(title),
            in_words(name, by_field[name].value, zone),
            tuple(source(rule, labels.get(rule.label, "")) for rule in by_field[name].rules),
            tuple(rule.reason for rule in by_field[name].rules if rule.reason),
        )
        for name, title in NAMES.items()
        if name in by_field
    ]


def source(rule: Rule, label: str) -> str:
    """Returns which rule it is, such as "for the label Extra time, at this challenge"."""
    who = {
        Who.EVERYBODY: _("for everybody"),
        Who.LABEL: _("for the label “%(name)s”") % {"name": label},
        Who.LEARNER: _("for this person"),
    }[rule.who]
    where = {
        Where.COURSE: _("in the whole course"),
        Where.LESSON: _("in this lesson"),
        Where.CHALLENGE: _("at this challenge"),
    }[rule.where]
    return _("%(who)s, %(where)s") % {"who": who, "where": where}
