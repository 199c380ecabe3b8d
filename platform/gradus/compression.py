"""Compresses pages, but no streamed responses."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageCompression(GZipMiddleware):
    """Compresses whole responses. A compressed stream would hold its events back.

    Django adds up to 100 random bytes to each response, and masks the CSRF token differently in each. So the length of
    a response does not reveal what it contains (BREACH, https://www.breachattack.com).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if response.streaming else super().process_response(request, response)
