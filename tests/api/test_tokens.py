from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from gradus.accounts.models import ApiToken, User
from tests.api.conftest import Caller, problem
from tests.factories import PASSWORD

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_a_token_for_an_email_and_a_password(open_api: Caller, ada: User) -> None:
    response = open_api.post("/tokens", {"email": "ADA@example.org", "password": PASSWORD, "name": "laptop"})
    assert response.status_code == 201
    body, token = response.json(), ApiToken.objects.get()
    assert (token.user, token.name, token.prefix) == (ada, "laptop", body["prefix"])
    assert body["token"] not in (token.digest, token.prefix)
    assert Caller(body["token"]).get("/submissions").status_code == 200


@pytest.mark.parametrize("field", ["email", "name"])
def test_a_nul_is_refused_before_the_database_sees_it(open_api: Caller, ada: User, field: str) -> None:
    body = {"email": ada.email, "password": PASSWORD, "name": "laptop"}
    assert open_api.post("/tokens", {**body, field: body[field] + "\0"}).status_code == 422
    assert open_api.post("/tokens", {**body, "name": "two\nlines"}).status_code == 201


@pytest.fixture
def asleep(ada: User) -> User:
    ada.is_active = False
    ada.save()
    return ada


def test_one_answer_for_unknown_wrong_and_inactive(open_api: Caller, asleep: User, bob: User) -> None:
    given = [("nobody@example.org", PASSWORD), (bob.email, "wrong"), (asleep.email, PASSWORD)]
    bodies = [
        problem(open_api.post("/tokens", {"email": email, "password": password}), 401, "wrong_credentials")
        for email, password in given
    ]
    assert bodies[0] == bodies[1] == bodies[2]
    assert not ApiToken.objects.exists()


def test_a_second_factor_is_not_gone_round(open_api: Caller, ada: User) -> None:
    from allauth.mfa.models import Authenticator

    Authenticator.objects.create(user=ada, type=Authenticator.Type.TOTP, data={"secret": "x"})
    problem(open_api.post("/tokens", {"email": ada.email, "password": PASSWORD}), 403, "sign_in_needed")
    assert not ApiToken.objects.exists()


def test_guessing_is_slowed_down(open_api: Caller, ada: User) -> None:
    answers = [open_api.post("/tokens", {"email": ada.email, "password": f"wrong {n}"}) for n in range(12)]
    assert [answer.status_code for answer in answers[:3]] == [401, 401, 401]
    problem(answers[-1], 429, "too_many_requests")
    assert int(answers[-1]["Retry-After"]) > 0


def test_use_is_noted_at_most_each_minute(ada: User) -> None:
    token, secret = ApiToken.issue(ada, "tests")
    caller, seen = Caller(secret), []
    for seconds in (0, 30, 61):
        with time_machine.travel(NOW + timedelta(seconds=seconds), tick=False):
            assert caller.get("/submissions").status_code == 200
        token.refresh_from_db()
        seen.append(token.last_used_at)
    assert seen == [NOW, NOW, NOW + timedelta(seconds=61)]
