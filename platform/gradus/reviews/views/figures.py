"""Pages with figures: how often the machine agrees with people, and what the judge costs."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.reviews import accuracy, queue, spending
from gradus.reviews.views.access import reviewer


def accuracy_show(request: HttpRequest) -> HttpResponse:
    """Shows how often the machine agrees with people: by question, by language, and by signs of machine writing."""
    user = reviewer(request)
    gold = queue.challenges_of(user).filter(gold_rows__isnull=False).distinct()
    return render(request, "reviews/accuracy.html", {"report": accuracy.report(user), "gold": gold})


def spending_show(request: HttpRequest) -> HttpResponse:
    """Shows the judge's calls, their costs and today's budgets of the whole site, for staff of the site only."""
    if not reviewer(request).is_staff:
        raise Http404
    context = {"periods": spending.by_period(), "models": spending.by_model(), "budgets": spending.budgets()}
    return render(request, "reviews/spending.html", {**context, "has_money_limit": spending.has_money_limit()})
