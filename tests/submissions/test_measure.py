"""Measurements of costs: who may start one, how many, and when a worker claims it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from gradus.submissions import queue, services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Run, Slot
from gradus.submissions.services import Refused
from tests import factories


def measure(ada, slug="sea-or-sky", payload=None):
    submission = factories.submit(ada, slug, payload)
    factories.grade(submission)
    return services.measure_attempt(ada, factories.challenge(slug), submission)


def claim(lane="train"):
    return services.claim(lane, worker="there:train:1", profile="cpu")


def test_it_waits_last_in_the_lane_of_training_and_costs_no_attempt(ada, course):
    run = measure(ada)
    assert (run.purpose, run.user, run.measures.user) == ("costs", ada, ada)
    assert (run.current.lane, run.current.fair_share_rank) == ("train", queue.MEASUREMENT_RANK)
    assert Slot.objects.of(limits.ATTEMPTS).count() == 1
    assert not Slot.objects.of(limits.OPEN_RUNS, limits.OPEN_SUBMISSIONS).exists()
    learners = factories.submit(ada, payload=factories.LORA)
    assert claim() == learners.current


def test_it_is_not_claimed_while_something_runs_in_the_lane(ada, bob, course):
    run = measure(ada)
    training = factories.submit(bob, payload=factories.LORA)
    factories.claimed(training)
    assert claim() is None
    services.release(training.current.pk, 1)
    factories.grade(training)
    assert claim() == run.current


def test_a_second_one_of_the_same_attempt_is_the_first_one(ada, course):
    run = measure(ada)
    assert services.measure_attempt(ada, factories.challenge("sea-or-sky"), run.measures) == run
    assert Slot.objects.of(limits.MEASUREMENTS).count() == 1
    factories.grade(run)
    assert services.measure_attempt(ada, factories.challenge("sea-or-sky"), run.measures) != run


def test_a_day_has_only_so_many(ada, course, settings):
    settings.MEASUREMENTS = 1
    measure(ada)
    with pytest.raises(Refused) as refused:
        measure(ada)
    assert (refused.value.code, refused.value.status) == ("too_many_measurements", 429)
    assert Run.objects.count() == Slot.objects.of(limits.MEASUREMENTS).count() == 1 and refused.value.retry_after


def test_an_authors_result_belongs_to_nobody(ada, course):
    run = services.measure_baseline(ada, factories.challenge("sea-or-sky"), "baselines/good.yaml")
    assert (run.user, run.measures, run.label) == (None, None, "baselines/good.yaml")
    assert Slot.objects.of(limits.MEASUREMENTS).get().user == ada
    with pytest.raises(Refused, match="no such result"):
        services.measure_baseline(ada, factories.challenge("sea-or-sky"), "baselines/none.yaml")
    with pytest.raises(Refused, match="nothing to measure"):
        measure(ada, "explain", factories.FREE_TEXT)


def test_others_at_work_are_those_of_the_machine(ada, bob, course):
    run = measure(ada)
    mine = claim()
    assert mine == run.current
    since = timezone.now()
    assert not services.others_at_work(mine.pk, "there", since)
    factories.submit(bob)
    graded = services.claim("grade", worker="there:grade:2", profile="cpu")
    assert services.others_at_work(mine.pk, "there", since) and not services.others_at_work(mine.pk, "elsewhere", since)
    services.record(graded.pk, graded.fence, services.Outcome(result={}, score=0.5))
    assert services.others_at_work(mine.pk, "there", since)
    assert not services.others_at_work(mine.pk, "there", timezone.now() + timedelta(seconds=5))
    assert Evaluation.objects.filter(state="running").get() == mine


def opened(run: Run, measured: str) -> None:
    scope = f"version {run.version.pk}, measured {measured}"
    Slot.objects.create(limit="open_measurement", scope=scope, number=1, allowed=1, run=run)


def test_the_database_holds_one_open_measurement_of_the_same_thing(ada, course):
    run = measure(ada)
    other = Run.objects.create(
        purpose="costs", user=ada, measures=run.measures, version=run.version, kind=run.kind, payload={},
        expires_at=run.expires_at,
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        opened(other, f"attempt {run.measures.pk}")
    for label in ("a.json", "b.json"):
        one = Run.objects.create(
            purpose="costs", label=label, version=run.version, kind=run.kind, payload={}, expires_at=run.expires_at
        )
        opened(one, f"baseline {label}")
    with pytest.raises(IntegrityError), transaction.atomic():
        opened(other, "baseline b.json")
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(purpose="trial")
    services.cancel_run(run)
    assert not Slot.objects.of(limits.OPEN_MEASUREMENT).filter(run=run).exists()
