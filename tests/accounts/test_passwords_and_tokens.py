"""A new password takes the API tokens with it, if its owner wishes so."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client

from gradus.accounts.models import ApiToken, StaffAction, User
from tests import factories
from tests.api.conftest import Caller

CHANGE, NEW = "/accounts/password/change/", "another-long-password"
BOTH = dict.fromkeys(("password1", "password2"), NEW)
LABEL = "Also revoke my API tokens"


@pytest.fixture
def api(ada: User) -> Caller:
    return Caller(ApiToken.issue(ada, "laptop")[1])


@pytest.fixture
def reset_form(ada: User, settings) -> str:
    """The address that the mail leads to."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Client().post("/accounts/password/reset/", {"email": ada.email})
    (link,) = re.findall(r"https?://testserver(/accounts/password/reset/key/\S+)", mail.outbox[-1].body)
    return str(link)


def works(api: Caller) -> bool:
    status = api.get("/submissions").status_code
    assert status in (200, 401)
    return status == 200


def box(page: str) -> str:
    """The field's tag."""
    (tag,) = re.findall(r"<input[^>]*revoke_tokens[^>]*>", page)
    return str(tag)


@pytest.mark.parametrize("revoke", [True, False])
def test_a_change_revokes_them_on_request(ada: User, bob: User, ada_client: Client, api: Caller, revoke: bool) -> None:
    others = Caller(ApiToken.issue(bob, "laptop")[1])
    page = ada_client.get(CHANGE).content.decode()
    assert LABEL in page and "checked" not in box(page)
    given = {"oldpassword": factories.PASSWORD, **BOTH, **({"revoke_tokens": "on"} if revoke else {})}
    said = ada_client.post(CHANGE, given, follow=True).content.decode()
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    assert works(api) is not revoke and works(others)
    assert ("Your API tokens no longer work." in said) is revoke
    assert not StaffAction.objects.exists()


def test_a_change_that_is_refused_revokes_nothing(ada_client: Client, api: Caller) -> None:
    given = {"oldpassword": "wrong-password", **BOTH, "revoke_tokens": "on"}
    assert "Please type your current password" in ada_client.post(CHANGE, given).content.decode()
    assert works(api)


@pytest.mark.parametrize("revoke", [True, False])
def test_a_reset_revokes_them_unless_its_owner_says_otherwise(
    ada: User, api: Caller, reset_form: str, revoke: bool
) -> None:
    client = Client()
    page = client.get(reset_form, follow=True)
    assert LABEL in page.content.decode() and "checked" in box(page.content.decode())
    given = {**BOTH, **({"revoke_tokens": "on"} if revoke else {})}
    client.post(page.redirect_chain[-1][0], given)
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    assert works(api) is not revoke
    assert not StaffAction.objects.exists()


def test_who_has_no_token_is_not_asked(ada_client: Client, reset_form: str) -> None:
    assert LABEL not in ada_client.get(CHANGE).content.decode()
    assert LABEL not in Client().get(reset_form, follow=True).content.decode()


def test_a_link_that_is_not_valid_shows_a_page(ada: User, api: Caller) -> None:
    answer = Client().get("/accounts/password/reset/key/1-set-password/")
    assert answer.status_code == 200 and LABEL not in answer.content.decode()
