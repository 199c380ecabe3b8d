"""Notices go by mail to those who want that, once, and a mail server that is away delays nothing else."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from gradus.accounts.allauth_adapter import NO_MAIL_SERVER
from gradus.accounts.models import User
from gradus.notices import mails
from gradus.notices.models import MailWish, Notice
from gradus.reconciling import reconciler
from tests import factories
from tests.threads import at_once

pytestmark = pytest.mark.usefixtures("course")
WISH = "/notices/by-mail"


@pytest.fixture(autouse=True)
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler.send_mails, "due", 0.0)


@pytest.fixture
def confirmed(ada: User) -> User:
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    return ada


@pytest.fixture
def wishing(confirmed: User, ada_client: Client) -> User:
    ada_client.post(WISH, {"wanted": "on"})
    MailWish.objects.update(since=timezone.now() - timedelta(days=30))
    return confirmed


def told(user: User, minutes: float = 2) -> Notice:
    """A notice of a training run that ended some minutes ago."""
    made = factories.submit(user, payload=factories.LORA)
    factories.grade(made, 0.7)
    Notice.objects.filter(evaluation__submission=made).update(created_at=timezone.now() - timedelta(minutes=minutes))
    return Notice.objects.get(evaluation__submission=made)


def test_a_mail_says_what_happened_and_where_and_how_to_stop_it(wishing: User) -> None:
    notice = told(wishing)
    assert reconciler.sweep()["mailed"] == 1
    (sent,) = mail.outbox
    assert sent.to == ["ada@example.org"] and sent.subject.startswith("Your attempt at “")
    assert f"http://testserver{notice.address}" in sent.body and "The score is 0.70. That passes." in sent.body
    assert "http://testserver/profile/#mail" in sent.body


def test_a_mail_with_a_fault_delays_no_other(wishing: User, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty, good = told(wishing), told(wishing)
    made = mails._mail

    def mail_of(notice: Notice) -> Any:
        return made(notice) if notice.pk != faulty.pk else notice.no_such_field  # type: ignore[attr-defined]

    monkeypatch.setattr(mails, "_mail", mail_of)
    assert [reconciler.sweep()["mailed"] for _ in range(2)] == [1, 0] and good.address in mail.outbox[0].body
    assert Notice.objects.filter(pk=faulty.pk).exists(), "it stays on the site"


def test_one_mail_for_one_notice(wishing: User) -> None:
    told(wishing)
    assert [reconciler.sweep()["mailed"] for _ in range(3)] == [1, 0, 0]
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_processes_send_one_mail(wishing: User) -> None:
    pk = told(wishing).pk
    assert sorted(at_once(lambda _: mails._send(pk), 2)) == [False, True]
    assert len(mail.outbox) == 1


def test_a_title_with_markup_is_plain_text_in_a_mail(wishing: User) -> None:
    notice = told(wishing)
    version = notice.version
    version.spec = {**version.spec, "title": "Fish & <chips>"}
    version.digest = "f" * 64
    version.save()
    assert reconciler.sweep()["mailed"] == 1
    assert "“Fish & <chips>”" in mail.outbox[0].subject and "“Fish & <chips>”" in mail.outbox[0].body


def test_nobody_gets_a_mail_unasked(confirmed: User) -> None:
    told(confirmed)
    assert reconciler.sweep()["mailed"] == 0


@pytest.mark.parametrize("minutes", [0.5, 24 * 60 + 1])
def test_neither_what_has_just_happened_nor_what_is_old_is_mailed(wishing: User, minutes: float) -> None:
    told(wishing, minutes)
    assert reconciler.sweep()["mailed"] == 0


def test_what_was_seen_or_told_before_the_wish_is_not_mailed(wishing: User, ada_client: Client) -> None:
    told(wishing)
    ada_client.get("/notices/")
    told(wishing, minutes=10)
    MailWish.objects.update(since=timezone.now() - timedelta(minutes=5))
    assert reconciler.sweep()["mailed"] == 0


def test_an_address_that_is_no_longer_confirmed_gets_none(wishing: User) -> None:
    told(wishing)
    EmailAddress.objects.update(verified=False)
    assert reconciler.sweep()["mailed"] == 0


def test_the_wish_is_kept_and_taken_back(confirmed: User, ada_client: Client) -> None:
    assert ada_client.post(WISH, {"wanted": "on"}).url == "/profile/#mail"
    assert MailWish.objects.get().site == "http://testserver/"
    ada_client.post(WISH, {"wanted": "on"})
    ada_client.post(WISH)
    assert not MailWish.objects.exists()


def test_without_a_mail_server_the_wish_is_refused_with_the_reason(
    confirmed: User, ada_client: Client, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = NO_MAIL_SERVER[0]
    assert "have not set up a mail server" in ada_client.post(WISH, {"wanted": "on"}, follow=True).content.decode()
    assert not MailWish.objects.exists()


def test_without_a_confirmed_address_the_wish_is_refused(ada: User, ada_client: Client) -> None:
    assert "Confirm your email address first" in ada_client.post(WISH, {"wanted": "on"}, follow=True).content.decode()
    assert not MailWish.objects.exists()


def test_a_guest_has_no_wish(guest_client: Client) -> None:
    assert guest_client.post(WISH, {"wanted": "on"}).url.startswith("/accounts/login/")
    assert not MailWish.objects.exists()


class Broken(EmailBackend):
    """A mail server that raises the error of the test."""

    error: Exception = OSError("the mail server is away")
    asked = 0

    def send_messages(self, messages: Any) -> int:
        type(self).asked += 1
        raise self.error


@pytest.fixture
def broken(settings: Settings) -> Iterator[type[Broken]]:
    settings.EMAIL_BACKEND = f"{__name__}.Broken"
    Broken.asked = 0
    yield Broken
    Broken.error = OSError("the mail server is away")


def test_a_mail_server_that_is_away_loses_no_mail_and_is_left_alone_for_a_while(
    wishing: User, broken: type[Broken], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(wishing)
    told(wishing)
    assert [reconciler.sweep()["mailed"] for _ in range(3)] == [0, 0, 0]
    assert broken.asked == 1 and not Notice.objects.exclude(mailed_at=None).exists()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    monkeypatch.setattr(reconciler.send_mails, "due", 0.0)
    assert reconciler.sweep()["mailed"] == 2


def test_a_mail_that_is_refused_does_not_hold_up_the_others(wishing: User, broken: type[Broken]) -> None:
    broken.error = smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"no such person")})
    told(wishing)
    told(wishing)
    assert [reconciler.sweep()["mailed"] for _ in range(2)] == [0, 0]
    assert broken.asked == 2 and not Notice.objects.filter(mailed_at=None).exists()
