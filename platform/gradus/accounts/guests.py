"""Visitors without an account. Each is a row of `User` whose id the session holds; a guest never logs in."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from gradus.accounts import rate_limits as limits
from gradus.accounts.models import User

SESSION_KEY = "guest_id"
# A visit is written to the database at most this often.
NOTED_EVERY = timedelta(hours=1)


def learner(request: HttpRequest) -> User | None:
    """Returns the account that is logged in, or the session's guest, or None if there is neither."""
    if isinstance(request.user, User):
        return request.user
    guest_id = request.session.get(SESSION_KEY)
    guest = User.objects.filter(pk=guest_id, is_guest=True).first() if guest_id else None
    return _visiting(request, guest) if guest else None


def _visiting(request: HttpRequest, guest: User) -> User | None:
    """Notes the visit, from which the guest is kept for `GUEST_DAYS` more, and the session with it.

    Returns None if the guest has been deleted, or has signed up, just now.
    """
    now = timezone.now()
    if guest.last_visit is None or guest.last_visit < now - NOTED_EVERY:
        if not User.objects.filter(pk=guest.pk, is_guest=True).update(last_visit=now):
            return None
        request.session.set_expiry(timedelta(days=settings.GUEST_DAYS))
    return guest


def learner_or_guest(request: HttpRequest) -> User:
    """Returns the learner, and creates a guest if there is neither account nor guest.

    Call it only when a visitor acts, not when a visitor looks at a page.

    Raises:
        ImmediateHttpResponse: status 429, because this address has created too many guests.
    """
    visitor = learner(request)
    if visitor is None:
        # Without a limit, one person could use new guests to get more attempts and more runs.
        limits.allow(request, "guest")
        visitor = User.objects.create_guest()
        request.session[SESSION_KEY] = visitor.pk
        request.session.set_expiry(timedelta(days=settings.GUEST_DAYS))
    return visitor


class SignedUp(Exception):
    """The session's guest has become an account already, in another request of the same browser."""


def claim(request: HttpRequest) -> User | None:
    """Turns the session's guest into an account, in the caller's transaction. Returns None if there is no guest.

    If two requests claim the same guest, the second waits for the transaction of the first and then finds no guest.

    Raises:
        SignedUp: the guest has been claimed already.
    """
    guest = User.objects.filter(pk=request.session.get(SESSION_KEY) or 0)
    if not guest.filter(is_guest=True).update(is_guest=False, last_visit=None):
        if guest.exists():
            raise SignedUp
        return None
    return guest.get()


def leave(request: HttpRequest) -> None:
    """Makes the guest's session one of an account."""
    if request.session.pop(SESSION_KEY, None):
        request.session.set_expiry(None)


def context(request: HttpRequest) -> dict[str, Any]:
    """Adds `learner` to the context of every template, and the days for which a guest is kept."""
    # A request that is refused early, for its host or its address, has no user yet.
    return {"learner": learner(request) if hasattr(request, "user") else None, "guest_days": settings.GUEST_DAYS}
