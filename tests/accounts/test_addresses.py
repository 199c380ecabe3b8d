"""One rule says what an email address is, and whoever has confirmed one takes it from accounts that have not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from gradus.accounts.addresses import EMAIL_CHARS, address, is_address
from gradus.accounts.models import User
from gradus.refusal import Refused
from tests import factories
from tests.conftest import logged_in

LONGEST = "a" * 58 + "@" + ".".join(["b" * 63] * 3) + "." + "c" * (EMAIL_CHARS - 59 - 3 * 64)


def test_an_address_is_kept_in_lower_case() -> None:
    assert address(" Lena@Example.ORG ") == "lena@example.org"
    assert len(LONGEST) == EMAIL_CHARS and address(LONGEST) == LONGEST


@pytest.mark.parametrize(
    "text",
    ["", "lena", "lena@", "@example.org", "a b@example.org", "lena@\N{KELVIN SIGN}elvin.org", "d" + LONGEST],
)
def test_what_is_no_address_is_refused_beside_the_field(text: str) -> None:
    assert not is_address(text)
    with pytest.raises(Refused) as refused:
        address(text)
    assert (refused.value.code, refused.value.problems[0]["field"]) == ("bad_email", "email")


def test_a_character_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(Refused) as refused:
        address("le\0na@example.org")
    assert refused.value.code == "control_character"


@pytest.mark.parametrize("has_another", [False, True])
def test_who_confirms_an_added_address_takes_it_from_accounts_that_have_not(
    has_another: bool, ada: User, bob: User, mailoutbox: list[Any]
) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, primary=True)
    if has_another:
        EmailAddress.objects.create(user=bob, email="bob@example.com")
    client = logged_in(ada)
    client.post("/accounts/email/", {"action_add": "", "email": bob.email})
    (link,) = re.findall(r"http://testserver(/accounts/confirm-email/\S+)", str(mailoutbox[0].body))
    bob.refresh_from_db()
    assert bob.email == "bob@example.org"
    client.post(link)
    bob.refresh_from_db()
    expected = ("bob@example.com", None) if has_another else ("", "bob@example.org")
    assert (bob.email, bob.lost_email) == expected
    assert EmailAddress.objects.values_list("user", "verified").get(email="bob@example.org") == (ada.pk, True)
    assert set(EmailAddress.objects.filter(user=bob, primary=True)) == set(EmailAddress.objects.filter(user=bob))


def test_a_lost_address_opens_its_account_with_the_right_password_alone(ada: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(email="", lost_email="lost@example.org")
    for password, account in (("wrong-password", None), (factories.PASSWORD, str(bob.pk))):
        client = Client()
        client.post("/accounts/login/", {"login": "Lost@example.org", "password": password})
        assert client.session.get("_auth_user_id") == account


def test_a_sign_up_with_an_address_that_is_taken_reads_how_its_owner_goes_on(
    ada: User, client: Client, settings: Any
) -> None:
    given = {"email": ada.email, "password1": factories.PASSWORD}
    assert "set a new one by mail" in client.post("/accounts/signup/", given).content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    cache.clear()
    page = client.post("/accounts/signup/", given).content.decode()
    assert "This address is already registered" in page and "by mail" not in page
    assert User.objects.count() == 1
