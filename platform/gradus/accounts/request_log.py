"""What the log says of a request: which one, from where, and no secret that stands in its address."""

import re

import structlog
from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

# Links in mails: whoever has one sets a password or confirms an address.
SECRET = re.compile(r"(/accounts/(?:password/reset/key|confirm-email)/)[^/?\s]+")


class Logged(RequestMiddleware):
    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return SECRET.sub(r"\1...", RequestMiddleware.format_request(request))

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """The address that limits count by; the library's own would believe whatever a visitor writes."""
        try:
            ip = get_adapter().get_client_ip(request)
        except (PermissionDenied, ImproperlyConfigured):
            ip = request.META.get("REMOTE_ADDR")
        structlog.contextvars.bind_contextvars(ip=ip)
