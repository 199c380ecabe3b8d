"""Limits are slots: exact under parallel requests, given back in every way, and never kept for ever."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import services
from gradus.submissions.models import (
    CancelSlot,
    Evaluation,
    GuestSlot,
    InFlight,
    MeasurementSlot,
    QuotaSlot,
    Refund,
    Run,
    RunSlot,
    Submission,
)
from gradus.submissions.services import Refused, runs
from gradus.submissions.states import MAX_ATTEMPTS
from tests import factories
from tests.threads import at_once
from workers import invariants, reconciler

GIVEN_BACK_RUNNING = 2


def code_of(work: Callable[[], object]) -> str:
    try:
        work()
    except Refused as refused:
        return refused.code
    return "taken"


def submit(user: User, challenge: Challenge) -> Submission:
    return services.submit(user, challenge, factories.PROMPT, idempotency_key=uuid.uuid4().hex)[0]


def expire(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(lease_until=timezone.now() - timedelta(days=1))


# --- giving back ------------------------------------------------------------------------------------------------


def cancelled_while_queued(submission: Submission) -> None:
    services.cancel(submission)


def cancelled_while_running(submission: Submission) -> None:
    factories.claimed(submission)
    services.cancel(submission)


def failed(submission: Submission) -> None:
    evaluation = factories.claimed(submission)
    services.reject(evaluation.pk, evaluation.fence, "internal")


def without_its_bundle(submission: Submission) -> None:
    evaluation = factories.claimed(submission)
    services.reject(evaluation.pk, evaluation.fence, "bundle_missing")


def lost_in_each_attempt(submission: Submission) -> None:
    for _ in range(MAX_ATTEMPTS):
        expire(factories.claimed(submission))
        reconciler.sweep()
    reconciler.sweep()


def out_of_time(submission: Submission) -> None:
    evaluation = factories.claimed(submission)
    services.reject(evaluation.pk, evaluation.fence, "timeout")


WAYS = {
    "cancelled": cancelled_while_queued,
    "cancelled_running": cancelled_while_running,
    "internal": failed,
    "bundle_missing": without_its_bundle,
    "timeout": out_of_time,
    "worker_lost": lost_in_each_attempt,
}


@pytest.mark.parametrize("reason", WAYS)
def test_a_guests_attempt_is_given_back_in_every_way(
    guest: User, guest_client: Client, sea_or_sky: Challenge, settings: Settings, reason: str
) -> None:
    submission = submit(guest, sea_or_sky)
    WAYS[reason](submission)
    assert Refund.objects.get().reason == reason
    assert not GuestSlot.objects.exists() and not QuotaSlot.objects.exists() and not InFlight.objects.exists()
    page = guest_client.get("/challenges/sea-or-sky/").content.decode()
    assert f"<strong>{settings.GUEST_SUBMISSIONS}</strong> attempts left without an account" in page

    for _ in range(settings.GUEST_SUBMISSIONS):
        factories.grade(submit(guest, sea_or_sky))
    assert code_of(lambda: submit(guest, sea_or_sky)) == "guest_limit"
    assert invariants.everywhere() == {}


def test_an_attempt_that_counts_keeps_both_slots(guest: User, sea_or_sky: Challenge) -> None:
    evaluation = factories.claimed(submit(guest, sea_or_sky))
    services.reject(evaluation.pk, evaluation.fence, "prompt_too_long")
    assert (GuestSlot.objects.count(), QuotaSlot.objects.count(), Refund.objects.count()) == (1, 1, 0)


def test_a_late_cancel_keeps_both_slots(guest: User, sea_or_sky: Challenge, settings: Settings) -> None:
    for _ in range(GIVEN_BACK_RUNNING + 1):
        cancelled_while_running(last := submit(guest, sea_or_sky))
    assert last.current.error_code == "cancelled_late"
    assert GuestSlot.objects.get().submission == QuotaSlot.objects.get().submission == last


# --- exactly the limit ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_parallel_runs_take_exactly_the_limit(ada: User, sea_or_sky: Challenge) -> None:
    version = sea_or_sky.version
    assert version is not None
    codes = at_once(lambda n: code_of(lambda: services.start_run(ada, version, factories.PROMPT)), 24)
    assert codes.count("taken") == runs.OPEN_RUNS and set(codes) == {"taken", "too_many_runs"}
    assert Run.objects.count() == RunSlot.objects.count() == Evaluation.objects.count() == runs.OPEN_RUNS
    assert sorted(RunSlot.objects.values_list("slot", flat=True)) == list(range(1, runs.OPEN_RUNS + 1))


@pytest.mark.django_db(transaction=True)
def test_parallel_cancels_of_running_attempts_give_back_exactly_the_limit(
    ada: User, sea_or_sky: Challenge, settings: Settings
) -> None:
    settings.IN_FLIGHT = 8
    running = [submit(ada, sea_or_sky) for _ in range(8)]
    for _ in running:
        assert services.claim("grade", worker="w", profile="p") is not None
    at_once(lambda n: services.cancel(running[n]), 8)
    codes = [submission.current.error_code for submission in running]
    assert sorted(codes) == ["cancelled"] * GIVEN_BACK_RUNNING + ["cancelled_late"] * (8 - GIVEN_BACK_RUNNING)
    assert CancelSlot.objects.count() == Refund.objects.count() == GIVEN_BACK_RUNNING
    assert QuotaSlot.objects.count() == 8 - GIVEN_BACK_RUNNING and not InFlight.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_parallel_submits_of_a_guest_take_exactly_the_limit(
    guest: User, sea_or_sky: Challenge, settings: Settings
) -> None:
    settings.IN_FLIGHT = 8
    codes = at_once(lambda n: code_of(lambda: submit(guest, sea_or_sky)), 16)
    assert codes.count("taken") == settings.GUEST_SUBMISSIONS and set(codes) == {"taken", "guest_limit"}
    assert GuestSlot.objects.count() == Submission.objects.count() == settings.GUEST_SUBMISSIONS


# --- a run's slot -----------------------------------------------------------------------------------------------


def recorded(run: Run) -> None:
    factories.grade(run)


def rejected(run: Run) -> None:
    evaluation = factories.claimed(run)
    services.reject(evaluation.pk, evaluation.fence, "timeout")


def lost(run: Run) -> None:
    for _ in range(MAX_ATTEMPTS):
        expire(factories.claimed(run))
        reconciler.sweep()
    reconciler.sweep()


@pytest.mark.parametrize("end", [recorded, rejected, lost])
def test_the_end_of_a_run_frees_its_slot(ada: User, sea_or_sky: Challenge, end: Callable[[Run], None]) -> None:
    assert sea_or_sky.version is not None
    made = [services.start_run(ada, sea_or_sky.version, factories.PROMPT) for _ in range(runs.OPEN_RUNS)]
    assert code_of(lambda: services.start_run(ada, sea_or_sky.version, factories.PROMPT)) == "too_many_runs"  # type: ignore[arg-type]
    end(made[0])
    assert not RunSlot.objects.filter(run=made[0]).exists()
    assert services.start_run(ada, sea_or_sky.version, factories.PROMPT).slot.slot == 1
    assert invariants.everywhere() == {}


def test_a_run_of_nobody_takes_no_slot(sea_or_sky: Challenge) -> None:
    assert sea_or_sky.version is not None
    for _ in range(runs.OPEN_RUNS + 1):
        services.start_run(None, sea_or_sky.version, factories.PROMPT)
    assert not RunSlot.objects.exists()


# --- limits that settings change --------------------------------------------------------------------------------


def test_limits_that_a_setting_raises_hold_at_the_new_number(
    guest: User, guest_client: Client, sea_or_sky: Challenge, settings: Settings
) -> None:
    submit(guest, sea_or_sky)
    settings.GUEST_SUBMISSIONS, settings.IN_FLIGHT = 5, 4
    form = {"kind": "prompt", "instructions": "x"}
    answers = [guest_client.post("/challenges/sea-or-sky/submit", form).status_code for _ in range(4)]
    assert answers == [302, 302, 302, 429]
    assert list(InFlight.objects.order_by("slot").values_list("slot", "allowed")) == [(1, 2), (2, 4), (3, 4), (4, 4)]
    factories.grade(Submission.objects.order_by("pk")[0])
    submit(guest, sea_or_sky)
    factories.grade(Submission.objects.order_by("pk")[1])
    assert code_of(lambda: submit(guest, sea_or_sky)) == "guest_limit"
    taken = GuestSlot.objects.order_by("slot").values_list("slot", "allowed")
    assert list(taken) == [(1, 3), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_a_limit_that_a_setting_lowers_counts_what_is_open(
    ada: User, sea_or_sky: Challenge, settings: Settings
) -> None:
    settings.IN_FLIGHT = 4
    made = [submit(ada, sea_or_sky) for _ in range(4)]
    settings.IN_FLIGHT = 2
    for submission in made[:2]:
        factories.grade(submission)
    assert code_of(lambda: submit(ada, sea_or_sky)) == "in_flight"
    factories.grade(made[2])
    assert code_of(lambda: submit(ada, sea_or_sky)) == "taken"


@pytest.mark.parametrize("model", [QuotaSlot, GuestSlot, InFlight, RunSlot, CancelSlot, MeasurementSlot])
def test_the_database_refuses_a_slot_beyond_what_was_allowed(guest: User, sea_or_sky: Challenge, model: type) -> None:
    cancelled_while_running(submit(guest, sea_or_sky))
    submit(guest, sea_or_sky)
    assert sea_or_sky.version is not None
    services.start_run(guest, sea_or_sky.version, factories.PROMPT)
    services.measure_baseline(guest, sea_or_sky, "baselines/good.yaml")
    for slot in (0, 99):
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.update(slot=slot)  # type: ignore[attr-defined]


# --- orphans ----------------------------------------------------------------------------------------------------


def test_slots_that_a_fault_left_behind_are_told_and_freed(ada: User, guest: User, sea_or_sky: Challenge) -> None:
    assert sea_or_sky.version is not None
    ended, run = submit(ada, sea_or_sky), services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    factories.grade(ended)
    factories.grade(run)
    InFlight.objects.create(user=ada, slot=1, allowed=2, submission=ended)
    RunSlot.objects.create(user=ada, slot=1, allowed=6, run=run)
    waiting, going = submit(guest, sea_or_sky), services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert invariants.everywhere() == invariants.lately() == {"in_flight_without_open": 1, "run_slot_without_open": 1}
    assert reconciler.sweep()["freed"] == 2
    assert (InFlight.objects.get().submission, RunSlot.objects.get().run) == (waiting, going)
    assert reconciler.sweep()["freed"] == 0 and invariants.everywhere() == {}


def test_a_guest_slot_that_a_refund_left_is_told(guest: User, sea_or_sky: Challenge) -> None:
    submission = submit(guest, sea_or_sky)
    services.cancel(submission)
    GuestSlot.objects.create(user=guest, slot=1, allowed=3, submission=submission)
    assert invariants.lately() == invariants.everywhere() == {"guest_slot_after_refund": 1}
