"""Queries for reviewers: which answers wait, in which order, and who may see them. Nobody sees their own answers."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.accounts.roles import DECIDES, SEES_ANSWERS
from gradus.accounts.token_rules import Scope
from gradus.classes import membership
from gradus.classes.models import Class
from gradus.courses.models import Challenge, Course
from gradus.reviews.models import Appeal, Regrade, Review, ReviewQuerySet


def reviewer(request: HttpRequest) -> User:
    """Returns the visitor. Raises `Http404` if the visitor is not a reviewer, so that the pages stay unknown."""
    if not isinstance(request.user, User) or not request.user.is_reviewer:
        raise Http404
    return request.user


def waiting_for(user: User, need: Scope = SEES_ANSWERS) -> ReviewQuerySet:
    """Returns the reviews that wait: appeals first, then the others and audits by predicted score.

    They are those of the courses in which the person's role includes `need`, and the attempts that count for a class
    in which the own role there does. The annotation `appealed` says which are appeals.
    """
    person = Appeal.Stage.PERSON
    open_appeal = Appeal.objects.filter(evaluation=OuterRef("evaluation"), stage=person)
    waiting = Review.objects.waiting().select_related(
        "submission__challenge__lesson__course", "submission__version", "locked_by"
    )
    reviews = waiting.exclude(submission__user=user)
    if not user.is_staff:
        reviews = reviews.filter(_of_taught(user, need))
    return reviews.annotate(appealed=Exists(open_appeal)).order_by("-appealed", "place", "pk")


def _of_taught(user: User, need: Scope) -> Q:
    in_courses = Q(submission__challenge__lesson__course__in=taught_by(user, need))
    # Most people have a role in courses only, whose queries stay as simple as they were.
    classes = list(membership.own_classes(user, need))
    return in_courses | Q(submission__of_class__in=classes) if classes else in_courses


def taught_by(user: User, need: Scope = SEES_ANSWERS) -> QuerySet[Course]:
    """Returns the courses whose answers a person may see, or also decide with `roles.DECIDES`."""
    return Course.objects.filter(roles.reach(user, need))


def decides(user: User, challenge: Challenge, of_class: Class | None = None) -> bool:
    """Returns True if the person may decide about grades, and not only see them.

    That is in the challenge's course, or in the class for which an attempt counts.
    """
    if of_class is not None:
        return membership.may_in_class(user, of_class, DECIDES)
    return roles.may(user, challenge.course_id, DECIDES)


def limited_to(user: User, review: Review) -> int | None:
    """Returns the class whose answers alone the person sees beside this one, or None for all of the course."""
    may_see_all = roles.may(user, review.submission.challenge.course_id, SEES_ANSWERS)
    return None if may_see_all else review.submission.of_class_id


def refuse_unless_decides(user: User, challenge: Challenge) -> None:
    """Raises `Refused` (403) or `Http404` if the person may not decide about grades in the challenge's course."""
    roles.refuse_unless(user, challenge.course_id, DECIDES)


def refuse_unless_decides_of(user: User, review: Review) -> None:
    """Raises `Refused` (403) or `Http404` if the person may not decide about this answer.

    Who decides about grades in its course may, and who decides in the class for which the attempt counts.
    """
    if (of_class := review.submission.of_class) is not None:
        membership.refuse_unless(user, of_class, DECIDES)
    else:
        refuse_unless_decides(user, review.submission.challenge)


def challenges_of(user: User, need: Scope = SEES_ANSWERS) -> QuerySet[Challenge]:
    """Returns the challenges whose answers and gold rows a person may read, or also decide with `roles.DECIDES`."""
    challenges = Challenge.objects.shown().filter(lesson__course__in=taught_by(user, need))
    return challenges.order_by("lesson__course", "lesson__position", "position")


def regrades_for(user: User) -> QuerySet[Regrade]:
    """Returns the shadow runs that a person may see."""
    regrades = Regrade.objects.select_related("challenge__version", "version", "started_by", "ended_by", "learner")
    return regrades.filter(challenge__lesson__course__in=taught_by(user))


def reviews_for(user: User) -> QuerySet[Review]:
    """Returns the reviews that a person may open, decided or not, without those of the person's own answers."""
    reviews = Review.objects.select_related(
        "submission__challenge__lesson__course",
        "submission__version",
        "evaluation__submission__version",
        "evaluation__graded_version",
        "decided_by",
        "blind_by",
    )
    return reviews.filter(_of_taught(user, SEES_ANSWERS)).exclude(submission__user=user)


def after(user: User, review: Review) -> Review | None:
    """Returns the next review in the queue, or the first one after the last, or None if no other review waits.

    Reviews that somebody else holds are left out.
    """
    ids = list(waiting_for(user).free_for(user).values_list("pk", flat=True))
    later = ids[ids.index(review.pk) + 1 :] if review.pk in ids else []
    chosen = next((pk for pk in [*later, *ids] if pk != review.pk), None)
    return Review.objects.filter(pk=chosen).first() if chosen else None
