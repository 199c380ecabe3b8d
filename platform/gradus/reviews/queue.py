"""Reads for reviewers: what waits, in which order, and who may see it. One's own answers are left out."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from gradus.accounts.models import TEACHING, Enrolment, User
from gradus.courses.models import Challenge, Course
from gradus.reviews.models import Appeal, Regrade, Review


def waiting_for(user: User) -> QuerySet[Review]:
    """Appeals first, then by the machine's score, audits among them; `appealed` says which are appeals."""
    person = Appeal.Stage.PERSON
    open_appeal = Appeal.objects.filter(evaluation=OuterRef("evaluation"), stage=person)
    waiting = Review.objects.waiting().select_related("submission__challenge__lesson__course", "submission__version")
    found: QuerySet[Review] = waiting.exclude(submission__user=user)
    if not user.is_staff:
        found = found.filter(submission__challenge__lesson__course__in=taught_by(user))
    return found.annotate(appealed=Exists(open_appeal)).order_by("-appealed", "place", "pk")


def taught_by(user: User) -> QuerySet[Course]:
    """The courses whose answers a person may review."""
    courses = Course.objects.all()
    if user.is_staff:
        return courses
    teaching = Enrolment.objects.filter(user=user, role__in=TEACHING)
    return courses.filter(Q(pk__in=teaching.values("course")))


def challenges_of(user: User) -> QuerySet[Challenge]:
    """What a person may regrade, and whose gold rows are theirs to take."""
    found = Challenge.objects.shown().filter(lesson__course__in=taught_by(user))
    return found.order_by("lesson__course", "lesson__position", "position")


def regrades_for(user: User) -> QuerySet[Regrade]:
    found = Regrade.objects.select_related("challenge__version", "version", "started_by", "ended_by")
    return found.filter(challenge__lesson__course__in=taught_by(user))


def reviews_for(user: User) -> QuerySet[Review]:
    """All that a person may open, decided or not; never one's own answers."""
    found = Review.objects.select_related(
        "submission__challenge__lesson__course",
        "submission__version",
        "evaluation__submission__version",
        "evaluation__graded_version",
        "decided_by",
        "blind_by",
    )
    return found.filter(submission__challenge__lesson__course__in=taught_by(user)).exclude(submission__user=user)


def after(user: User, review: Review) -> Review | None:
    """The one that follows in the queue, else the first other one; None where nothing else waits."""
    ids = list(waiting_for(user).values_list("pk", flat=True))
    later = ids[ids.index(review.pk) + 1 :] if review.pk in ids else []
    chosen = next((pk for pk in [*later, *ids] if pk != review.pk), None)
    return Review.objects.filter(pk=chosen).first() if chosen else None
