"""Finding what a request names. What belongs to somebody else, or is not shown, is 404."""

from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Lesson
from gradus.submissions.models import Run, Submission


def shown_challenge(slug: str) -> Challenge:
    return catalogue.now().challenge(slug)


def shown_lesson(slug: str) -> Lesson:
    return catalogue.now().lesson(slug)


def own_submission(request: HttpRequest, uuid: UUID) -> Submission:
    user = learner(request)
    submission = get_object_or_404(Submission.objects.of(user).with_current(), uuid=uuid)
    assert user is not None
    # Both are at hand, and would be asked for one by one.
    submission.user = user
    submission.challenge = catalogue.now().challenges.get(submission.challenge.slug, submission.challenge)
    return submission


def own_run(request: HttpRequest, uuid: UUID) -> Run:
    runs = Run.objects.select_related("version__challenge__lesson__course")
    return get_object_or_404(runs, uuid=uuid, user=learner(request), user__isnull=False)


def own_work(user: User | None, challenge: Challenge, uuid: UUID) -> Submission | Run:
    """An attempt or a run of this learner at this challenge."""
    attempts = Submission.objects.of(user).filter(challenge=challenge).with_current()
    attempt = attempts.filter(uuid=uuid).first()
    if attempt is not None:
        return attempt
    return get_object_or_404(Run.objects.trials_of(user, challenge).with_current(), uuid=uuid)
