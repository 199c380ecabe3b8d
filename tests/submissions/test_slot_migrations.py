"""The slots of eight tables, of reports, of chats and of sets of a finding move to one table, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Slot
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [
    ("submissions", "0009_limit_networks_and_measurements"),
    ("reports", "0001_initial"),
    ("chats", "0001_chat_messages"),
    ("laboratory", "0001_contributions_and_predictions"),
]
DAY = timezone.now().date()
Move = Callable[[list[tuple[str, str]]], Any]


@pytest.fixture
def move() -> Iterator[Move]:
    """Migrates to a state and returns its models; at the end, all migrations are applied again."""

    def to(targets: list[tuple[str, str]]) -> Any:
        executor = MigrationExecutor(connection)
        executor.migrate(targets)
        return MigrationExecutor(connection).loader.project_state(targets).apps

    yield to
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def store(apps: Any, ada: User, challenge: Challenge) -> None:
    """A row in each of the old tables, with two numbers where a limit counts a day."""

    def rows(app: str, name: str) -> Any:
        return apps.get_model(app, name).objects

    def submission(n: int) -> Any:
        values = {"kind": "prompt", "payload": {}, "payload_sha256": "", "idempotency_key": f"key-{n}"}
        return rows("submissions", "Submission").create(
            user_id=ada.pk, challenge_id=challenge.pk, version_id=challenge.version_id, **values
        )

    def run(**values: Any) -> Any:
        return rows("submissions", "Run").create(
            version_id=challenge.version_id, kind="prompt", payload={}, expires_at=timezone.now(), **values
        )

    first, second = submission(1), submission(2)
    for number, one in ((1, first), (2, second)):
        of_day = {"day": DAY, "slot": number, "submission": one}
        rows("submissions", "QuotaSlot").create(user_id=ada.pk, challenge_id=challenge.pk, allowed=10, **of_day)
        rows("submissions", "NetworkSlot").create(network="f" * 64, challenge_id=challenge.pk, allowed=200, **of_day)
        rows("submissions", "GuestSlot").create(user_id=ada.pk, slot=number, allowed=3, submission=one)
    rows("submissions", "InFlight").create(user_id=ada.pk, slot=2, allowed=2, submission=second)
    for submitted, was_running, number in ((first, True, 2), (second, False, 1)):
        rows("submissions", "CancelSlot").create(
            user_id=ada.pk, day=DAY, was_running=was_running, slot=number, allowed=10, submission=submitted
        )
    trial, chat = run(user_id=ada.pk), run(user_id=ada.pk, purpose="chat")
    rows("submissions", "RunSlot").create(user_id=ada.pk, slot=3, allowed=6, run=trial)
    rows("submissions", "RunSlot").create(user_id=ada.pk, is_chat=True, slot=1, allowed=1, run=chat)
    version = {"version_id": challenge.version_id}
    of_attempt, of_baseline = run(purpose="costs", measures=first), run(purpose="costs", label="baselines/a.yaml")
    rows("submissions", "OpenMeasurement").create(measures=first, run=of_attempt, **version)
    rows("submissions", "OpenMeasurement").create(label="baselines/a.yaml", run=of_baseline, **version)
    rows("submissions", "MeasurementSlot").create(user_id=ada.pk, day=DAY, slot=1, allowed=20, run=of_attempt)
    report = rows("reports", "ProblemReport").create(user_id=ada.pk, track="prompt", what="task", text="x", **version)
    of_day = {"user_id": ada.pk, "day": DAY, "slot": 4, "allowed": 5}
    rows("reports", "ReportSlot").create(challenge_id=challenge.pk, report=report, **of_day)
    rows("reports", "ProblemReport").create(user_id=ada.pk, track="prompt", what="task", text="without", **version)
    rows("chats", "ChatMessage").create(run=chat, submission=first, style="plain", text="x", **of_day)
    drawn = {"finding": "few-shot", "content": "c" * 64, "number": 17}
    rows("laboratory", "Contribution").create(lesson_id=challenge.lesson_id, **drawn, **of_day)


def store_of_yesterday(apps: Any, bob: User, challenge: Challenge) -> None:
    """An attempt of the day before."""
    whose = {"user_id": bob.pk, "challenge_id": challenge.pk}
    values = {"kind": "prompt", "payload": {}, "payload_sha256": "", "idempotency_key": "yesterday"}
    submission = apps.get_model("submissions", "Submission").objects.create(
        version_id=challenge.version_id, **whose, **values
    )
    of_day = {"day": DAY - timedelta(days=1), "slot": 1, "allowed": 10, "submission": submission}
    apps.get_model("submissions", "QuotaSlot").objects.create(**whose, **of_day)


OLD = [
    *(
        ("submissions", name)
        for name in ("QuotaSlot", "NetworkSlot", "GuestSlot", "InFlight", "CancelSlot", "RunSlot", "OpenMeasurement")
    ),
    ("submissions", "MeasurementSlot"),
    ("reports", "ReportSlot"),
    ("chats", "ChatMessage"),
    ("laboratory", "Contribution"),
]


def stored(apps: Any) -> dict[str, list[dict[str, Any]]]:
    def values(app: str, name: str) -> list[dict[str, Any]]:
        rows = apps.get_model(app, name).objects.values()
        return sorted(({key: value for key, value in row.items() if key != "id"} for row in rows), key=str)

    return {name: values(app, name) for app, name in OLD}


@pytest.mark.slow
def test_every_slot_is_carried_over_and_back(move: Move, ada: User, bob: User, sea_or_sky: Challenge) -> None:
    apps = move(BEFORE)
    store(apps, ada, sea_or_sky)
    store_of_yesterday(apps, bob, sea_or_sky)
    before = stored(apps)
    assert all(before.values())

    move(MigrationExecutor(connection).loader.graph.leaf_nodes())
    use = Use(user=ada, challenge=sea_or_sky, network="f" * 64)
    in_use = {limit.name: slots.in_use(limit, use).count() for limit in limits.OF_A_SUBMISSION}
    carried = {"attempts": 2, "guest_attempts": 2, "network_attempts": 2, "open_submissions": 1}
    # Budgets of courses and classes came later.
    assert in_use == carried | {"class_attempts": 0, "course_attempts": 0}
    assert slots.left(limits.REPORTS, use) == 4 and slots.left(limits.CHAT_MESSAGES, use) == 39
    for limit in (limits.CANCELLED_RUNNING, limits.CANCELLED_WAITING, limits.OPEN_RUNS, limits.OPEN_CHATS):
        assert slots.in_use(limit, use).count() == 1, limit.name
    assert slots.in_use(limits.SETS, Use(user=ada, lesson=sea_or_sky.lesson, finding="few-shot")).get().number == 4
    attempt = Slot.objects.of(limits.ATTEMPTS).get(number=1, period=str(DAY)).submission
    for measured in (f"attempt {attempt.pk}", "baseline baselines/a.yaml"):
        assert slots.in_use(limits.OPEN_MEASUREMENT, Use(version=sea_or_sky.version, measured=measured)).get().run
    yesterday = str(DAY - timedelta(days=1))
    assert {slot.period for slot in Slot.objects.all()} == {str(DAY), yesterday, ""}

    assert stored(move(BEFORE)) == before

    # A slot of another day stays of that day: today's attempts are all there, and count from one.
    move(MigrationExecutor(connection).loader.graph.leaf_nodes())
    assert Slot.objects.of(limits.ATTEMPTS).get(period=yesterday).submission.user == bob
    assert slots.left(limits.ATTEMPTS, Use(user=bob, challenge=sea_or_sky)) == 10
    assert factories.submit(bob).slots.of(limits.ATTEMPTS).get().number == 1
