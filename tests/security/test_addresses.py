"""Limits and the log go by the address of whoever asks, which nobody can choose."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import TOKENS_MAX
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.api.conftest import problem

SIGN_IN = {"login": "nobody@example.org", "password": "wrong-password"}


def sign_in(forwarded: str, address: str = "127.0.0.1") -> HttpResponse:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return Client().post("/accounts/login/", SIGN_IN, headers=headers, REMOTE_ADDR=address)


def taken(most: int, forwarded: Any, address: Any = lambda number: "127.0.0.1") -> int:
    """How many log-ins are answered before the first that is too many."""
    for number in range(most):
        if sign_in(forwarded(number), address(number)).status_code == 429:
            return number
    return most


def test_behind_a_proxy_each_address_has_a_limit_of_its_own(db, settings):
    """Else one visitor could keep all others from signing in."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert taken(60, lambda number: "203.0.113.7") < 40
    assert sign_in("203.0.113.8").status_code == 200


def test_behind_a_proxy_what_a_visitor_writes_is_not_believed(db, settings):
    """nginx sets the header; one that appends writes the true address last."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert taken(60, lambda number: f"198.51.100.{number}, 203.0.113.7") < 40


def test_without_a_proxy_the_header_is_not_believed(db, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    assert taken(60, lambda number: f"198.51.100.{number}", lambda number: "203.0.113.7") < 40


def visit(path: str, data: dict[str, str]) -> HttpResponse:
    """By somebody who has never been here."""
    return Client().post(path, data)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/challenges/sea-or-sky/run", {"kind": "prompt", "instructions": "x"}),
        ("/challenges/sea-or-sky/submit", {"kind": "prompt", "instructions": "x"}),
        ("/challenges/sea-or-sky/hint", {}),
    ],
)
def test_an_address_becomes_only_so_many_visitors(course, path, data):
    statuses = [visit(path, data).status_code for _ in range(33)]
    assert statuses[:30] == [302] * 30 and statuses[30:] == [429] * 3
    assert User.objects.filter(is_guest=True).count() == 30
    assert Run.objects.count() + Submission.objects.count() in (0, 30)
    refused = visit(path, data)
    assert int(refused["Retry-After"]) > 0 and "Nothing was lost" in refused.content.decode()


def test_whoever_was_here_before_goes_on(course, guest_client):
    for _ in range(31):
        visit("/challenges/sea-or-sky/hint", {})
    assert guest_client.post("/challenges/sea-or-sky/run", {"kind": "prompt", "instructions": "x"}).status_code == 302
    assert factories.UserFactory.create().pk


def test_reading_makes_no_visitor(course, client):
    for path in ("/", "/lessons/first/", "/challenges/sea-or-sky/", "/leaderboards/"):
        assert client.get(path).status_code == 200
    assert not User.objects.exists()


def test_an_account_has_only_so_many_tokens(ada, ada_client, open_api):
    for number in range(TOKENS_MAX):
        ApiToken.issue(ada, str(number))
    given = {"email": ada.email, "password": factories.PASSWORD}
    problem(open_api.post("/tokens", given), 409, "token_limit")
    assert ada_client.post("/profile/tokens/", {"name": "one more"}).status_code == 422
    ada.api_tokens.first().revoke()
    assert open_api.post("/tokens", given).status_code == 201
