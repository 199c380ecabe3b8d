"""Sign-ups that come in the same moment make one account with one address, and none of them ends in an error."""

from __future__ import annotations

import re
from threading import Barrier
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.test import Client

from gradus.accounts.forms import SignupForm
from gradus.accounts.guests import SESSION_KEY
from gradus.accounts.models import User
from gradus.submissions.models import Submission
from tests import factories
from tests.threads import at_once

SIX = 6
PAGE = "/accounts/signup/"


@pytest.fixture(autouse=True)
def quick_hashes(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def met(monkeypatch: pytest.MonkeyPatch) -> None:
    """All six have been found valid before the first of them makes an account: the moment that a count would miss."""
    barrier, save = Barrier(SIX), SignupForm.try_save

    def at_the_same_time(form: SignupForm, request: Any) -> Any:
        barrier.wait(30)
        return save(form, request)

    monkeypatch.setattr(SignupForm, "try_save", at_the_same_time)


@pytest.fixture
def cookie(transactional_db: None, guest: User) -> str:
    """The session of a visitor who has done something already."""
    session = Client().session
    session[SESSION_KEY] = guest.pk
    session.save()
    return str(session.session_key)


def sign_up(email: str, cookie: str = "") -> tuple[int, str, Client]:
    """The status and address that the browser ends at, and the browser, which waits for nothing of the first answer."""
    client = Client(raise_request_exception=False)
    if cookie:
        client.cookies["sessionid"] = cookie
    answer = client.post(PAGE, {"email": email, "password1": factories.PASSWORD}, follow=True)
    return answer.status_code, answer.content.decode(), client


def test_one_form_that_is_sent_six_times(guest: User, cookie: str, met: None) -> None:
    answers = at_once(lambda number: sign_up("eve@example.org", cookie), SIX)
    assert [status for status, _, _ in answers] == [200] * SIX
    account = User.objects.get()
    assert (account.pk, account.email, account.is_guest) == (guest.pk, "eve@example.org", False)
    assert EmailAddress.objects.values_list("user", "email", "primary").get() == (guest.pk, "eve@example.org", True)
    told = [text for _, text, client in answers if "_auth_user_id" not in client.session]
    assert len(told) == SIX - 1
    assert all("This address is already registered. Sign in with its password." in text for text in told)


def test_six_addresses_for_one_visitor(guest: User, cookie: str, met: None) -> None:
    answers = at_once(lambda number: sign_up(f"eve{number}@example.org", cookie), SIX)
    assert [status for status, _, _ in answers] == [200] * SIX
    account, address = User.objects.get(), EmailAddress.objects.get()
    assert (account.pk, account.is_guest) == (guest.pk, False)
    assert account.email == address.email and account.check_password(factories.PASSWORD)
    (winner,) = [client for _, _, client in answers if "_auth_user_id" in client.session]
    assert winner.session["_auth_user_id"] == str(guest.pk)
    assert sum("You have just signed up with another address" in text for _, text, _ in answers) == SIX - 1


def test_a_first_visit_that_signs_up_six_times(transactional_db: None, met: None) -> None:
    """No row of a visitor is there to be locked."""
    answers = at_once(lambda number: sign_up("eve@example.org"), SIX)
    assert [status for status, _, _ in answers] == [200] * SIX
    assert User.objects.get().email == EmailAddress.objects.get().email == "eve@example.org"


def test_six_people_whose_addresses_begin_alike(transactional_db: None, met: None) -> None:
    answers = at_once(lambda number: sign_up(f"eve@{number}.example.org"), SIX)
    assert all("_auth_user_id" in client.session for _, _, client in answers)
    assert User.objects.count() == EmailAddress.objects.filter(primary=True).count() == SIX


def test_a_double_click_keeps_what_the_visitor_did(guest: User, cookie: str, sea_or_sky) -> None:
    """The browser drops the first answer, with the session in it, and shows the second one."""
    made = factories.submit(guest)
    first, second = (sign_up("eve@example.org", cookie) for _ in range(2))
    assert (first[0], second[0]) == (200, 200)
    assert "already registered" in second[1]
    assert Submission.objects.get().pk == made.pk
    assert Submission.objects.get().user == User.objects.get(email="eve@example.org") == guest
    entered = second[2].post("/accounts/login/", {"login": "eve@example.org", "password": factories.PASSWORD})
    assert (entered.status_code, second[2].session["_auth_user_id"]) == (302, str(guest.pk))


def test_where_a_sign_up_fails_the_visitor_stays_one(guest: User, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmailAddress, "save", lambda *given, **named: 1 / 0)
    assert sign_up("eve@example.org", cookie)[0] == 500
    guest.refresh_from_db()
    assert (guest.is_guest, guest.email) == (True, "")


def test_the_database_refuses_what_the_race_made(guest: User, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email="ada@example.org", primary=True)
    with pytest.raises(IntegrityError, match=r"unique|UNIQUE"), transaction.atomic():
        EmailAddress.objects.create(user=ada, email="ada@example.com", primary=True)
    with pytest.raises(IntegrityError, match="guest_has_no_email"), transaction.atomic():
        User.objects.filter(pk=guest.pk).update(email="eve@example.org")


NO_SERVER = "django.core.mail.backends.console.EmailBackend"


@pytest.mark.django_db
def test_without_a_mail_server_no_page_says_that_a_mail_was_sent(client, settings):
    """The default settings only print mails to the log."""
    settings.EMAIL_BACKEND = NO_SERVER
    signed_up = client.post(PAGE, {"email": "eve@example.org", "password1": factories.PASSWORD}, follow=True)
    text = signed_up.content.decode()
    assert "Confirmation email sent" not in text
    assert text.count("This site cannot send mails, so your email address stays unconfirmed.") == 1
    cache.clear()  # allauth sends a confirmation again after three minutes only.
    again = client.post("/accounts/email/", {"action_send": "", "email": "eve@example.org"}, follow=True)
    assert "This site cannot send mails" in again.content.decode() and "sent to" not in again.content.decode()
    client.logout()
    for address in ("/accounts/password/reset/", "/accounts/password/reset/done/"):
        page = client.get(address).content.decode()
        assert (
            "This site cannot send mails" in page and "We will send" not in page and "is on its way. It may" not in page
        )


@pytest.mark.django_db
def test_with_a_mail_server_the_pages_say_what_was_sent(client, mailoutbox):
    client.post(PAGE, {"email": "eve@example.org", "password1": factories.PASSWORD}, follow=True)
    assert [mail.to for mail in mailoutbox] == [["eve@example.org"]]
    client.logout()
    assert "We will send you a link" in client.get("/accounts/password/reset/").content.decode()


def test_one_name_for_an_account_s_beginning(client, course):
    """The link, the heading and the button have the same words."""
    assert '">Sign up</a>' in client.get("/").content.decode()
    page = client.get(PAGE).content.decode()
    assert "<h1>Sign up</h1>" in page and re.search(r"<button[^>]*>\s*Sign up\s*</button>", page)


def test_a_new_person_is_greeted_by_the_name_that_the_header_shows(db) -> None:
    page = Client().post(PAGE, {"email": "new@example.org", "password1": factories.PASSWORD}, follow=True)
    user = User.objects.get(email="new@example.org")
    assert f"Successfully signed in as {user.pseudonym}." in page.content.decode()
    assert user.username not in page.content.decode()
