"""Remembers, in a signed cookie, in which browser an account has signed in, as OWASP proposes.

https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies

Wrong passwords from such a browser are counted apart, so that nobody who guesses elsewhere locks its person out.
"""

import secrets

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from gradus.accounts.models import User

COOKIE, SALT = "known_device", "gradus.known-device"
KEPT_SECONDS = 180 * 86_400


def remember(response: HttpResponseBase, user: User) -> None:
    """Sets the cookie for an account that has just signed in. A browser remembers the last account only."""
    response.set_cookie(
        COOKIE,
        signing.dumps([user.pk, secrets.token_hex(8)], salt=SALT),
        max_age=KEPT_SECONDS,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def device_of(request: HttpRequest, name: str) -> str:
    """Returns the browser's number if the account with this address or user name has signed in in it, or ""."""
    try:
        pk, number = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return ""
    user = User.objects.filter(pk=pk).first()
    return str(number) if user is not None and name.lower() in _names(user) else ""


def _names(user: User) -> set[str]:
    """An address that is not confirmed may be somebody else's."""
    confirmed = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return {name.lower() for name in (user.username, user.email, *confirmed) if name}
