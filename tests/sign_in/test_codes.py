"""Where the operator chooses so, people sign in with a code that comes by mail."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from gradus.accounts.models import User
from tests.sign_in import code_urls

PAGE, CONFIRM = "/accounts/login/code/", "/accounts/login/code/confirm/"


@pytest.fixture(autouse=True)
def switched_on(settings, ada: User) -> None:
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    settings.ROOT_URLCONF = code_urls.__name__
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)


def code_of(mailoutbox) -> str:
    found = re.search(r"^([A-Z0-9-]{6,12})$", mailoutbox[-1].body, re.M)
    assert found, mailoutbox[-1].body
    return found[1]


def test_a_code_signs_in_once_and_in_one_browser(ada: User, client: Client, mailoutbox) -> None:
    assert PAGE in client.get("/accounts/login/").content.decode()
    assert "The code works for three minutes" in client.get(PAGE).content.decode()
    client.post(PAGE, {"email": ada.email})
    (mail,) = mailoutbox
    assert mail.to == [ada.email]
    code = code_of(mailoutbox)
    other = Client()
    assert other.post(CONFIRM, {"code": code}).headers["Location"].startswith("/accounts/login/")
    client.post(CONFIRM, {"code": code})
    assert client.session["_auth_user_id"] == str(ada.pk)
    client.logout()
    assert "_auth_user_id" not in client.session
    client.post(CONFIRM, {"code": code})
    assert "_auth_user_id" not in client.session


def test_three_wrong_codes_end_it(ada: User, client: Client, mailoutbox) -> None:
    client.post(PAGE, {"email": ada.email})
    for _ in range(3):
        client.post(CONFIRM, {"code": "WRONG-123"})
    client.post(CONFIRM, {"code": code_of(mailoutbox)})
    assert "_auth_user_id" not in client.session


def test_an_unknown_address_gets_no_code_and_the_page_tells_nothing(client: Client, ada: User, mailoutbox) -> None:
    known, unknown = (Client().post(PAGE, {"email": email}) for email in (ada.email, "nobody@example.org"))
    assert (known.status_code, known.headers["Location"]) == (unknown.status_code, unknown.headers["Location"])
    assert {mail.to[0] for mail in mailoutbox} == {ada.email, "nobody@example.org"}
    assert not re.search(r"^[A-Z0-9-]{6,12}$", mailoutbox[-1].body, re.M)


def test_a_second_factor_is_still_asked_for(ada: User, client: Client, mailoutbox) -> None:
    TOTP.activate(ada, generate_totp_secret())
    client.post(PAGE, {"email": ada.email})
    answer = client.post(CONFIRM, {"code": code_of(mailoutbox)})
    assert answer.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in client.session


def test_nobody_sends_many_mails(ada: User, mailoutbox) -> None:
    for _ in range(6):
        Client().post(PAGE, {"email": ada.email})
    assert 1 <= len(mailoutbox) <= 3


def test_without_the_choice_there_is_no_such_page(client: Client, db, settings) -> None:
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = False
    settings.ROOT_URLCONF = "gradus.urls"
    assert client.get(PAGE).status_code == 404
    assert "code" not in client.get("/accounts/login/").content.decode().lower().split("<main")[1].split("</main")[0]
