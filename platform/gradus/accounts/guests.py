"""Visitors without an account. They are rows of `User`, known by the session, never logged in."""

from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest

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
        _allow(request)
        found = User.objects.create_guest()
        request.session[SESSION_KEY] = found.pk
    return found


def _allow(request: HttpRequest) -> None:
    """One address becomes only so many visitors: each could submit and run anew. allauth's middleware answers."""
    refusal = ratelimit.consume_or_429(request, action="guest")
    if refusal is not None:
        raise ImmediateHttpResponse(refusal)


def context(request: HttpRequest) -> dict[str, User | None]:
    """Template context: `learner`."""
    return {"learner": learner(request) if hasattr(request, "session") else None}
