from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.guests import learner
from gradus.learn import path as paths


def path(request: HttpRequest) -> HttpResponse:
    """The learner's map over all courses."""
    return render(request, "learn/path.html", {"paths": paths.paths(learner(request))})
