"""The front page, a course, and a learner's path over all courses."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.guests import learner
from gradus.classes import access, membership
from gradus.courses import catalogue
from gradus.learn.findings import predictions
from gradus.learn.path import home as homes
from gradus.learn.path import steps as paths
from gradus.learn.path.home import look_back
from gradus.notices import announcements


def home(request: HttpRequest) -> HttpResponse:
    """A newcomer reaches the first lesson from here without an account, and a learner the place where they were."""
    return render(request, "learn/home.html", {"home": homes.home(learner(request))})


def course(request: HttpRequest, slug: str) -> HttpResponse:
    course = catalogue.now().course(slug)
    user = learner(request)
    context = {
        "path": paths.path_of(user, course),
        "memberships": announcements.classes_of(user, course),
        "left_memberships": membership.left(user, course),
    }
    return render(request, "learn/course.html", context)


def path(request: HttpRequest) -> HttpResponse:
    """The learner's map over all courses, with the last week, what is worth repeating, and how predictions went."""
    user = learner(request)
    walked = paths.paths(user)
    context = {
        "paths": walked,
        # Whoever looks at the site as a learner teaches one course, and these are about all courses.
        "week": look_back(user, walked) if user and not access.viewed() else None,
        "predictions": None if access.viewed() else predictions.summary(user),
        "memberships": announcements.classes_of(user),
    }
    return render(request, "learn/path.html", context)
