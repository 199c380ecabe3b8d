"""Services that change a class: its settings, the code by which people join, and its labels.

Each locks the class's row first, so that changes of one class follow one another, and writes the change to the log of
staff actions. `members` has the services that change members.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import members, membership, signals
from gradus.classes.changes import clean, hold, note, plain, refuse_changed
from gradus.classes.models import Class, Label
from gradus.courses.models import Course
from gradus.refusal import wrong

What = StaffAction.What
DECIDES = roles.DECIDES
SETTINGS = ("title", "timezone", "begins_at", "ends_at", "points", "steps", "board")
# The settings on which grades depend.
DECIDING = ("timezone", "begins_at", "ends_at", "points", "steps")
# These characters cannot be confused with each other. The rate limit for joining makes guessing ten of them hopeless.
CODE_LETTERS, CODE_CHARS = "abcdefghjkmnpqrstuvwxyz23456789", 10


def settings_of(of_class: Class) -> dict[str, Any]:
    return {name: getattr(of_class, name) for name in SETTINGS}


@transaction.atomic
def create(course: Course, *, by: User, **settings: Any) -> Class:
    """Creates a class. Its creator teaches it, even without a role for learner data in the course.

    Args:
        settings: Fields of `SETTINGS`. The time zone defaults to that of the course.

    Raises:
        Http404, Refused: 403, the person may not create classes in this course; 422, a setting is wrong.
    """
    if not membership.may_create(by, course):
        roles.refuse_unless(by, course, DECIDES)
    made = Class(course=course, created_by=by, **{"timezone": course.timezone, **settings})
    _check(made)
    made.save()
    staff.note(What.CLASS_CREATED, made, by=by, **{"class": made.pk}, after=plain(settings_of(made)))
    if not roles.may(by, course, DECIDES):
        members.add_member(made, by=by, user=by, learner_data=LearnerData.EDITOR, allowed=True)
    return made


@transaction.atomic
def change(of_class: Class, *, by: User, seen: str = "", **settings: Any) -> Class:
    """Changes fields of `SETTINGS`, and returns the class.

    Args:
        seen: `version_of(settings_of(...))` of what the person saw. If it is empty, changes by others are not checked.

    Raises:
        Http404, Refused: 403, the person may not; 409, `changed_meanwhile`; 422, a setting is wrong.
    """
    held = hold(of_class)
    membership.refuse_unless(by, held, DECIDES)
    before = settings_of(held)
    refuse_changed(seen, before)
    for name, value in settings.items():
        if name not in SETTINGS:
            raise ValueError(name)
        setattr(held, name, value)
    _check(held)
    after = settings_of(held)
    if after == before:
        return held
    held.save(update_fields=SETTINGS)
    note(What.CLASS_CHANGED, held, by, before, after)
    if any(before[name] != after[name] for name in DECIDING):
        signals.changed.send(Class, of_class=held, members=None)
    return held


@transaction.atomic
def rotate_code(of_class: Class, *, by: User, until: datetime) -> Class:
    """Gives the class a new join code that works until just before `until`. An earlier code stops working.

    Raises:
        Http404, Refused: 403, the person may not; 422, the end is past.
    """
    held = hold(of_class)
    membership.refuse_unless(by, held, DECIDES)
    if until <= timezone.now():
        raise wrong("join_code_until", _("This time is past. Choose a later one."))
    before = held.join_code_until
    held.join_code = "".join(secrets.choice(CODE_LETTERS) for _letter in range(CODE_CHARS))
    held.join_code_until = until
    held.save(update_fields=["join_code", "join_code_until"])
    # The log does not contain the code, because its readers could join with it.
    note(What.CLASS_CHANGED, held, by, {"join_code_until": before}, {"join_code_until": until})
    return held


@transaction.atomic
def extend_code(of_class: Class, *, by: User, until: datetime) -> Class:
    """Lets the join code of the class work until just before `until`.

    Raises:
        Http404, Refused: 403, the person may not; 409 `no_code`, the class has no code; 422, the end is past.
    """
    held = hold(of_class)
    membership.refuse_unless(by, held, DECIDES)
    if until <= timezone.now():
        raise wrong("join_code_until", _("This time is past. Choose a later one."))
    if held.join_code is None:
        raise wrong("join_code_until", _("There is no link any more. Make one."), "no_code", 409)
    before, held.join_code_until = held.join_code_until, until
    if before != until:
        held.save(update_fields=["join_code_until"])
        note(What.CLASS_CHANGED, held, by, {"join_code_until": before}, {"join_code_until": until})
    return held


@transaction.atomic
def stop_code(of_class: Class, *, by: User) -> Class:
    """Stops the join code of the class. Members stay."""
    held = hold(of_class)
    membership.refuse_unless(by, held, DECIDES)
    if held.join_code is None:
        return held
    before = held.join_code_until
    held.join_code = held.join_code_until = None
    held.save(update_fields=["join_code", "join_code_until"])
    note(What.CLASS_CHANGED, held, by, {"join_code_until": before}, {"join_code_until": None})
    return held


@transaction.atomic
def rename_label(label: Label, name: str, *, by: User) -> None:
    """Renames a label. Raises `Refused`: 403; 409, the class has a label of this name; 422, the name is invalid."""
    held = hold(label.of_class_id)
    membership.refuse_unless(by, held, DECIDES)
    before, name = label.name, " ".join(name.split())
    if any(one.name.casefold() == name.casefold() for one in held.labels.exclude(pk=label.pk)):
        raise wrong("name", _("The class has a label of this name."), "label_taken", 409)
    label.name = name
    clean(label)
    label.save(update_fields=["name"])
    note(What.CLASS_CHANGED, held, by, {"label": before}, {"label": name})


@transaction.atomic
def remove_label(label: Label, *, by: User) -> None:
    """Removes a label from the class and from all its members.

    Raises:
        Http404, Refused: 403, the person may not; 409, `label_has_dates` or `label_has_announcements`.
    """
    held = hold(label.of_class_id)
    membership.refuse_unless(by, held, DECIDES)
    if label.date_rules.exists():
        said = _("Dates are set for this label. Remove these dates first, so that nobody's dates change unnoticed.")
        raise wrong("label", said, "label_has_dates", 409)
    if label.announcements.filter(withdrawn_at=None).exists():
        said = _("An announcement is for this label. Withdraw it first, or it would be for nobody.")
        raise wrong("label", said, "label_has_announcements", 409)
    marked = set(label.members.values_list("pk", flat=True))
    before = {"label": label.name, "members": sorted(marked)}
    label.delete()
    note(What.CLASS_CHANGED, held, by, before, {"label": None})
    signals.changed.send(Class, of_class=held, members=marked)


def _check(of_class: Class) -> None:
    of_class.title = " ".join(of_class.title.split())
    clean(of_class)
    of_class.steps = _steps(of_class.steps) if of_class.points == Class.Points.STEPS else []


def _steps(steps: Any) -> list[dict[str, float]]:
    """Returns the steps sorted by score. Each step gives the share of the points that scores from `from` on earn."""
    said = _("Write each step as a score and a share of the points, both from 0 to 1, such as 0.5 and 0.8.")
    try:
        pairs = {float(one["from"]): float(one["points"]) for one in steps}
    except (TypeError, KeyError, ValueError):
        raise wrong("steps", said) from None
    if not pairs or len(pairs) != len(steps) or not all(0 <= one <= 1 for pair in pairs.items() for one in pair):
        raise wrong("steps", said)
    shares = [pairs[score] for score in sorted(pairs)]
    if shares != sorted(shares):
        raise wrong("steps", _("A higher score must not give fewer points."))
    return [{"from": score, "points": pairs[score]} for score in sorted(pairs)]
