"""The page on which a person merges two accounts, the one on which staff propose it, and signing in afterwards."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import Merge, StaffAction, User
from gradus.courses.models import Challenge
from gradus.notices.models import Notice
from gradus.own_data import merging
from gradus.refusal import Refused
from tests import factories
from tests.conftest import logged_in

PAGE, PROPOSE = "/profile/merge/", "/teach/merge/"
OTHER_PASSWORD = "another one of mine"


@pytest.fixture
def people(sea_or_sky: Challenge, ada: User, bob: User) -> dict[str, User]:
    """Ada's two accounts: that of Bob is hers, too. Both have handed something in."""
    for user, password in ((ada, factories.PASSWORD), (bob, OTHER_PASSWORD)):
        user.set_password(password)
        user.save()
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        factories.grade(factories.submit(user), 0.5)
    return {"ada": ada, "bob": bob}


def sign_in(user: User, password: str) -> Client:
    """Signs in, and once more before the page, as the site asks after a while."""
    browser = Client()
    assert browser.post("/accounts/login/", {"login": user.email, "password": password}).status_code == 302
    asked = browser.get(PAGE)["Location"]
    assert asked.startswith("/accounts/reauthenticate/")
    assert browser.post(asked, {"password": password})["Location"] == PAGE
    return browser


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def act(browser: Client, action: str, **more: Any) -> str:
    key = Merge.objects.open().values_list("pk", flat=True).first() or 0
    return text_of(browser.post(PAGE, {"action": action, "merge": key, **more}, follow=True))


def test_only_a_recent_log_in_reaches_the_page(people: dict[str, User]) -> None:
    assert Client().get(PAGE)["Location"].startswith("/accounts/login/")
    browser = logged_in(people["ada"])
    for send in (browser.get, browser.post):
        assert send(PAGE)["Location"].startswith("/accounts/reauthenticate/")


def code_on(browser: Client) -> str:
    """The code that the page shows to the account which is signed in."""
    return unescape(re.search("<code>(.+?)</code>", browser.get(PAGE).content.decode())[1])


def test_nobody_opens_a_merge_who_only_knows_a_name_or_has_an_old_code(people: dict[str, User]) -> None:
    first, second = sign_in(people["ada"], factories.PASSWORD), sign_in(people["bob"], OTHER_PASSWORD)
    code = code_on(second)
    for wrong in (people["bob"].pseudonym, people["bob"].email, str(people["bob"].pk), code[:-1], f"1{code}"):
        assert "This code is wrong or older than an hour" in act(first, "ask", other=wrong)
    an_hour_later = time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1))
    with an_hour_later, pytest.raises(Refused, match="older than an hour"):
        merging.found_by_code(code, "other")
    assert not Merge.objects.exists()
    assert "You have agreed" in act(first, "ask", other=code)


def test_she_asks_from_one_account_and_agrees_from_the_other(
    people: dict[str, User], settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    ada, bob = people["ada"], people["bob"]
    first, second = sign_in(ada, factories.PASSWORD), sign_in(bob, OTHER_PASSWORD)
    assert "These are the same account" in act(first, "ask", other=merging.code_of(ada))
    with django_capture_on_commit_callbacks(execute=True):
        said = act(first, "ask", other=f" {code_on(second)} ")
    assert "You have agreed" in said and "is closed" in said
    # What the other account has, its owner alone reads until she has agreed there.
    assert "1 attempt" not in said and "as soon as the other account has agreed" in said
    assert {one for sent in mail.outbox for one in sent.to} == {ada.email, bob.email}
    assert "merge the account" in mail.outbox[0].body and "refuse it there" in mail.outbox[0].body
    assert "proposed to merge your account" in text_of(second.get("/notices/"))
    said = text_of(second.get(PAGE))
    assert "1 attempt with its grades" in said and "It cannot be undone" in said and "Agree and merge now" in said
    # Each step has its way back.
    assert "taken back" in act(first, "back")
    assert "Agree and merge now" not in act(second, "agree")
    assert "1 attempt with its grades" in text_of(first.get(PAGE))
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert "Everything of the other one is here" in act(first, "agree")
    assert {one for sent in mail.outbox for one in sent.to} == {ada.email, bob.email}
    assert "nobody can sign in to it" in mail.outbox[0].body
    assert list(Notice.objects.values_list("user", "kind")) == [(ada.pk, "merged")]
    assert "Two accounts of yours are one now" in text_of(first.get("/notices/"))
    # The other account is closed, and says where its work is, but only to who knows its password.
    assert second.get("/profile/")["Location"].startswith("/accounts/login/")
    for password, words in ((OTHER_PASSWORD, f"your account “ {ada.pseudonym} ”"), ("guessed", "password")):
        given = {"login": bob.email, "password": password}
        answer = Client().post("/accounts/login/", given, follow=True)
        assert words in text_of(answer)
        assert (ada.pseudonym in text_of(answer)) == (password == OTHER_PASSWORD)
    # Its address leads to the account that stays, with the password of that one.
    assert Client().post("/accounts/login/", {"login": bob.email, "password": factories.PASSWORD}).status_code == 302
    assert "bob@example.org" in text_of(first.get("/accounts/email/"))


def test_she_agrees_last_from_the_account_that_is_closed(people: dict[str, User]) -> None:
    first, second = sign_in(people["ada"], factories.PASSWORD), sign_in(people["bob"], OTHER_PASSWORD)
    act(first, "ask", other=merging.code_of(people["bob"]))
    said = act(second, "agree")
    assert f"sign in as “{people['ada'].pseudonym}”" in said
    assert second.get(PAGE)["Location"].startswith("/accounts/login/")


def test_it_is_refused_or_withdrawn_and_a_stale_page_moves_nothing(people: dict[str, User]) -> None:
    first, second = sign_in(people["ada"], factories.PASSWORD), sign_in(people["bob"], OTHER_PASSWORD)
    act(first, "ask", other=merging.code_of(people["bob"]))
    old = Merge.objects.get().pk
    assert "stay two" in act(first, "end")
    act(first, "ask", other=merging.code_of(people["bob"]))
    assert "nothing was changed" in act(second, "agree", merge=old)
    assert "stay two" in act(second, "end")
    assert second.post(PAGE, {"action": "agree", "merge": "x"}).status_code == 404
    assert second.post(PAGE, {"action": "other", "merge": old}).status_code == 404
    assert "has refused this before" in act(first, "ask", other=merging.code_of(people["bob"]))
    assert User.objects.filter(merged_into=None).count() == User.objects.count()
    kinds = Notice.objects.order_by("pk").values_list("user__pseudonym", "kind")
    ada, bob = people["ada"].pseudonym, people["bob"].pseudonym
    assert list(kinds) == [(bob, "merge"), (bob, "no_merge"), (bob, "merge"), (ada, "no_merge")]


def test_staff_propose_and_withdraw(people: dict[str, User], sea_or_sky: Challenge) -> None:
    teacher = factories.UserFactory.create()
    staff = logged_in(teacher)
    assert staff.get(PROPOSE).status_code == 404
    factories.enrol(teacher, sea_or_sky.course, factories.TEACHER)
    ada, bob = people["ada"], people["bob"]
    entry = f"/teach/boards/sea-or-sky/{bob.pk}/"
    assert f"{PROPOSE}?kept={bob.pseudonym}" in staff.get(entry).content.decode()
    assert f'value="{bob.pseudonym}"' in staff.get(f"{PROPOSE}?gone={bob.pseudonym}").content.decode()
    given = {"kept": ada.pseudonym, "gone": bob.pseudonym, "reason": "Both write the same words"}
    for name, value, words in (
        ("kept", "", "This field is required"),
        ("gone", "nobody", "There is no account with this name"),
        ("gone", ada.pseudonym, "These are the same account"),
        ("gone", factories.UserFactory.create().pseudonym, "You do not see what both accounts do"),
        ("reason", "x" * 501, "at most 500"),
    ):
        answer = staff.post(PROPOSE, {**given, name: value})
        assert answer.status_code in (403, 422) and words in text_of(answer), name
    said = text_of(staff.post(PROPOSE, given, follow=True))
    assert "It is proposed" in said and "Both write the same words" in said
    for user, words in ((ada, "This account stays"), (bob, "this account is closed")):
        browser = sign_in(user, factories.PASSWORD if user == ada else OTHER_PASSWORD)
        said = text_of(browser.get(PAGE))
        assert words in said and "The reason: Both write the same words" in said
    made = Merge.objects.get()
    other = logged_in(factories.UserFactory.create(is_staff=True))
    assert other.post(PROPOSE, {"action": "withdraw", "merge": made.pk}).status_code == 404
    assert "withdrawn" in text_of(staff.post(PROPOSE, {"action": "withdraw", "merge": made.pk}, follow=True))
    made.refresh_from_db()
    assert made.ended_at and not made.was_refused
    noted = StaffAction.objects.filter(what__startswith="merge").order_by("pk").values_list("what", flat=True)
    assert list(noted) == ["merge_proposed", "merge_ended"]
