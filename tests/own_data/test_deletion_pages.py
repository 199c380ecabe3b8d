"""The pages on which a person or an operator has an account deleted, and the command that does the same."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any
from unittest import mock

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from gradus import retention
from gradus.accounts import tokens
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.accounts.token_rules import Content, Scope
from gradus.courses.models import Course
from gradus.own_data import deletion
from tests import factories

PAGE, KEEP = "/profile/delete/", "/profile/keep"


@pytest.fixture
def ada(ada: User) -> User:
    ada.set_password(factories.PASSWORD)
    ada.save()
    return ada


@pytest.fixture
def signed_in(ada: User) -> Client:
    """Ada has logged in, and has given her password once more."""
    made = Client()
    given = {"login": ada.email, "password": factories.PASSWORD}
    assert made.post("/accounts/login/", given).status_code == 302
    return again(made)


def again(browser: Client) -> Client:
    asked = browser.get(PAGE)["Location"]
    assert asked.startswith("/accounts/reauthenticate/")
    assert browser.post(asked, {"password": factories.PASSWORD})["Location"] == PAGE
    return browser


def text_of(signed_in: Client, page: str) -> str:
    answer = signed_in.get(page)
    assert answer.status_code == 200, page
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_only_a_recent_log_in_reaches_the_page(ada: User, ada_client: Client, signed_in: Client) -> None:
    assert Client().get(PAGE)["Location"].startswith("/accounts/login/")
    for ask in (ada_client.get, ada_client.post):
        answer = ask(PAGE)
        assert answer.status_code == 302 and answer["Location"].startswith("/accounts/reauthenticate/")
    ada.refresh_from_db()
    assert ada.deletion_due_at is None
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert again(signed_in).get(PAGE).status_code == 200


def test_she_asks_reads_it_everywhere_and_keeps_the_account(course: Course, ada: User, signed_in: Client) -> None:
    other = Client()
    other.force_login(ada)
    token = ApiToken.issue(ada, "laptop")[0]
    said = text_of(signed_in, PAGE)
    assert all(words in said for words in ("7 days after", "What goes", "What stays", "“Deleted account”", "Receipts"))
    assert "to be deleted" not in text_of(signed_in, "/path/")
    assert signed_in.post(PAGE)["Location"] == PAGE
    for one in (signed_in, other):
        for page in ("/path/", "/profile/", "/leaderboards/", "/challenges/sea-or-sky/"):
            assert "Your account is to be deleted" in text_of(one, page) and "Keep my account" in text_of(one, page)
    assert other.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code in (401, 404)
    with pytest.raises(tokens.NotIssued):
        tokens.issue(User.objects.get(pk=ada.pk), "another")
    assert signed_in.post(PAGE).status_code == 409
    assert other.post(KEEP)["Location"] == "/profile/"
    ada.refresh_from_db()
    assert ada.deletion_due_at is None and "Keep my account" not in text_of(signed_in, "/path/")
    assert other.get(KEEP).status_code == 405 and other.post(KEEP).status_code == 302


def test_a_session_ends_with_the_account(course: Course, ada: User, signed_in: Client) -> None:
    signed_in.post(PAGE)
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        retention.carry_out()
        assert signed_in.get("/profile/").status_code == 302
        given = {"login": "ada@example.org", "password": factories.PASSWORD}
        assert Client().post("/accounts/login/", given).status_code == 200


def test_the_last_owner_reads_what_to_do_and_has_no_button(course: Course, ada: User, signed_in: Client) -> None:
    factories.enrol(ada, course, Scope(Content.OWNER))
    said = text_of(signed_in, PAGE)
    assert f"“{course.title}”" in said and "Delete my account" not in said
    refused = signed_in.post(PAGE)
    assert refused.status_code == 409 and b"only owner" in refused.content
    # She became that during the week.
    User.objects.filter(pk=ada.pk).update(deletion_due_at=timezone.now() - timedelta(minutes=1))
    assert deletion.carry_out() == 0
    assert "Until then it is not deleted" in text_of(signed_in, "/path/")


def test_an_operator_does_it_with_a_reason(ada: User, grace_client: Client) -> None:
    change, page = f"/admin/accounts/user/{ada.pk}/change/", f"/admin/delete-account/{ada.pk}/"
    assert page in grace_client.get(change).content.decode()
    assert grace_client.get(page).status_code == 200
    assert grace_client.post(page, {"reason": " "}).status_code == 422
    assert grace_client.post(page, {"reason": "Asked by mail"})["Location"] == change
    noted = StaffAction.objects.get(what="deletion_asked")
    assert noted.details["reason"] == "Asked by mail" and noted.via == "page" and noted.who == "grace@example.org"
    assert grace_client.post(page, {"reason": "Again"}).status_code == 422
    assert "ada@example.org" in text_of(grace_client, "/admin/kept/")
    assert grace_client.post(f"/admin/keep-account/{ada.pk}")["Location"] == change
    ada.refresh_from_db()
    assert ada.deletion_due_at is None
    assert grace_client.post(page, {"reason": "Asked by mail", "at_once": "on"})["Location"] == change
    ada.refresh_from_db()
    assert ada.deleted_at is not None and ada.email == ""
    assert grace_client.get(page).status_code == 404 and page not in grace_client.get(change).content.decode()
    assert "Delete" not in text_of(grace_client, "/admin/accounts/user/").replace("Deleted", "")


def test_others_do_not_reach_the_pages_of_operators(ada: User, bob: User, bob_client: Client) -> None:
    for page in ("/admin/kept/", f"/admin/delete-account/{ada.pk}/", f"/admin/keep-account/{ada.pk}"):
        assert bob_client.get(page).status_code in (302, 403) and bob_client.post(page).status_code in (302, 403)
    # Staff without the right to delete accounts.
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    assert bob_client.post(f"/admin/delete-account/{ada.pk}/", {"reason": "x"}).status_code == 403
    ada.refresh_from_db()
    assert ada.deletion_due_at is None


def test_the_page_of_what_is_kept_has_every_line(grace_client: Client) -> None:
    said = text_of(grace_client, "/admin/kept/")
    for one in retention.ALL:
        assert one.what in said and one.how_long in said


def run(*given: str) -> str:
    out = StringIO()
    call_command("delete_account", *given, stdout=out)
    return out.getvalue()


def test_the_command_does_the_same(ada: User, bob: User, guest: User) -> None:
    for given in (("nobody@example.org", "--reason", "x"), (str(guest.pk), "--reason", "x"), ("ada@example.org",)):
        with pytest.raises(CommandError):
            run(*given)
    assert "will be deleted" in run("Ada@example.org", "--reason", "Asked by mail")
    with pytest.raises(CommandError, match="already"):
        run(str(ada.pk), "--reason", "x")
    assert "is kept" in run("ada@example.org", "--keep")
    with pytest.raises(CommandError):
        run("ada@example.org", "--keep")
    assert "was deleted" in run(str(ada.pk), "--reason", "Asked by mail", "--now")
    ada.refresh_from_db()
    assert ada.deleted_at and StaffAction.objects.filter(what="account_deleted", via="shell").exists()
    assert not User.objects.get(pk=bob.pk).deleted_at


def test_a_mail_to_each_confirmed_address_says_how_to_keep_the_account(
    ada: User, signed_in: Client, django_capture_on_commit_callbacks: Any, mailoutbox: list[EmailMessage]
) -> None:
    for address, verified in ((ada.email, True), ("second@example.org", True), ("not-mine@example.org", False)):
        EmailAddress.objects.create(user=ada, email=address, verified=verified)
    with django_capture_on_commit_callbacks(execute=True):
        signed_in.post(PAGE)
    assert sorted(one.to[0] for one in mailoutbox) == [ada.email, "second@example.org"]
    assert "Keep my account" in mailoutbox[0].body and "http://testserver/accounts/login/" in mailoutbox[0].body
    assert "change your password" in mailoutbox[0].body
    deletion.keep(ada)
    away = mock.patch.object(EmailBackend, "send_messages", side_effect=OSError)
    staff = factories.UserFactory.create(is_staff=True)
    with away, capture_logs() as said, django_capture_on_commit_callbacks(execute=True):
        deletion.ask(ada, reason="By letter.", by=staff)
    assert [one["event"] for one in said] == ["deletion_not_mailed"]
    User.objects.filter(pk=ada.pk).update(deletion_due_at=None)
    with django_capture_on_commit_callbacks(execute=True):
        deletion.ask(ada, reason="By letter.", by=staff, at_once=True)
    assert len(mailoutbox) == 2
