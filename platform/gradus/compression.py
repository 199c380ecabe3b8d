"""Compressed pages."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class Pages(GZipMiddleware):
    """Whole answers only: compressing a stream would hold its events back.

    Django adds up to 100 random bytes to each answer, and masks the CSRF token anew in each, so that the length of an
    answer tells nobody what it holds (BREACH, https://www.breachattack.com).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if response.streaming else super().process_response(request, response)
