"""All visitors of a network together have so many attempts at a challenge graded in a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.utils import timezone

from gradus import retention
from gradus.accounts.models import ApiToken, ExemptNetwork, User
from gradus.accounts.rate_limits import hashed_network
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Slot, Submission
from tests import factories

SUBMIT, CALL = "/challenges/sea-or-sky/submit", "/api/v1/challenges/sea-or-sky/submissions"
FORM = {"kind": "prompt", "instructions": "Sea or sky?"}


def graded_as_guest(address: str) -> Any:
    """The answer to an attempt of a new visitor. What was taken is graded, so that nothing is in flight."""
    answer = Client(REMOTE_ADDR=address).post(SUBMIT, FORM)
    for waiting in Submission.objects.filter(evaluations__state="queued"):
        factories.grade(waiting)
    return answer


def test_twelve_guests_of_one_network_share_its_attempts(sea_or_sky, settings) -> None:
    """Twelve guests made 24 graded attempts at one challenge before."""
    settings.NETWORK_ATTEMPTS = 12
    answers = [graded_as_guest(f"203.0.113.{number % 12 + 1}") for number in range(24)]
    most = max(12, sea_or_sky.spec.limits.attempts_per_day)
    assert [one.status_code for one in answers] == [302] * most + [429] * (24 - most)
    assert (
        Submission.objects.count()
        == Slot.objects.of(limits.NETWORK_ATTEMPTS).count()
        == Evaluation.objects.count()
        == most
    )
    refused = answers[-1]
    assert int(refused["Retry-After"]) > 0 and "ask the people who run this site" in refused.content.decode()
    assert graded_as_guest("198.51.100.1").status_code == 302


def test_the_api_counts_accounts_too_and_says_network_limit(ada, bob, sea_or_sky, settings) -> None:
    settings.NETWORK_ATTEMPTS = 1
    most = sea_or_sky.spec.limits.attempts_per_day
    client = Client(REMOTE_ADDR="203.0.113.9")
    answers = []
    for user in (ada, bob):
        headers = {"Authorization": f"Bearer {ApiToken.issue(user, 'tests')[1]}"}
        for _ in range(most):
            answers.append(client.post(CALL, factories.PROMPT, content_type="application/json", headers=headers))
            if answers[-1].status_code == 201:
                factories.grade(Submission.objects.get(uuid=answers[-1]["Location"].split("/")[-1]))
    assert [one.status_code for one in answers] == [201] * most + [429] * most
    assert answers[-1].json()["code"] == "network_limit" and int(answers[-1]["Retry-After"]) > 0
    assert Slot.objects.of(limits.ATTEMPTS).filter(user=bob).count() == 0


def test_an_exempt_network_is_not_counted(sea_or_sky, settings) -> None:
    settings.NETWORK_ATTEMPTS = 1
    ExemptNetwork.objects.create(network="203.0.113.0/24", until=timezone.now() + timedelta(days=1), note="Room 12")
    most = sea_or_sky.spec.limits.attempts_per_day
    assert {graded_as_guest("203.0.113.7").status_code for _ in range(most + 2)} == {302}
    assert not Slot.objects.of(limits.NETWORK_ATTEMPTS).exists()


def test_the_database_holds_one_attempt_in_a_slot(ada, bob, sea_or_sky) -> None:
    for user in (ada, bob):
        services.submit(user, sea_or_sky, factories.PROMPT, idempotency_key="a", network="n")
    first, second = Slot.objects.of(limits.NETWORK_ATTEMPTS).order_by("number")
    for wrong in ({"number": first.number}, {"number": second.allowed + 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Slot.objects.of(limits.NETWORK_ATTEMPTS).filter(pk=second.pk).update(**wrong)


def hashed(address: str, day: str = "2026-11-27") -> str:
    return hashed_network(RequestFactory(REMOTE_ADDR=address).get("/"), date.fromisoformat(day))


def test_a_network_is_hashed_with_the_day(db) -> None:
    assert hashed("203.0.113.7") == hashed("203.0.113.250") == hashed("::ffff:203.0.113.9")
    assert hashed("2001:db8:1:2::1") == hashed("2001:db8:1:2:ffff::9")
    others = [hashed("203.0.114.7"), hashed("203.0.113.7", "2026-11-28"), hashed("2001:db8:1:3::1")]
    assert len({hashed("203.0.113.7"), *others}) == 4 and all(len(one) == 64 for one in others)
    assert hashed("127.0.0.1") == hashed("::1") == hashed("") == ""


def test_old_rows_are_deleted(ada, sea_or_sky) -> None:
    with time_machine.travel("2026-11-20 10:00", tick=False):
        services.submit(ada, sea_or_sky, factories.PROMPT, idempotency_key="a", network="n")
    with time_machine.travel("2026-11-22 10:00", tick=False):
        retention.carry_out()
        assert Slot.objects.of(limits.NETWORK_ATTEMPTS).count() == 1
    with time_machine.travel("2026-11-23 10:00", tick=False):
        retention.carry_out()
        assert Slot.objects.of(limits.NETWORK_ATTEMPTS).count() == 0


def test_operators_see_the_limit_and_how_often_it_was_reached(ada: User, sea_or_sky, grace_client, settings) -> None:
    settings.NETWORK_ATTEMPTS = 1
    most = sea_or_sky.spec.limits.attempts_per_day
    for number in range(most):
        assert "used up 0 times" in grace_client.get("/admin/health/").content.decode()
        made, _ = services.submit(ada, sea_or_sky, factories.PROMPT, idempotency_key=str(number), network="n")
        factories.grade(made)
    page = grace_client.get("/admin/health/").content.decode()
    assert "may have 1 attempt at a challenge" in page and "used up 1 time today" in page
