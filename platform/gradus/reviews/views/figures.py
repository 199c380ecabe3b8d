from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.reviews import accuracy, queue
from gradus.reviews.views.access import reviewer


def accuracy_show(request: HttpRequest) -> HttpResponse:
    """How often the machine is right, by question, by language, and where signs of a machine's hand were seen."""
    user = reviewer(request)
    gold = queue.challenges_of(user).filter(gold_rows__isnull=False).distinct()
    return render(request, "reviews/accuracy.html", {"report": accuracy.report(user), "gold": gold})
