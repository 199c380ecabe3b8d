"""Answers who belongs to a class, for which class an attempt counts, and what a person may do in a class."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.accounts.token_rules import LEARNER, Content, LearnerData, Scope, at_least, rank
from gradus.classes.models import Class, ClassQuerySet, Member, MemberQuerySet
from gradus.courses.models import Challenge, Course
from gradus.refusal import Refused

Person = User | AnonymousUser | None


def active(user: Person, course: Course | int | None = None) -> MemberQuerySet:
    """Returns a person's active memberships in any role, in all courses or in the given one."""
    return _of(user, course).active()


def left(user: Person, course: Course | int) -> MemberQuerySet:
    """Returns the memberships as a learner that a person has had in the course's classes, and has no more."""
    return _of(user, course).learners().filter(state=Member.State.LEFT)


def _of(user: Person, course: Course | int | None) -> MemberQuerySet:
    found = Member.objects.select_related("of_class__course").order_by("of_class_id")
    if not isinstance(user, User) or not user.is_active:
        return found.none()
    found = found.filter(user=user)
    return found if course is None else found.filter(of_class__course=course)


def name_of_teacher(user: User, course: Course) -> str:
    """Returns the name of somebody who teaches the course: the one in the newest class, or else of the account."""
    teaching = Member.objects.filter(of_class__course=course, user=user).exclude(learner_data=LearnerData.NONE)
    named = teaching.exclude(first_name="", last_name="").order_by("-of_class_id").first()
    return named.full_name if named else user.get_full_name() or user.pseudonym


def learns_in(user: Person, course: Course | int, at: datetime | None = None) -> MemberQuerySet:
    """Returns the person's memberships as a learner in the classes of the course that run at that time."""
    running = Class.objects.running(at)
    return active(user, course).learners().filter(of_class__in=running)


def class_for(
    user: Person, challenge: Challenge, chosen: int | None = None, at: datetime | None = None
) -> Class | None:
    """Returns the class for which an attempt at the challenge counts, or None if it counts for no class.

    Args:
        chosen: The key of the class that the person chose, or None. It is required if there are two or more classes.
                    at: The time of the submission; now by default.

    Raises:
        Refused: 422, `class_needed`: there are several classes, or the chosen one is not among them. `problems` has an
            entry for each class that can be chosen.
    """
    found = [one.of_class for one in learns_in(user, challenge.course_id, at)]
    if chosen is None and len(found) < 2:
        return found[0] if found else None
    by_key = {one.pk: one for one in found}
    if chosen in by_key:
        return by_key[chosen]
    choices = ", ".join(f"{one.title} ({one.pk})" for one in found)
    said = _("Choose the class for which this attempt counts: %(choices)s.") % {"choices": choices}
    if not found:
        said = _("You are in no class of this course that runs now. Submit without a class.")
    problems = [{"code": "class_needed", "field": "class", "message": one.title, "id": one.pk} for one in found]
    raise Refused("class_needed", said, 422, problems or [{"code": "class_needed", "field": "class", "message": said}])


def scope_in_class(user: Person, of_class: Class) -> Scope:
    """Returns the scope of a person in a class, from the role in its course or in the class itself."""
    scope = roles.scope_in(user, of_class.course_id)
    if not isinstance(user, User) or user.is_guest or not user.is_active:
        return scope
    member = Member.objects.active().filter(of_class=of_class, user=user).first()
    if member is None:
        return scope
    return Scope(scope.content, max(scope.learner_data, LearnerData(member.learner_data), key=rank))


def may_in_class(user: Person, of_class: Class, need: Scope) -> bool:
    """Returns True if the person has at least the levels of `need` in the class."""
    return scope_in_class(user, of_class).includes(need)


def refuse_unless(user: Person, of_class: Class, need: Scope) -> None:
    """Raises an exception if the person may not do `need` in the class.

    Raises:
        Http404: the person has no role in the class or its course, and must not learn that the class exists.
            Refused: 403, the role of the person does not include `need`.
    """
    has = scope_in_class(user, of_class)
    if has == LEARNER and need != LEARNER:
        raise Http404
    if not has.includes(need):
        roles.refuse_missing(has, need)


def taught_by(user: Person, need: Scope = roles.SEES_ANSWERS) -> ClassQuerySet:
    """Returns the classes in which the person may do `need`, by default to see answers and grades of learners."""
    if not isinstance(user, User) or user.is_guest or not user.is_active:
        return Class.objects.none()
    own = Q(pk__in=own_classes(user, need))
    in_courses = Course.objects.filter(roles.reach(user, need))
    return Class.objects.filter(Q(course__in=in_courses) | own)


def own_classes(user: User, need: Scope) -> set[int]:
    """Returns the keys of the classes in which the person's role as a member includes `need` (of learner data)."""
    if need.content != Content.NONE:
        return set()
    levels = at_least(need.learner_data)
    mine = Member.objects.active().filter(user=user, learner_data__in=levels).exclude(learner_data=LearnerData.NONE)
    return set(mine.values_list("of_class", flat=True))


def may_create(user: Person, course: Course | int) -> bool:
    """Returns True if the person may create a class, by deciding grades in the course or by editing its content."""
    return roles.may(user, course, roles.DECIDES) or roles.may(user, course, roles.EDITS)
