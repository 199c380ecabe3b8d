from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.guests import learner
from gradus.learn.findings import predictions
from gradus.learn.path import steps as paths
from gradus.learn.path.look_back import look_back


def path(request: HttpRequest) -> HttpResponse:
    """The learner's map over all courses, with the last week, what is worth repeating, and how predictions went."""
    user = learner(request)
    walked = paths.paths(user)
    context = {
        "paths": walked,
        "week": look_back(user, walked) if user else None,
        "predictions": predictions.summary(user),
    }
    return render(request, "learn/path.html", context)
