"""Tries an account's password at routes of the site, in every way that a client can send one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from gradus.accounts.models import ApiToken, User
from tests.security.routes import path

NEW = "another-long-password"
NEVER = "00000000-0000-4000-8000-000000000000"
# Something that a pattern of the URL configuration takes, so that the view behind it is reached.
NAMES = {
    **dict.fromkeys(("uuid", "zero", "few", "tuned"), NEVER),
    **dict.fromkeys(("pk", "id", "object_id", "content_type_id"), 1),
    "uidb36": "1",
    "key": "x",
    "app_label": "accounts",
    "url": "x",
    "path": "x",
    "slug": "sea-or-sky",
}


@dataclass
class Walk:
    """The routes where the password alone made the visitor the user, and those that compared it with an account's."""

    let_in: set[str] = field(default_factory=set)
    compared: set[str] = field(default_factory=set)


def sent(client: Client, address: str, user: User, password: str, *, every: bool = True) -> Iterator[HttpResponse]:
    """Sends the log-in as a form, as JSON and by Basic authentication, with the account's email and with its user name.

    Unless `every` way is asked, a call gets JSON and a page a form, in which each field has what it is named for.
    """
    if not every:
        yield from sent_once(client, address, user, password)
        return
    for name in (user.email, user.username):
        given = {
            "login": user.email,
            "email": user.email,
            "username": name,
            "password": password,
            **dict.fromkeys(("oldpassword", "old_password"), password),
            **dict.fromkeys(("password1", "password2", "new_password1", "new_password2"), NEW),
        }
        basic = basic_by(name, password)
        yield client.post(address, given, headers=basic)
        if name == user.email:
            yield client.post(address, given, content_type="application/json")
        else:
            yield client.get(address, headers=basic)


def sent_once(client: Client, address: str, user: User, password: str) -> Iterator[HttpResponse]:
    passwords = {
        **dict.fromkeys(("password", "oldpassword", "old_password"), password),
        **dict.fromkeys(("password1", "password2", "new_password1", "new_password2"), NEW),
    }
    given = {"login": user.email, "email": user.email, "username": user.username, **passwords}
    kind = {"content_type": "application/json"} if address.startswith("/api/") else {}
    yield client.post(address, given, headers=basic_by(user.email, password), **kind)
    yield client.get(address, headers=basic_by(user.username, password))


def basic_by(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


def walk(
    routes: Iterable[str],
    user: User,
    password: str,
    client: Callable[[], Client],
    *,
    every: bool = False,
    most: int | None = None,
) -> Walk:
    """Tries each route by a visitor of its own, in the first `most` ways.

    A session, a token, a signal or one answer as the user lets in.
    """
    found = Walk()
    with comparisons() as compared, log_ins() as signals:
        for route in routes:
            visitor = client()
            for response in islice(sent(visitor, path(route, NAMES), user, password, every=every), most):
                # A limit that an earlier request has used up must not hide a door.
                cache.clear()
                if user in signals or is_in(response, visitor, user):
                    found.let_in.add(route)
                    visitor = client()
                signals.clear()
            if compared:
                found.compared.add(route)
            compared.clear()
    return found


def is_in(response: Any, visitor: Client, user: User) -> bool:
    request = response.wsgi_request
    token, _ = ApiToken.objects.filter(user=user).delete()
    # Without the cookie there is no session, and asking would store one.
    is_known = settings.SESSION_COOKIE_NAME in visitor.cookies
    session = is_known and visitor.session.get("_auth_user_id") == str(user.pk)
    return bool(token) or session or user in (request.user, getattr(request, "auth", None))


@contextmanager
def log_ins() -> Iterator[list[User]]:
    """Everybody whom Django says to be logged in meanwhile."""
    heard: list[User] = []

    def hear(sender: object, user: User, **extra: Any) -> None:
        heard.append(user)

    user_logged_in.connect(hear)
    yield heard
    user_logged_in.disconnect(hear)


@contextmanager
def comparisons() -> Iterator[list[str]]:
    """Every password that is compared with an account's meanwhile, wherever that is done."""
    compared: list[str] = []
    compare = User.check_password

    def counted(user: User, password: str) -> bool:
        compared.append(password)
        return compare(user, password)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(User, "check_password", counted)
        yield compared


def guesses_at(route: str, user: User, client: Callable[[], Client], rounds: int) -> int:
    """How many of the wrong passwords that are sent to one route are compared; four are sent in a round."""
    cache.clear()
    visitor = client()
    with comparisons() as compared:
        for number in range(rounds):
            list(sent(visitor, path(route, NAMES), user, f"wrong-{number}"))
        return len(compared)
