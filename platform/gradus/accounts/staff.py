"""What staff did: who, what, when. Services say it in the transaction that does it; the database keeps it as it was."""

import getpass
import os
import platform
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponseBase

from gradus.accounts.models import StaffAction, User

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
View = Callable[[HttpRequest], HttpResponseBase]
API = "/api/"


def remembered(get_response: View) -> View:
    """Middleware: what is noted while a request is answered was done by whoever sent it."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        token = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(token)

    return answer


def note(what: StaffAction.What, about: object, *, by: User | None = None, **details: Any) -> StaffAction:
    """Writes an entry. Without `by` it was whoever sent the request, or, outside of one, whoever has the shell."""
    request = _request.get()
    user = by or actor()
    return StaffAction.objects.create(
        what=what,
        about=str(about)[:200],
        details=details,
        user_id=user.pk if user else None,
        who=_named(user)[:200],
        via=_via(request),
        request=str(structlog.contextvars.get_contextvars().get("request_id", ""))[:40],
    )


def actor() -> User | None:
    """The account behind the request that is being answered; None in a shell."""
    request = _request.get()
    found = getattr(request, "auth", None) or getattr(request, "user", None)
    return found if isinstance(found, User) else None


def in_shell() -> bool:
    return _request.get() is None


def is_for_another(user: User) -> bool:
    """Whether staff, or a person with a shell, changes something that is the user's."""
    found = actor()
    return in_shell() if found is None else found.pk != user.pk and found.is_staff


def _via(request: HttpRequest | None) -> StaffAction.Via:
    if request is None:
        return StaffAction.Via.SHELL
    return StaffAction.Via.API if request.path.startswith(API) else StaffAction.Via.PAGE


def _named(user: User | None) -> str:
    """An account, or the machine's own user with the command that was typed, or both."""
    if not in_shell():
        return str(user or "nobody")
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
    typed = f"{_login()}@{platform.node()}: {command}"
    return f"{user}, {typed}" if user else typed


def _login() -> str:
    """Who has become root is named, too."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container's user has no name.
        name = str(os.getuid())
    before = os.environ.get("SUDO_USER", "")
    return f"{before} as {name}" if before and before != name else name
