"""Describes a request in the log: its method, its path and the visitor's address, but no secret from the path."""

import re
import sys
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from gradus import database_away
from gradus.accounts.rate_limits import client_address

# Links that the site sends by email. Anyone who has such a link can set a password or confirm an email address.
SECRET = re.compile(r"(/accounts/(?:password/reset/key|confirm-email)/)[^/?\s]+")


class RequestLog(RequestMiddleware):
    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Returns the method and the path, with "..." in place of a secret."""
        return SECRET.sub(r"\1...", RequestMiddleware.format_request(request))

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Logs the address that rate limits use. The library's own would be whatever the visitor claims."""
        structlog.contextvars.bind_contextvars(ip=client_address(request))

    def process_got_request_exception(self, sender: type[Any], request: HttpRequest, **kwargs: Any) -> None:
        """Logs an exception, unless the database does not answer: that has its own line, and the library would ask for
        a user.

        `gradus.request_checks.failed` writes that line.
        """
        if not database_away.is_unavailable(sys.exc_info()[1]):
            super().process_got_request_exception(sender, request, **kwargs)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        if database_away.is_noted(request):
            structlog.contextvars.clear_contextvars()
        else:
            super().handle_response(request, response)
