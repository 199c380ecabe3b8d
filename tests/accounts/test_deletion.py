"""Visitors without an account go some time after their last visit, with everything that is theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.apps import apps
from django.db import IntegrityError, connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from gradus import retention
from gradus.accounts import deletion
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.reviews.models import JudgeCall, Review
from gradus.submissions import services
from gradus.submissions.models import Slot, Submission
from tests import factories
from tests.busy import be_busy
from tests.threads import at_once

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = 60


def of_people() -> list[tuple[type[models.Model], str]]:
    """Each table with a person in it, and the name of the key."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model is User
    ]


def of(user: User) -> dict[str, int]:
    """How many rows of each table are about a person, by the table's and the key's name."""
    counts = {
        f"{model._meta.label}.{key}": model._default_manager.filter(**{key: user.pk}).count()
        for model, key in of_people()
    }
    return {name: count for name, count in counts.items() if count}


def everything() -> dict[str, int]:
    """How many rows each table of ours has."""
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


def sweep_at(moment: datetime) -> None:
    with time_machine.travel(moment, tick=False):
        retention.carry_out()


def test_a_guest_goes_with_everything_sixty_days_after_the_last_visit(course: Course, grace: User, bob: User) -> None:
    with time_machine.travel(BEGAN, tick=False):
        factories.grade(factories.submit(bob))
        before = everything()
        guest = User.objects.create_guest()
        be_busy(guest, grace)
        services.measure_baseline(guest, factories.challenge("sea-or-sky"), "baselines/good.yaml")
        assert {name.partition(".")[2] for name in of(guest)} >= {
            "Submission.user", "Run.user", "Slot.user", "ChatMessage.user", "Contribution.user", "ProblemReport.user",
            "PairChoice.user", "Answer.user", "Notice.user", "Standing.user", "HintsTaken.user",
        }  # fmt: skip
        review = Review.objects.get()
        JudgeCall.objects.create(evaluation=review.evaluation, key="k", template="t", model="m", rung="r", request={})
    kept = Submission.objects.filter(user=guest).count()

    # A visit within an hour of the noted one is not written, so that hour is waited for.
    sweep_at(BEGAN + timedelta(days=DAYS, hours=1))
    assert User.objects.filter(pk=guest.pk).exists() and Submission.objects.filter(user=guest).count() == kept
    sweep_at(BEGAN + timedelta(days=DAYS, hours=1, seconds=1))
    assert not User.objects.filter(pk=guest.pk).exists() and of(guest) == {}
    after = everything()
    # The measurement is of the author's result and goes on, and the log of staff names the answer to the report.
    stays = {"submissions.Run": 1, "submissions.Evaluation": 1, "submissions.Slot": 1, "accounts.StaffAction": 1}
    # What is Bob's of these is over as well.
    expired = {"submissions.Event", "notices.Notice"}
    differing = {name: after[name] - count for name, count in before.items() if after[name] != count}
    assert {name: count for name, count in differing.items() if name not in expired} == stays


def test_a_visit_keeps_a_guest_and_its_session(course: Course, settings: Settings) -> None:
    browser = Client()
    with time_machine.travel(BEGAN, tick=False) as clock:
        browser.post("/challenges/sea-or-sky/submit", {"kind": "prompt", "instructions": "x"})
        guest = User.objects.get()
        assert guest.is_guest and browser.session.get_expiry_age() == DAYS * 86_400
        clock.shift(timedelta(days=DAYS - 1))
        assert browser.get("/challenges/sea-or-sky/").context["learner"] == guest
        guest.refresh_from_db()
        assert guest.last_visit == BEGAN + timedelta(days=DAYS - 1)
        assert browser.session.get_expiry_age() == DAYS * 86_400
    sweep_at(BEGAN + timedelta(days=2 * DAYS - 1))
    assert User.objects.filter(pk=guest.pk).exists()
    sweep_at(BEGAN + timedelta(days=2 * DAYS - 1, hours=2))
    assert not User.objects.exists()
    with time_machine.travel(BEGAN + timedelta(days=2 * DAYS, hours=1), tick=False):
        answer = browser.get("/challenges/sea-or-sky/")
        assert answer.status_code == 200 and answer.context["learner"] is None


def test_one_visit_of_an_hour_is_written(course: Course, guest_client: Client) -> None:
    def writes() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert guest_client.get("/").status_code == 200
        return sum(query["sql"].startswith("UPDATE") and "accounts_user" in query["sql"] for query in queries)

    assert writes() == 0
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False):
        assert (writes(), writes()) == (1, 0)


def test_the_setting_is_the_time(guest: User, settings: Settings) -> None:
    settings.GUEST_DAYS = 7
    today = datetime.now(UTC)
    sweep_at(today + timedelta(days=7))
    assert User.objects.exists()
    sweep_at(today + timedelta(days=7, hours=2))
    assert not User.objects.exists()


def test_who_signs_up_is_no_guest_and_stays(course: Course) -> None:
    browser = Client()
    with time_machine.travel(BEGAN, tick=False):
        browser.post("/challenges/sea-or-sky/submit", {"kind": "prompt", "instructions": "x"})
        given = {"email": "eva@example.org", "password1": factories.PASSWORD, "password2": factories.PASSWORD}
        assert browser.post("/accounts/signup/", given).status_code == 302
        assert browser.session.get_expiry_age() < DAYS * 86_400
    eva = User.objects.get()
    assert not eva.is_guest and eva.last_visit is None
    sweep_at(BEGAN + timedelta(days=10 * DAYS))
    assert User.objects.get() == eva and Submission.objects.filter(user=eva).exists()


def test_a_round_deletes_only_so_many(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "AT_ONCE", 2)
    with time_machine.travel(BEGAN, tick=False):
        for _ in range(3):
            User.objects.create_guest()
    for left in (1, 0):
        sweep_at(BEGAN + timedelta(days=DAYS + 1))
        assert User.objects.count() == left


def test_a_guest_that_the_database_keeps_holds_up_no_other(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with time_machine.travel(BEGAN, tick=False):
        first, _ = User.objects.create_guest(), User.objects.create_guest()
    delete_one = deletion.delete_guest

    def refuse(user: User) -> None:
        if user == first:
            raise IntegrityError("a rule")
        delete_one(user)

    monkeypatch.setattr(deletion, "delete_guest", refuse)
    sweep_at(BEGAN + timedelta(days=DAYS + 1))
    assert User.objects.get() == first


@pytest.mark.django_db(transaction=True)
def test_a_visit_beside_the_sweep_finds_a_whole_guest_or_none(course: Course) -> None:
    with time_machine.travel(BEGAN, tick=False):
        browser = Client()
        browser.post("/challenges/sea-or-sky/submit", {"kind": "prompt", "instructions": "x"})
    later = BEGAN + timedelta(days=DAYS + 1)
    session = browser.session
    session.set_expiry(timedelta(days=10 * DAYS))
    session.save()

    def act(number: int) -> int:
        if number % 2:
            retention.carry_out()
            return 200
        other = Client()
        other.cookies["sessionid"] = browser.cookies["sessionid"].value
        return other.get("/challenges/sea-or-sky/").status_code

    with time_machine.travel(later, tick=True):
        assert set(at_once(act, 8)) == {200}
        guest = User.objects.first()
        if guest is None:
            assert not Submission.objects.exists() and not Slot.objects.exists()
        else:
            assert guest.last_visit >= later and Submission.objects.get().user == guest


def test_a_guest_reads_when_what_it_did_is_deleted(course: Course, guest_client: Client, settings: Settings) -> None:
    assert "It is deleted 60 days after your last visit." in guest_client.get("/path/").content.decode()
    settings.GUEST_DAYS = 1
    assert "It is deleted 1 day after your last visit." in guest_client.get("/path/").content.decode()
