"""Wrong passwords lock an account for the address that they come from, and much later for all addresses."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.core import mail
from django.test import Client

from gradus.accounts.models import User
from tests import factories
from tests.api.conftest import Caller, problem

HOME, ATTACKER = "203.0.113.7", "198.51.100.1"
PAGE = "/accounts/login/"


@pytest.fixture(autouse=True)
def quick_hashes(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def sign_in(user: User, password: str, address: str) -> tuple[bool, str]:
    """Whether it worked, and the page."""
    client = Client(REMOTE_ADDR=address)
    text = client.post(PAGE, {"login": user.email, "password": password}).content.decode()
    return "_auth_user_id" in client.session, text


def guess(user: User, times: int, address: str) -> list[bool]:
    """Of each wrong password, whether it was compared."""
    return ["not correct" in sign_in(user, f"wrong-{number}", address)[1] for number in range(times)]


def test_one_address_does_not_lock_the_owner_out(ada: User) -> None:
    assert guess(ada, 7, ATTACKER) == [True] * 5 + [False] * 2
    locked, text = sign_in(ada, factories.PASSWORD, ATTACKER)
    assert not locked and re.search(r"Try again in \d+ (seconds|minutes), or reset your password", text)
    assert sign_in(ada, factories.PASSWORD, HOME)[0]


def test_an_address_that_goes_on_for_an_hour_does_not_either(ada: User) -> None:
    with time_machine.travel("2026-11-27 10:00", tick=False) as clock:
        compared = 0
        for _ in range(12):
            compared += sum(guess(ada, 6, ATTACKER))
            clock.shift(300)
        assert compared == 60
        assert sign_in(ada, factories.PASSWORD, HOME)[0]


def test_many_addresses_meet_the_cap_of_the_account(ada: User, bob: User) -> None:
    compared = [sum(guess(ada, 5, f"198.51.100.{host}")) for host in range(21)]
    assert sum(compared) == 100
    assert not sign_in(ada, factories.PASSWORD, HOME)[0]
    assert sign_in(bob, factories.PASSWORD, HOME)[0]


def test_the_cap_ends_after_an_hour_and_with_a_new_password_by_mail(ada: User, settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with time_machine.travel("2026-11-27 10:00", tick=False) as clock:
        for host in range(20):
            guess(ada, 5, f"198.51.100.{host}")
        assert "Try again in 60 minutes" in sign_in(ada, factories.PASSWORD, HOME)[1]
        client = Client(REMOTE_ADDR=HOME)
        client.post("/accounts/password/reset/", {"email": ada.email})
        (link,) = re.findall(r"https?://testserver(/accounts/password/reset/key/\S+)", mail.outbox[-1].body)
        form = client.get(link, follow=True).redirect_chain[-1][0]
        client.post(form, dict.fromkeys(("password1", "password2"), "another-long-password"))
        assert sign_in(ada, "another-long-password", HOME)[0]
        for host in range(20):
            guess(ada, 5, f"198.51.100.{host}")
        clock.shift(3601)
        assert sign_in(ada, "another-long-password", HOME)[0]


def test_a_browser_that_signed_in_before_is_let_in_through_any_attack(ada: User, bob: User) -> None:
    """Neither others at its address nor many addresses lock its person out, and it opens no other account."""
    mine = Client(REMOTE_ADDR=HOME)
    right = {"login": ada.email, "password": factories.PASSWORD}
    mine.post(PAGE, right)
    assert mine.cookies["known_device"]["httponly"] and mine.cookies["known_device"]["samesite"] == "Lax"
    mine.post("/accounts/logout/")
    for host in (HOME, *(f"198.51.100.{host}" for host in range(21))):
        guess(ada, 6, host)
    guess(bob, 6, HOME)
    assert not sign_in(ada, factories.PASSWORD, HOME)[0]
    theirs = Client(REMOTE_ADDR=HOME)
    theirs.cookies["known_device"] = f"{mine.cookies['known_device'].value}x"
    theirs.post(PAGE, right)
    mine.post(PAGE, {"login": bob.email, "password": factories.PASSWORD})
    assert "_auth_user_id" not in theirs.session and "_auth_user_id" not in mine.session
    mine.post(PAGE, right)
    assert mine.session["_auth_user_id"] == str(ada.pk)


def test_such_a_browser_is_limited_too_and_waits_five_minutes_at_most(ada: User) -> None:
    mine, right = Client(REMOTE_ADDR=HOME), {"login": ada.email, "password": factories.PASSWORD}
    with time_machine.travel("2026-11-27 10:00", tick=False) as clock:
        mine.post(PAGE, right)
        mine.post("/accounts/logout/")
        wrong = [mine.post(PAGE, {**right, "password": f"wrong-{n}"}).content.decode() for n in range(6)]
        assert ["not correct" in text for text in wrong] == [True] * 5 + [False]
        assert "Try again in 5 minutes" in mine.post(PAGE, right).content.decode()
        clock.shift(301)
        mine.post(PAGE, right)
        assert mine.session["_auth_user_id"] == str(ada.pk)


def test_ten_wrong_passwords_at_a_school_keep_nobody_else_out(ada: User, bob: User) -> None:
    others = factories.UserFactory.create_batch(4)
    assert sum(sum(guess(user, 5, HOME)) for user in others) == 20
    assert sign_in(ada, factories.PASSWORD, HOME)[0] and sign_in(bob, factories.PASSWORD, HOME)[0]


def test_right_passwords_use_nothing_up(ada: User) -> None:
    assert all(sign_in(ada, factories.PASSWORD, HOME)[0] for _ in range(25))


def test_the_api_says_how_long_to_wait(ada: User) -> None:
    open_api = Caller(None)
    body = {"email": ada.email, "password": "wrong-password"}
    answers = [open_api.post("/tokens", body) for _ in range(6)]
    found = problem(answers[-1], 429, "too_many_requests")
    assert 290 <= int(answers[-1]["Retry-After"]) <= 300
    assert "5 minutes" in found["detail"]
    open_api.client = Client(REMOTE_ADDR=HOME)
    assert open_api.post("/tokens", {**body, "password": factories.PASSWORD}).status_code == 201
