"""No secret is in the log, whatever happens and however much it tells; the requests themselves are."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from gradus.accounts.models import ApiToken, User
from gradus.submissions import services
from tests import factories
from tests.api.conftest import Caller

SECRETS = ("canary-right-password", "canary-wrong-password", "canary-new-password", "canary-body", "canary-token")


class Everything(logging.Handler):
    """All that any logger says, with the fields and tracebacks of each line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        format = logging.Formatter().format
        self.lines.append(f"{format(record)} {json.dumps({**vars(record)}, default=repr)}")


@pytest.fixture
def log() -> Iterator[Everything]:
    handler, root = Everything(), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in settings.LOGGING["loggers"])]
    before = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield handler
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def learner(db: None) -> User:
    user = factories.UserFactory.create(email="eve@example.org", username="eve")
    user.set_password(SECRETS[0])
    user.save()
    return user


def leaks(log: Everything, *more: str) -> list[tuple[str, str]]:
    return [(secret, line[:300]) for line in log.lines for secret in (*SECRETS, *more) if secret and secret in line]


def test_passwords_and_sessions(learner: User, log: Everything) -> None:
    client = Client()
    for password in (SECRETS[1], SECRETS[0]):
        client.post("/accounts/login/", {"login": learner.email, "password": password})
    assert "_auth_user_id" in client.session
    change = {"oldpassword": SECRETS[0], "password1": SECRETS[2], "password2": SECRETS[2]}
    client.post("/accounts/password/change/", change)
    Client().post("/accounts/signup/", {"email": "new@example.org", "password1": SECRETS[2]})
    session, csrf = client.session.session_key, client.cookies.get("csrftoken")
    assert User.objects.get(pk=learner.pk).check_password(SECRETS[2])
    assert leaks(log, session or "", csrf.value if csrf else "") == []
    assert any("POST /accounts/login/" in line for line in log.lines)


def test_links_in_mails(learner: User, log: Everything) -> None:
    Client().post("/accounts/password/reset/", {"email": learner.email})
    (link,) = re.findall(r"https?://[^/]+(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    key = link.rstrip("/").rpartition("/")[2]
    client = Client()
    form = client.get(link)
    client.post(form["Location"], {"password1": SECRETS[2], "password2": SECRETS[2]})
    assert User.objects.get(pk=learner.pk).check_password(SECRETS[2])
    assert leaks(log, key, key.partition("-")[2]) == []
    assert any("GET /accounts/password/reset/key/..." in line for line in log.lines)


def test_tokens(learner: User, log: Everything, course: object) -> None:
    made = Caller(None).post("/tokens", {"email": learner.email, "password": SECRETS[0]}).json()["token"]
    assert Caller(made).get("/submissions").status_code == 200
    assert Caller("gradus_canary-token").get("/submissions").status_code == 401
    client = Client()
    client.force_login(learner, backend="django.contrib.auth.backends.ModelBackend")
    page = client.post("/profile/tokens/", {"name": "laptop"}).content.decode()
    (shown,) = re.findall(r"gradus_[\w-]{30,}", page)[:1]
    assert ApiToken.objects.matching(shown).exists()
    client.post(f"/profile/tokens/{learner.api_tokens.latest('pk').pk}/revoke")
    assert leaks(log, made, shown) == []


def test_bodies_of_requests_that_fail(learner: User, log: Everything, sea_or_sky, monkeypatch) -> None:
    def crash(*args: object, **named: object) -> None:
        raise ValueError("something broke")

    monkeypatch.setattr(services, "submit", crash)
    api = Caller(ApiToken.issue(learner, "tests")[1])
    body = {"kind": "prompt", "instructions": "canary-body"}
    assert api.post("/challenges/sea-or-sky/submissions", body).status_code == 500
    client = Client(raise_request_exception=False)
    client.force_login(learner, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/challenges/sea-or-sky/submit", {**body, "key": "k"}).status_code == 500
    assert leaks(log, api.headers["Authorization"].removeprefix("Bearer ")) == []
    assert any("something broke" in line for line in log.lines)


def test_what_would_leak_is_found(log: Everything) -> None:
    logging.getLogger("anybody").debug("said %s", SECRETS[3])
    logging.getLogger("anybody").debug({"event": "x", "password": SECRETS[0]})
    assert {secret for secret, _ in leaks(log)} == {SECRETS[3], SECRETS[0]}


def test_the_address_of_a_request_is_the_true_one(learner: User, log: Everything, settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    Client().get("/", headers={"X-Forwarded-For": "198.51.100.1"}, REMOTE_ADDR="203.0.113.7")
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    Client().get("/path/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.8"}, REMOTE_ADDR="127.0.0.1")
    said = "\n".join(log.lines)
    assert "203.0.113.7" in said and "203.0.113.8" in said and "198.51.100.1" not in said.replace("X-Forwarded-For", "")
