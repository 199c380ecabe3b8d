"""Parameters and lookups that all calls about a class use: the class, its labels and challenges, times, and `seen`.

A call that names something by text in its body or query, and not in its path, answers 422 if the class has no such
thing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from pydantic import BeforeValidator, Field

from gradus.accounts.roles import SEES_ANSWERS
from gradus.accounts.token_rules import Scope
from gradus.api.auth import Request, caller
from gradus.classes import membership
from gradus.classes.members import member_named
from gradus.classes.models import Class, Label, Member
from gradus.courses.models import Challenge, Lesson
from gradus.refusal import wrong

PEOPLE = "An email address, a login, a registration number, or the number of a member"
SLUG_CHARS = 129


def _as_text(given: object) -> object:
    """Raises ValueError for a number, which pydantic would take as seconds since 1970."""
    if isinstance(given, int | float):
        raise ValueError("Write the time as text, such as 2026-10-05T23:59.")
    return given


Moment = Annotated[datetime, BeforeValidator(_as_text)]
# What a call gives, and what a later one sends back so that it overwrites nothing unseen.
SeenOut = Annotated[str, Field(description="Identifies the present state. Send it back as `seen` with a change")]
Seen = Annotated[
    str,
    Field(
        max_length=40,
        description="The `seen` that the caller read. 409 `changed_meanwhile` if it has changed since",
    ),
]


def class_of(request: Request, id: int, need: Scope = SEES_ANSWERS) -> Class:
    """Returns the class. Raises `Http404` or `Refused` (403) if the caller may not do this in it."""
    found = get_object_or_404(Class.objects.select_related("course"), pk=id)
    membership.refuse_unless(caller(request), found, need)
    return found


def label_named(of_class: Class, name: str | None) -> Label | None:
    """Returns the label of this name, ignoring case, or None if `name` is empty. Raises `Refused` (422)."""
    if not name:
        return None
    key = " ".join(name.split()).casefold()
    found = next((one for one in of_class.labels.all() if one.name.casefold() == key), None)
    if found is None:
        raise wrong("label", _("The class has no label of this name."), "no_such_label")
    return found


def challenge_named(of_class: Class, slug: str) -> Challenge:
    """Returns the challenge with this id. Raises `Refused` (422)."""
    found = of_class.course.challenges.filter(slug=slug).first()
    if found is None:
        raise wrong("challenge", _("The class has no such challenge."), "no_such_challenge")
    return found


def lesson_named(of_class: Class, slug: str) -> Lesson:
    """Returns the lesson with this id. Raises `Refused` (422)."""
    found = of_class.course.lessons.filter(slug=slug).first()
    if found is None:
        raise wrong("lesson", _("The class has no such lesson."), "no_such_lesson")
    return found


def members_named(of_class: Class, given: list[str]) -> list[Member]:
    """Returns the members that these texts name, each once. Raises `Refused` (422)."""
    found = [member_named(of_class, one, "members") for one in given]
    return list({member.pk: member for member in found}.values())
