"""Identifies the caller of the API, by a bearer token, or by the session of the pages with its CSRF check."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer

from gradus.accounts import second_factor
from gradus.accounts.guests import learner
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import LEARNER, Scope, named
from gradus.api.ninja_internals import OptionalCookie
from gradus.submissions.services import Refused

# A script may call many times a second. Writing the time of use once a minute is precise enough.
USE_NOTED_EVERY = timedelta(minutes=1)


# The attribute of a request that holds the scope of its API token.
SCOPE = "gradus_scope"


class Nobody:
    """A caller without an account. It is truthy, because ninja lets a call go on only for a truthy value."""


class Request(HttpRequest):
    """A request whose caller ninja has identified."""

    auth: User | Nobody


class BearerToken(HttpBearer):
    """Decides whether a token allows a call. Each call names the scope that it needs.

    A scope can only restrict: a token never allows what its owner may not do. The call's own checks follow.
    """

    def __init__(self, need: Scope) -> None:
        super().__init__()
        self.need = need

    def authenticate(self, request: HttpRequest, token: str) -> User:
        found = ApiToken.objects.matching(token).filter(user__is_active=True).first()
        if found is None:
            # None would make ninja try the session next: a call with a wrong token must not act as somebody else.
            raise AuthenticationError(message="This token is unknown or was revoked. Make a new one on your profile.")
        if found.expires_at <= timezone.now():
            ended = f"This token expired on {found.expires_at.day} {found.expires_at:%B %Y}."
            raise Refused("token_expired", f"{ended} Make a new one on your profile, or with `gradus login`.", 401)
        note_use(found)
        self.check(found)
        vars(request)[SCOPE] = found.scope
        return found.user

    def check(self, token: ApiToken) -> None:
        """Checks the scope.

        Raises:
            Http404: the token's owner may not make this call at all.
            Refused: the owner may make this call, but the scope of this token does not include it.
        """
        if token.user.widest_scope.missing(self.need):
            raise Http404
        missing = token.scope.missing(self.need)
        if not missing:
            return
        names = {axis: named(axis, level) for axis, level in missing.items()}
        problems = [{"code": "missing_scope", "field": axis, "message": name} for axis, name in names.items()]
        said = f"This call needs a token with {' and '.join(names.values())}. Make one on your profile."
        raise Refused("missing_scope", said, 403, problems)


def note_use(token: ApiToken) -> None:
    """Stores when the token was used. Checks the time first: on SQLite, even an UPDATE of no rows waits for writers."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


class Session(OptionalCookie):
    """The session of the pages. A call that needs more than a learner's scope is open to it as staff's pages are."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, need: Scope) -> None:
        super().__init__()
        self.need = need

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        if self.need != LEARNER and second_factor.is_missing(request):
            said = "This call needs a second factor in your session. Open a page under Teach, which asks for it."
            raise Refused("second_factor_needed", said, 403)
        return learner(request)


def nobody(request: HttpRequest) -> Nobody:
    """Accepts a caller without token and session, for calls that anyone may make."""
    return Nobody()


def requires(need: Scope) -> list[Any]:
    """Returns the value for `auth` of a call that needs a token with at least this scope, or the pages' session."""
    return [BearerToken(need), Session(need)]


someone = requires(LEARNER)
anyone = [*someone, nobody]
# Tells readers of the OpenAPI document that the call also works without a token.
OPTIONAL: dict[str, Any] = {"security": [{}]}


def need_of(callbacks: Any) -> Scope:
    """Returns the scope that a call needs, given the value of its `auth`."""
    return next((one.need for one in callbacks or () if isinstance(one, BearerToken)), LEARNER)


def allows(request: HttpRequest, need: Scope) -> bool:
    """Returns False if the call's token does not cover `need`, a level that only a part of the reply requires."""
    scope: Scope | None = vars(request).get(SCOPE)
    return not second_factor.is_missing(request) if scope is None else scope.includes(need)


def caller(request: Request) -> User:
    """Returns the account or guest that made a call which nobody else can make."""
    assert isinstance(request.auth, User)
    return request.auth


def caller_or_none(request: Request) -> User | None:
    """Returns the account or guest that made a call, or None for a caller without an account."""
    return request.auth if isinstance(request.auth, User) else None
