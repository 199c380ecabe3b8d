"""Rate limits for each address, with the page that a visitor gets who has reached one.

allauth counts; staff can exempt a network, such as a classroom's, from being counted.
"""

import math

from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import ngettext

from gradus.accounts.allauth_internals import count, seconds_left
from gradus.accounts.exempt_networks import is_exempt

# allauth calls `too_many` without naming the limit. All limits of allauth but that on failed log-ins cover one minute.
RETRY_SECONDS = 60


def allow(request: HttpRequest, action: str, *, limit_get: bool = False) -> None:
    """Counts one more `action` of ACCOUNT_RATE_LIMITS, unless staff has exempted the visitor's network.

    A GET counts only with `limit_get`.

    Raises:
        ImmediateHttpResponse: the limit is reached; allauth's middleware answers with the 429 that it holds.
    """
    if is_exempt(request) or count(request, action, limit_get=limit_get):
        return
    raise ImmediateHttpResponse(too_many(request, seconds_left(request, action)))


def in_words(seconds: int) -> str:
    """Returns a waiting time for people: in seconds up to two minutes, then in minutes, rounded up."""
    if seconds <= 120:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    minutes = math.ceil(seconds / 60)
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


def too_many(request: HttpRequest, seconds: int = RETRY_SECONDS) -> HttpResponse:
    """Renders the 429 page, which tells people and (in `Retry-After`) scripts how long to wait."""
    response = render(request, "429.html", {"wait": in_words(seconds)}, status=429)
    response["Retry-After"] = str(seconds)
    return response
