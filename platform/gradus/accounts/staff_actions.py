"""Records what staff did: who, what and when. Services call `note` in the transaction that makes the change."""

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


def remember_request(get_response: View) -> View:
    """Middleware that remembers the current request, so that `note` knows who acts."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        token = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(token)

    return answer


def note(what: StaffAction.What, about: object, *, by: User | None = None, **details: Any) -> StaffAction:
    """Writes a `StaffAction`. Without `by`, the actor is who sent the current request, or the user of the shell."""
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
    """Returns the account that sent the current request, or None: in a shell, or for a visitor."""
    request = _request.get()
    account = getattr(request, "auth", None) or getattr(request, "user", None)
    return account if isinstance(account, User) else None


def in_shell() -> bool:
    """Returns True if no request is being answered: in a command, a shell or a worker."""
    return _request.get() is None


def is_for_another(user: User) -> bool:
    """Returns True if staff, or a person with a shell, is changing something that belongs to another user."""
    by = actor()
    return in_shell() if by is None else by.pk != user.pk and by.is_staff


def _via(request: HttpRequest | None) -> StaffAction.Via:
    if request is None:
        return StaffAction.Via.SHELL
    return StaffAction.Via.API if request.path.startswith(API) else StaffAction.Via.PAGE


def _named(user: User | None) -> str:
    """Returns the name of the account, or in a shell the machine's user with the command, or both."""
    if not in_shell():
        return str(user or "nobody")
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
    typed = f"{_login()}@{platform.node()}: {command}"
    return f"{user}, {typed}" if user else typed


def _login() -> str:
    """Returns the name of the machine's user; after `sudo`, also the name of the person who used it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # The user of a container may have a number but no name.
        name = str(os.getuid())
    before = os.environ.get("SUDO_USER", "")
    return f"{before} as {name}" if before and before != name else name
