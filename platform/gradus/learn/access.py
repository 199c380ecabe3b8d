"""Finding what a request names. What belongs to somebody else, or is not shown, is 404.

What the dates of a class do not show yet is a page that says when it opens.
"""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render

from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.classes import access as dates
from gradus.classes import visibility
from gradus.classes.policy import Decision
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Lesson
from gradus.refusal import Refused
from gradus.submissions.models import Run, Submission

Shown = TypeVar("Shown", Challenge, Lesson)


class NotOpen(Refused):
    """A class does not show this challenge or lesson yet. The API answers with it as with every refusal."""

    def __init__(self, place: dates.Place, decision: Decision) -> None:
        super().__init__(**vars(dates.refusal(decision, place)))
        self.place, self.decision = place, decision


class SayWhenItOpens:
    """Middleware that answers pages with that of `NotOpen`, whichever view has asked for what is not open."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, NotOpen):
            return None
        context = {"place": exception.place, "course": exception.place.course, "decision": exception.decision}
        return render(request, "learn/not_open.html", context, status=403)


def decision_of(request: HttpRequest, place: dates.Place) -> Decision:
    """Returns what the dates of a class say of a place. A request asks for each place once."""
    kept: dict[dates.Place, Decision] = request.__dict__.setdefault("decisions", {})
    if place not in kept:
        kept[place] = dates.decision_for(visibility.person_of(request), place)
    return kept[place]


def shown_challenge(request: HttpRequest, slug: str) -> Challenge:
    """Raises `Http404`, or `NotOpen` where a class does not show the challenge yet."""
    return _open(request, catalogue.now().challenge(slug))


def shown_lesson(request: HttpRequest, slug: str) -> Lesson:
    """Raises `Http404`, or `NotOpen` where a class does not show the lesson yet."""
    return _open(request, catalogue.now().lesson(slug))


def _open(request: HttpRequest, place: Shown) -> Shown:
    decision = decision_of(request, place)
    if not decision.sees:
        raise NotOpen(place, decision)
    return place


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
