"""Reads for reviewers: what waits, in which order, and who may see it. One's own answers are left out."""

from django.db.models import Exists, OuterRef, QuerySet

from gradus.accounts.models import Enrolment, User
from gradus.reviews.models import Appeal, Review
from gradus.reviews.services import queue_for

TEACHING = (Enrolment.Role.STAFF, Enrolment.Role.AUTHOR)


def is_reviewer(user: User) -> bool:
    return user.is_staff or Enrolment.objects.filter(user=user, role__in=TEACHING).exists()


def waiting_for(user: User) -> QuerySet[Review]:
    """Appeals first, then by the machine's score; `appealed` says which are appeals."""
    open_appeal = Appeal.objects.filter(submission=OuterRef("submission"), closed_at=None)
    found: QuerySet[Review] = queue_for(user).exclude(submission__user=user)
    return found.annotate(appealed=Exists(open_appeal)).order_by("-appealed", "predicted", "pk")


def may_see(user: User, review: Review) -> bool:
    """Staff and those who teach the course, but nobody their own answer."""
    submission = review.submission
    if submission.user_id == user.pk:
        return False
    course = submission.challenge.lesson.course
    return user.is_staff or Enrolment.objects.filter(user=user, course=course, role__in=TEACHING).exists()


def after(user: User, review: Review) -> Review | None:
    """The one that follows in the queue, else the first other one; None where nothing else waits."""
    ids = list(waiting_for(user).values_list("pk", flat=True))
    later = ids[ids.index(review.pk) + 1 :] if review.pk in ids else []
    chosen = next((pk for pk in [*later, *ids] if pk != review.pk), None)
    return Review.objects.filter(pk=chosen).first() if chosen else None
