"""Who calls: a bearer token, or the session of the pages (accounts and guests, with the CSRF check)."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer

from gradus.accounts.guests import learner
from gradus.accounts.models import ApiToken, User
from gradus.accounts.scopes import LEARNER, Scope, named
from gradus.api.ninja_internals import OptionalCookie
from gradus.submissions.services import Refused

# A script may call many times a second; one write a minute says enough about when a token was used.
USE_NOTED_EVERY = timedelta(minutes=1)


class Nobody:
    """A caller without an account; truthy, because that is how ninja is told that a caller may go on."""


class Request(HttpRequest):
    """A request as the API's functions see it."""

    auth: User | Nobody


class BearerToken(HttpBearer):
    """The one place that decides what a token may do; each call says what it needs. Its own checks come after.

    A scope only takes away: what the token's user may not do is not there for the token either.
    """

    def __init__(self, need: Scope) -> None:
        super().__init__()
        self.need = need

    def authenticate(self, request: HttpRequest, token: str) -> User:
        found = ApiToken.objects.matching(token).filter(user__is_active=True).first()
        if found is None:
            # Not None, which would go on to the session: a wrong token must not become somebody else.
            raise AuthenticationError(message="This token is unknown or was revoked. Make a new one on your profile.")
        if found.expires_at <= timezone.now():
            ended = f"This token ended on {found.expires_at:%d %B %Y}."
            raise Refused("token_expired", f"{ended} Make a new one on your profile, or with `gradus login`.", 401)
        note_use(found)
        self.check(found)
        return found.user

    def check(self, token: ApiToken) -> None:
        """Raises `Http404` where this call needs more than the user may, `Refused` where the token's scope is less."""
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
    """Asked here and not by the update alone: on SQLite one that finds nothing still waits for all other writers."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


class Session(OptionalCookie):
    param_name = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        return learner(request)


def nobody(request: HttpRequest) -> Nobody:
    return Nobody()


def requires(need: Scope) -> list[Any]:
    """For `auth` of a call: a token with at least this scope, or the session of the pages."""
    return [BearerToken(need), Session()]


someone = requires(LEARNER)
anyone = [*someone, nobody]
# Added to what ninja writes for `someone`: no security at all is enough as well.
OPTIONAL: dict[str, Any] = {"security": [{}]}


def need_of(callbacks: Any) -> Scope:
    """What a call asks of a token, by what it was given as `auth`."""
    return next((one.need for one in callbacks or () if isinstance(one, BearerToken)), LEARNER)


def caller(request: Request) -> User:
    """The person behind a call that needs one."""
    assert isinstance(request.auth, User)
    return request.auth


def caller_or_none(request: Request) -> User | None:
    return request.auth if isinstance(request.auth, User) else None
