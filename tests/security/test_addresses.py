"""Limits and the log go by the address of whoever asks, which nobody can choose."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import Client

from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import TOKENS_MAX
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.api.conftest import problem

SIGN_IN = {"login": "nobody@example.org", "password": "wrong-password"}


def sign_in(forwarded: str, address: str) -> HttpResponse:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return Client().post("/accounts/login/", SIGN_IN, headers=headers, REMOTE_ADDR=address)


@pytest.mark.parametrize(
    ("proxies", "forwarded"),
    [
        pytest.param(1, lambda number: "203.0.113.7", id="its own address"),
        # nginx sets the header; one that appends writes the true address last.
        pytest.param(1, lambda number: f"198.51.100.{number}, 203.0.113.7", id="what a visitor wrote before a proxy"),
        pytest.param(0, lambda number: f"198.51.100.{number}", id="what a visitor wrote where no proxy is"),
    ],
)
def test_sign_ins_are_limited_by_the_true_address(db, settings, proxies, forwarded):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    address = "127.0.0.1" if proxies else "203.0.113.7"
    assert 429 in (sign_in(forwarded(number), address).status_code for number in range(40))
    other = ("203.0.113.8", address) if proxies else ("", "203.0.113.8")
    assert sign_in(*other).status_code == 200, "one visitor could keep all others from signing in"


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
def test_an_address_becomes_only_so_many_visitors_and_who_was_here_before_goes_on(course, guest_client, path, data):
    before = User.objects.count()
    statuses = [visit(path, data).status_code for _ in range(33)]
    assert statuses[:30] == [302] * 30 and statuses[30:] == [429] * 3
    assert User.objects.count() == before + 30
    assert Run.objects.count() + Submission.objects.count() in (0, 30)
    refused = visit(path, data)
    assert int(refused["Retry-After"]) > 0 and "Nothing was lost" in refused.content.decode()
    assert guest_client.post(path, data).status_code == 302


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
