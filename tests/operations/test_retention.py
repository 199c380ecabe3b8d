"""What is over is deleted, and nothing before its time. Guests, chats and notices have tests with their apps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Model

from gradus import retention
from gradus.accounts.models import LimitCount, User
from gradus.courses.models import Challenge
from gradus.retention import Kept
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Event, ReconcilerStatus, Run, Slot, WorkerStatus
from gradus.submissions.purposes import PURPOSES
from gradus.submissions.services import purpose
from tests import factories

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


def session(ada: User, challenge: Challenge) -> None:
    store = SessionStore()
    store["kept"] = True
    store.save()


def events(ada: User, challenge: Challenge) -> None:
    evaluation = factories.grade(factories.submit(ada))
    # The database writes its own time.
    Evaluation.objects.filter(pk=evaluation.pk).update(finished_at=MOMENT)


def run(name: str) -> Callable[[User, Challenge], None]:
    def make(ada: User, challenge: Challenge) -> None:
        assert challenge.version is not None
        services.cancel_run(services.start_run(ada, challenge.version, factories.PROMPT, purpose=name))

    return make


def measurement(ada: User, challenge: Challenge) -> None:
    factories.grade(services.measure_baseline(ada, challenge, "baselines/good.yaml"))


def worker(ada: User, challenge: Challenge) -> None:
    WorkerStatus.objects.create(name="w", lane="grade", last_seen=MOMENT)


def reconciler(ada: User, challenge: Challenge) -> None:
    ReconcilerStatus.objects.create(name="r", last_run=MOMENT)


@pytest.mark.parametrize(
    ("kept", "make", "model"),
    [
        (retention.SESSIONS, session, Session),
        (retention.EVENTS, events, Event),
        (retention.TRIALS, run("trial"), Run),
        (retention.OTHER_RUNS, run("demo"), Run),
        (retention.OTHER_RUNS, run("baseline"), Run),
        (retention.MEASUREMENTS, measurement, Run),
        (retention.WORKERS, worker, WorkerStatus),
        (retention.RECONCILERS, reconciler, ReconcilerStatus),
    ],
)
def test_each_is_deleted_when_its_time_is_over(
    ada: User, sea_or_sky: Challenge, kept: Kept, make: Callable[[User, Challenge], None], model: type[Model]
) -> None:
    rows: Any = model._default_manager
    with time_machine.travel(MOMENT, tick=False) as clock:
        make(ada, sea_or_sky)
        assert rows.exists()
        clock.move_to(MOMENT + kept.time - A_SECOND)
        retention.carry_out()
        assert rows.exists()
        clock.move_to(MOMENT + kept.time + A_SECOND)
        assert retention.carry_out() and not rows.exists()


def test_a_run_that_goes_on_is_not_deleted(ada: User, sea_or_sky: Challenge) -> None:
    assert sea_or_sky.version is not None
    with time_machine.travel(MOMENT, tick=False) as clock:
        going_on = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
        clock.shift(timedelta(days=91))
        retention.carry_out()
        assert Run.objects.get() == going_on and Slot.objects.get().run == going_on


def test_a_count_goes_when_its_limit_begins_anew(db: None) -> None:
    with time_machine.travel(MOMENT, tick=False) as clock:
        LimitCount.objects.create(cache_key="k", value="v", expires=MOMENT)
        retention.carry_out()
        assert LimitCount.objects.exists()
        clock.shift(A_SECOND)
        retention.carry_out()
        assert not LimitCount.objects.exists()


def test_each_kind_of_run_has_its_time() -> None:
    days = {**dict.fromkeys(PURPOSES, 7), "trial": 90, "costs": 365}
    assert {name: purpose.find(name).kept.time.days for name in PURPOSES} == days
