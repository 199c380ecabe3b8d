"""The admin's page about grading; staff only."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.submissions import health


def health_page(request: HttpRequest) -> HttpResponse:
    late = health.overdue()
    context = {
        **admin.site.each_context(request),
        "title": "Health of grading",
        "alerts": health.alerts(),
        "lanes": health.lanes(),
        "sweep": health.last_sweep(),
        "overdue": late[: health.SHOWN],
        "overdue_count": late.count(),
    }
    return render(request, "submissions/health.html", context)
