"""What somebody gets who asks too often: allauth counts, this answers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# allauth's limits look back a minute, but for failed log-ins, which it answers itself.
RETRY_SECONDS = 60


def too_many(request: HttpRequest) -> HttpResponse:
    """The page, with the time to wait for people and for scripts."""
    response = render(request, "429.html", {"retry_after": RETRY_SECONDS}, status=429)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response
