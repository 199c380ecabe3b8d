"""The admin's page about the health of grading, for staff, and the metrics for Prometheus."""

import secrets
from ipaddress import ip_address

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import render
from django.utils.translation import gettext as _
from django_prometheus.exports import ExportToDjangoView

from gradus.submissions import health
from gradus.submissions.budgets import quotas


def health_page(request: HttpRequest) -> HttpResponse:
    late = health.overdue()
    context = {
        **admin.site.each_context(request),
        "title": _("Health of grading"),
        "alerts": health.alerts(),
        "lanes": health.lanes(),
        "sweep": health.last_sweep(),
        "out_of_time": health.out_of_time(),
        "held_up": health.deletions_held_up(),
        "budgets": quotas.nearly_used(),
        "overdue": late[: health.SHOWN],
        "overdue_count": late.count(),
        "network_attempts": settings.NETWORK_ATTEMPTS,
        "networks_at_limit": health.networks_at_limit(),
    }
    return render(request, "submissions/health.html", context)


def metrics(request: HttpRequest) -> HttpResponse:
    """Returns the metrics, or 404 to a client that may not read them, so that it does not learn that they exist."""
    if not _may_scrape(request):
        return HttpResponseNotFound()
    answer: HttpResponse = ExportToDjangoView(request)
    return answer


def _may_scrape(request: HttpRequest) -> bool:
    """Returns True if the client sends the token. Without a token set, only programs on this machine may read them."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
