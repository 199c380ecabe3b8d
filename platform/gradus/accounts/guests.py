"""Visitors without an account. They are rows of `User`, known by the session, never logged in."""

from django.http import HttpRequest

from gradus.accounts import rate_limits as limits
from gradus.accounts.models import User

SESSION_KEY = "guest_id"


def learner(request: HttpRequest) -> User | None:
    """Who is learning here: the account that is logged in, else the session's guest, else nobody."""
    if isinstance(request.user, User):
        return request.user
    guest_id = request.session.get(SESSION_KEY)
    return User.objects.filter(pk=guest_id, is_guest=True).first() if guest_id else None


def learner_or_guest(request: HttpRequest) -> User:
    """Like `learner`, and makes a guest where there is nobody. Call it on a visitor's first action only."""
    found = learner(request)
    if found is None:
        # One address becomes only so many visitors: each could submit and run anew.
        limits.allow(request, "guest")
        found = User.objects.create_guest()
        request.session[SESSION_KEY] = found.pk
    return found


class SignedUp(Exception):
    """The session's guest has an account: another request of the same browser came first."""


def claim(request: HttpRequest) -> User | None:
    """Takes the session's guest for an account, in the caller's transaction; None where the session has no guest.

    Of two requests that claim one guest, the second waits for the first one's transaction and then finds no guest.

    Raises:
        SignedUp: the guest has been claimed already.
    """
    guest = User.objects.filter(pk=request.session.get(SESSION_KEY) or 0)
    if not guest.filter(is_guest=True).update(is_guest=False):
        if guest.exists():
            raise SignedUp
        return None
    return guest.get()


def context(request: HttpRequest) -> dict[str, User | None]:
    """Template context: `learner`."""
    return {"learner": learner(request) if hasattr(request, "session") else None}
