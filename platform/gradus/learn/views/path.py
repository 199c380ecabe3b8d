from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.guests import learner
from gradus.learn import path as paths
from gradus.learn.findings import predictions


def path(request: HttpRequest) -> HttpResponse:
    """The learner's map over all courses."""
    user = learner(request)
    context = {"paths": paths.paths(user), "predictions": predictions.summary(user)}
    return render(request, "learn/path.html", context)
