from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.guests import learner
from gradus.courses import catalogue
from gradus.learn.path import home as homes
from gradus.learn.path import steps


def home(request: HttpRequest) -> HttpResponse:
    """A newcomer reaches the first lesson from here without an account, and a learner the place where they were."""
    return render(request, "learn/home.html", {"home": homes.home(learner(request))})


def course(request: HttpRequest, slug: str) -> HttpResponse:
    found = catalogue.now().course(slug)
    return render(request, "learn/course.html", {"path": steps.path_of(learner(request), found)})
