"""Limits are slots: exact under parallel requests, given back in every way, and never kept for ever."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reconciling import invariants, reconciler
from gradus.submissions import services
from gradus.submissions.budgets import limits, slots
from gradus.submissions.models import Evaluation, Refund, Run, Slot, Submission
from gradus.submissions.services import Refused
from gradus.submissions.states import MAX_ATTEMPTS
from tests import factories
from tests.threads import at_once

GIVEN_BACK_RUNNING, OPEN_RUNS = 2, 6


def code_of(work: Callable[[], object]) -> str:
    try:
        work()
    except Refused as refused:
        return refused.code
    return "taken"


def submit(user: User, challenge: Challenge, **options: Any) -> Submission:
    return services.submit(user, challenge, factories.PROMPT, idempotency_key=uuid.uuid4().hex, **options)[0]


def expire(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(lease_until=timezone.now() - timedelta(days=1))


# --- giving back ------------------------------------------------------------------------------------------------


def cancelled_while_queued(submission: Submission) -> None:
    services.cancel(submission)


def cancelled_while_running(submission: Submission) -> None:
    factories.claimed(submission)
    services.cancel(submission)


def rejected(owner: Submission | Run, code: str = "timeout") -> None:
    evaluation = factories.claimed(owner)
    services.reject(evaluation.pk, evaluation.fence, code)


def lost(owner: Submission | Run) -> None:
    for _ in range(MAX_ATTEMPTS):
        expire(factories.claimed(owner))
        reconciler.sweep()
    reconciler.sweep()


WAYS: dict[str, Callable[[Submission], None]] = {
    "cancelled": cancelled_while_queued,
    "cancelled_running": cancelled_while_running,
    "internal": lambda submission: rejected(submission, "internal"),
    "bundle_missing": lambda submission: rejected(submission, "bundle_missing"),
    "timeout": rejected,
    "worker_lost": lost,
}


@pytest.mark.parametrize("reason", WAYS)
def test_a_guests_attempt_is_given_back_in_every_way(
    guest: User, guest_client: Client, sea_or_sky: Challenge, settings: Settings, reason: str
) -> None:
    submission = submit(guest, sea_or_sky, network="n")
    assert Slot.objects.of(*limits.OF_A_SUBMISSION).count() == 4
    WAYS[reason](submission)
    assert Refund.objects.get().reason == reason
    assert not Slot.objects.of(*limits.OF_A_SUBMISSION).exists()
    page = guest_client.get("/challenges/sea-or-sky/").content.decode()
    assert f"<strong>{settings.GUEST_SUBMISSIONS}</strong> attempts left without an account" in page

    for _ in range(settings.GUEST_SUBMISSIONS):
        factories.grade(submit(guest, sea_or_sky))
    assert code_of(lambda: submit(guest, sea_or_sky)) == "guest_limit"
    assert invariants.everywhere() == {}


def test_the_learners_fault_keeps_both_slots(guest: User, sea_or_sky: Challenge) -> None:
    submission = submit(guest, sea_or_sky)
    rejected(submission, "prompt_too_long")
    assert (submission.current.state, submission.current.error_code) == ("rejected", "prompt_too_long")
    assert "remove examples" in submission.current.message
    assert set(submission.slots.values_list("limit", flat=True)) == {"guest_attempts", "attempts"}
    assert not Refund.objects.exists()


def test_a_late_cancel_keeps_both_slots(guest: User, sea_or_sky: Challenge, settings: Settings) -> None:
    for _ in range(GIVEN_BACK_RUNNING + 1):
        cancelled_while_running(last := submit(guest, sea_or_sky))
    assert last.current.error_code == "cancelled_late"
    assert (
        Slot.objects.of(limits.GUEST_ATTEMPTS).get().submission
        == Slot.objects.of(limits.ATTEMPTS).get().submission
        == last
    )


# --- exactly the limit ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_parallel_runs_take_exactly_the_limit(ada: User, sea_or_sky: Challenge) -> None:
    version = sea_or_sky.version
    assert version is not None
    codes = at_once(lambda n: code_of(lambda: services.start_run(ada, version, factories.PROMPT)), 24)
    assert codes.count("taken") == OPEN_RUNS and set(codes) == {"taken", "too_many_runs"}
    assert Run.objects.count() == Slot.objects.of(limits.OPEN_RUNS).count() == Evaluation.objects.count() == OPEN_RUNS
    assert sorted(Slot.objects.of(limits.OPEN_RUNS).values_list("number", flat=True)) == list(range(1, OPEN_RUNS + 1))


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
    assert Slot.objects.of(limits.CANCELLED_RUNNING).count() == Refund.objects.count() == GIVEN_BACK_RUNNING
    assert (
        Slot.objects.of(limits.ATTEMPTS).count() == 8 - GIVEN_BACK_RUNNING
        and not Slot.objects.of(limits.OPEN_SUBMISSIONS).exists()
    )


@pytest.mark.django_db(transaction=True)
def test_parallel_submits_of_a_guest_take_exactly_the_limit(
    guest: User, sea_or_sky: Challenge, settings: Settings
) -> None:
    settings.IN_FLIGHT = 8
    codes = at_once(lambda n: code_of(lambda: submit(guest, sea_or_sky)), 16)
    assert codes.count("taken") == settings.GUEST_SUBMISSIONS and set(codes) == {"taken", "guest_limit"}
    assert Slot.objects.of(limits.GUEST_ATTEMPTS).count() == Submission.objects.count() == settings.GUEST_SUBMISSIONS


# --- a run's slot -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [factories.grade, rejected, lost, services.cancel_run])
def test_the_end_of_a_run_frees_its_slot(ada: User, sea_or_sky: Challenge, end: Callable[[Run], Any]) -> None:
    assert sea_or_sky.version is not None
    made = [services.start_run(ada, sea_or_sky.version, factories.PROMPT) for _ in range(OPEN_RUNS)]
    assert code_of(lambda: services.start_run(ada, sea_or_sky.version, factories.PROMPT)) == "too_many_runs"  # type: ignore[arg-type]
    services.start_run(None, sea_or_sky.version, factories.PROMPT)
    assert Slot.objects.of(limits.OPEN_RUNS).count() == OPEN_RUNS, "a run of nobody takes no slot"
    end(made[0])
    assert not Slot.objects.of(limits.OPEN_RUNS).filter(run=made[0]).exists()
    assert services.start_run(ada, sea_or_sky.version, factories.PROMPT).slots.get().number == 1
    assert invariants.everywhere() == {}


# --- limits that settings change --------------------------------------------------------------------------------


def test_limits_that_a_setting_raises_hold_at_the_new_number(
    guest: User, guest_client: Client, sea_or_sky: Challenge, settings: Settings
) -> None:
    submit(guest, sea_or_sky)
    settings.GUEST_SUBMISSIONS, settings.IN_FLIGHT = 5, 4
    form = {"kind": "prompt", "instructions": "x"}
    answers = [guest_client.post("/challenges/sea-or-sky/submit", form).status_code for _ in range(4)]
    assert answers == [302, 302, 302, 429]
    opened = Slot.objects.of(limits.OPEN_SUBMISSIONS).order_by("number").values_list("number", "allowed")
    assert list(opened) == [(1, 2), (2, 4), (3, 4), (4, 4)]
    factories.grade(Submission.objects.order_by("pk")[0])
    submit(guest, sea_or_sky)
    factories.grade(Submission.objects.order_by("pk")[1])
    assert code_of(lambda: submit(guest, sea_or_sky)) == "guest_limit"
    taken = Slot.objects.of(limits.GUEST_ATTEMPTS).order_by("number").values_list("number", "allowed")
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
    assert Slot.objects.of(limits.ATTEMPTS).count() == 4
    factories.grade(made[2])
    assert code_of(lambda: submit(ada, sea_or_sky)) == "taken"


# What points at its slot is tried with it, granted attempts with the dates of classes, and budgets by themselves.
ELSEWHERE = (limits.REPORTS, limits.SETS, limits.CHAT_MESSAGES, limits.OPEN_CHATS, limits.GRANTED_ATTEMPTS)
ELSEWHERE += (limits.CLASS_ATTEMPTS, limits.COURSE_ATTEMPTS)
TAKEN = [one for one in limits.ALL if one not in ELSEWHERE]


@pytest.mark.parametrize("limit", TAKEN, ids=lambda limit: limit.name)
def test_the_database_refuses_a_slot_beyond_what_was_allowed(
    guest: User, sea_or_sky: Challenge, limit: limits.Limit
) -> None:
    cancelled_while_running(submit(guest, sea_or_sky))
    cancelled_while_queued(submit(guest, sea_or_sky))
    services.submit(guest, sea_or_sky, factories.PROMPT, idempotency_key="a", network="n")
    assert sea_or_sky.version is not None
    services.start_run(guest, sea_or_sky.version, factories.PROMPT)
    services.measure_baseline(guest, sea_or_sky, "baselines/good.yaml")
    assert Slot.objects.of(limit).count() == 1
    for number in (0, 99):
        with pytest.raises(IntegrityError), transaction.atomic():
            Slot.objects.of(limit).update(number=number)


@pytest.mark.parametrize("wrong", [
    {"limit": "open_chats"},
    {"user": None, "scope": ""},
    {"submission": None},
    {"number": 1},
])  # fmt: skip
def test_the_database_refuses_what_no_limit_allows(
    ada: User, bob: User, sea_or_sky: Challenge, wrong: dict[str, Any]
) -> None:
    """A chat beside another, a use by nobody of nothing, a use of nothing, a number that is in use."""
    for _ in range(2):
        submit(ada, sea_or_sky)
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.of(limits.ATTEMPTS).filter(number=2).update(**wrong)


@pytest.mark.parametrize(("one", "other"), [
    (limits.CANCELLED_RUNNING, limits.CANCELLED_WAITING),
    (limits.CANCELLED_WAITING, limits.CANCELLED_WAITING),
    (limits.ATTEMPTS, limits.ATTEMPTS),
])  # fmt: skip
def test_a_submission_has_one_slot_of_a_limit_and_a_run_is_open_once(
    ada: User, sea_or_sky: Challenge, one: limits.Limit, other: limits.Limit
) -> None:
    submission = submit(ada, sea_or_sky)
    use = limits.Use(user=ada, challenge=sea_or_sky)
    with pytest.raises(IntegrityError), transaction.atomic():
        for limit in (one, other):
            slots.take_if_free(limit, use, submission=submission)
    assert sea_or_sky.version is not None
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    with pytest.raises(IntegrityError), transaction.atomic():
        slots.take(limits.OPEN_CHATS, limits.Use(user=ada), run=run)


def test_a_new_limit_of_submissions_is_an_entry(
    ada: User, sea_or_sky: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota of a course's lesson, in the words of whoever adds it."""
    of_lesson = limits.Limit(
        "lesson_attempts",
        limits.Period.DAY,
        lambda use: 1,
        per=("user", "lesson"),
        each_submission=True,
        given_back=True,
        code="lesson_limit",
        words="%(count)s attempt at this lesson a day, in the time of %(zone)s.",
    )
    for name in ("OF_A_SUBMISSION", "GIVEN_BACK"):
        monkeypatch.setattr(limits, name, (*getattr(limits, name), of_lesson))
    cancelled_while_queued(submit(ada, sea_or_sky))
    submit(ada, sea_or_sky)
    with pytest.raises(Refused, match="1 attempt at this lesson a day, in the time of UTC") as refused:
        submit(ada, sea_or_sky)
    assert (refused.value.code, refused.value.status) == ("lesson_limit", 429) and refused.value.retry_after


# --- orphans ----------------------------------------------------------------------------------------------------


def test_slots_that_a_fault_left_behind_are_told_and_freed(ada: User, guest: User, sea_or_sky: Challenge) -> None:
    assert sea_or_sky.version is not None
    ended, run = submit(ada, sea_or_sky), services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    factories.grade(ended)
    factories.grade(run)
    Slot.objects.create(limit="open_submissions", user=ada, number=1, allowed=2, submission=ended)
    Slot.objects.create(limit="open_runs", user=ada, number=1, allowed=6, run=run)
    waiting, going = submit(guest, sea_or_sky), services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert invariants.everywhere() == invariants.lately() == {"in_flight_without_open": 1, "run_slot_without_open": 1}
    assert reconciler.sweep()["freed"] == 2
    assert Slot.objects.of(limits.OPEN_SUBMISSIONS).get().submission == waiting
    assert Slot.objects.of(limits.OPEN_RUNS).get().run == going
    assert reconciler.sweep()["freed"] == 0 and invariants.everywhere() == {}
    # The slot of a guest that a refund left is told and not freed.
    services.cancel(waiting)
    Slot.objects.create(limit="guest_attempts", user=guest, number=1, allowed=3, submission=waiting)
    assert invariants.lately() == invariants.everywhere() == {"guest_slot_after_refund": 1}
