"""What a new launch is answered while the site has more requests than it can answer soon: to come again in a minute.

A launch that has begun goes on, so that nobody is turned away between its steps.
"""

from __future__ import annotations

from functools import cache

import structlog
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

log = structlog.get_logger(__name__)
# How long the oldest request waits for a thread before new launches are put off.
WAITS_SECONDS = 2.0
RETRY_SECONDS = 60
# Platforms may show the page in a frame.
POLICY = "default-src 'self'; frame-ancestors *"


def answer(path: str, waits: float) -> HttpResponse | None:
    """Returns 503 for the begin of a launch, if the oldest request has waited so many seconds for too long."""
    if waits < WAITS_SECONDS or path != _begin():
        return None
    log.warning("launch_put_off", waits=round(waits, 1))
    headers = {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store", "Content-Security-Policy": POLICY}
    return HttpResponse(_page(), status=503, headers=headers)


@cache
def _begin() -> str:
    return reverse("lti:login")


@cache
def _page() -> str:
    """The page is made once, because it is sent by the one thread that takes all requests."""
    return render_to_string("lti/busy.html")
