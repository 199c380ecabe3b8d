"""Decides what a person may do in a course. Pages, the API, the admin and the command line all ask here.

A course is given as its row or its primary key.

A role has a level on each of the two axes of `token_rules.Scope`. Staff of the site have the highest level of both in
every course. Visitors without an account have no role.
"""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, Q
from django.http import Http404
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from gradus.accounts.models import EVERYTHING, Enrolment, User
from gradus.accounts.token_rules import LEARNER, Content, LearnerData, Scope, at_least, named
from gradus.refusal import Refused

Person = User | AnonymousUser | None

PREVIEWS = Scope(Content.PREVIEWER)
VIEWS = Scope(Content.VIEWER)
EDITS = Scope(Content.EDITOR)
OWNS = Scope(Content.OWNER)
SEES_ANSWERS = Scope(learner_data=LearnerData.VIEWER)
DECIDES = Scope(learner_data=LearnerData.EDITOR)


def scope_in(user: Person, course: Model | int) -> Scope:
    """Returns what a person may do in a course."""
    if not isinstance(user, User) or user.is_guest or not user.is_active:
        return LEARNER
    if user.is_staff:
        return EVERYTHING
    key: int = course.pk if isinstance(course, Model) else course
    found = Enrolment.objects.filter(user=user, course_id=key).first()
    return found.scope if found else LEARNER


def may(user: Person, course: Model | int, need: Scope) -> bool:
    """Returns True if the person has at least the levels of `need` in the course."""
    return scope_in(user, course).includes(need)


def reach(user: Person, need: Scope) -> Q:
    """Returns a condition for `Course.objects.filter` that selects the courses in which the person may do `need`."""
    if need == LEARNER:
        return Q()
    if not isinstance(user, User) or user.is_guest or not user.is_active:
        return Q(pk__in=[])
    if user.is_staff:
        return Q()
    levels = {f"{axis}__in": at_least(level) for axis, level in vars(need).items()}
    return Q(pk__in=Enrolment.objects.filter(user=user, **levels).values("course"))


def refuse_unless(user: Person, course: Model | int, need: Scope) -> None:
    """Raises an exception if the person may not do `need` in the course.

    Raises:
        Http404: the person has no role in the course, and need not know that there is anything to see.
        Refused: 403, the role of the person does not include it. `problems` has the missing level of each axis.
    """
    has = scope_in(user, course)
    if has.includes(need):
        return
    if has == LEARNER:
        raise Http404
    refuse_missing(has, need)


def refuse_missing(has: Scope, need: Scope) -> None:
    """Raises `Refused` (403) if `has` does not include all levels of `need`. The error names the missing levels."""
    missing = has.missing(need)
    names = {axis: named(axis, level) for axis, level in missing.items()}
    problems = [{"code": "missing_role", "field": axis, "message": name} for axis, name in names.items()]
    said = _("Your role in this course does not include this: it needs %(levels)s. An owner of the course can give it.")
    raise Refused("missing_role", said % {"levels": get_text_list(list(names.values()), _("and"))}, 403, problems)
