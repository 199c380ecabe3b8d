"""All that Gradus uses of django-ninja without ninja documenting it: its calls, its messages, its check of cookies.

Tried with django-ninja 1.7.1. `tests/structure/test_private_interfaces.py` fails when another release series is
installed.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.operation import Operation as Operation
from ninja.security import APIKeyCookie

# How the messages begin that ninja writes itself.
MESSAGES = ("Unauthorized", "Forbidden", "CSRF check Failed", "Cannot parse request body")


def operations_of(api: NinjaAPI) -> Iterator[Operation]:
    """Yields each call of the API: one for each path and method."""
    for router in api._get_bound_routers():
        for view in router.path_operations.values():
            yield from view.operations


def own_message(error: HttpError) -> str:
    """Returns the message that our code gave to the error; empty if ninja wrote the message."""
    return "" if error.message.startswith(MESSAGES) else error.message


class OptionalCookie(APIKeyCookie):
    """Authenticates by a cookie, and checks the CSRF token only if the cookie was sent.

    Without the cookie there is nothing to forge, and ninja's answer would be about CSRF instead of tokens.
    """

    def _get_key(self, request: HttpRequest) -> str | None:
        return super()._get_key(request) if self.param_name in request.COOKIES else None
