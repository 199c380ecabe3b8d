"""Limits by address and by account. allauth counts; this says how long to wait, and which networks are not counted."""

import math
import time

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.networks import is_exempt

APP = "allauth.account"
# allauth asks `too_many` without naming the limit. Its own limits, but for failed log-ins, look back a minute.
RETRY_SECONDS = 60


def allow(request: HttpRequest, action: str) -> None:
    """Counts one more `action` of ACCOUNT_RATE_LIMITS, unless staff has exempted the visitor's network.

    Raises:
        ImmediateHttpResponse: a 429 for too many; allauth's middleware answers with it.
    """
    if is_exempt(request) or ratelimit.consume(request, app=APP, action=action):
        return
    raise ImmediateHttpResponse(too_many(request, seconds_left(request, action)))


def seconds_left(request: HttpRequest, action: str, key: str | None = None) -> int:
    """How long until `action` is allowed again, in seconds; 0 where it is allowed now."""
    waits = [0.0]
    for rate in ratelimit.get_rates(app=APP, action=action):
        # Times of what was counted, the newest first.
        counted = cache.get(ratelimit.get_cache_key(request, app=APP, action=action, rate=rate, key=key), [])
        if len(counted) >= rate.amount:
            waits.append(counted[rate.amount - 1] + rate.duration - time.time())
    return math.ceil(max(waits))


def in_words(seconds: int) -> str:
    """For a person who has to wait: seconds up to two minutes, then minutes, rounded up."""
    return f"{seconds} seconds" if seconds <= 120 else f"{math.ceil(seconds / 60)} minutes"


def too_many(request: HttpRequest, seconds: int = RETRY_SECONDS) -> HttpResponse:
    """The page, with the time to wait for people and for scripts."""
    response = render(request, "429.html", {"wait": in_words(seconds)}, status=429)
    response["Retry-After"] = str(seconds)
    return response
