from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.reviews import accuracy, queue, spending
from gradus.reviews.views.access import reviewer


def accuracy_show(request: HttpRequest) -> HttpResponse:
    """How often the machine is right, by question, by language, and where signs of a machine's hand were seen."""
    user = reviewer(request)
    gold = queue.challenges_of(user).filter(gold_rows__isnull=False).distinct()
    return render(request, "reviews/accuracy.html", {"report": accuracy.report(user), "gold": gold})


def spending_show(request: HttpRequest) -> HttpResponse:
    """What the judge's calls took and cost, and what is left of today's budgets; of the whole site, so for staff."""
    if not reviewer(request).is_staff:
        raise Http404
    context = {"periods": spending.by_period(), "models": spending.by_model(), "budgets": spending.budgets()}
    return render(request, "reviews/spending.html", {**context, "has_money_limit": spending.has_money_limit()})
