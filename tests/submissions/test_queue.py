"""Places in a queue, by landmarks, against a full sort."""

from __future__ import annotations

import random

import pytest
from django.db import connection

from gradus.courses.models import Challenge
from gradus.submissions import queue
from gradus.submissions.models import Evaluation
from tests import factories

WAITING = 60


@pytest.fixture
def waiting(sea_or_sky: Challenge, monkeypatch: pytest.MonkeyPatch) -> list[Evaluation]:
    """Of three turns, in an order that is not that of the ids; a walk leaves a landmark at each seventh."""
    monkeypatch.setattr(queue, "STRIDE", 7)
    draw = random.Random(3)
    for user in factories.UserFactory.create_batch(WAITING):
        factories.submit(user)
    for one in Evaluation.objects.all():
        Evaluation.objects.filter(pk=one.pk).update(fair_share_rank=draw.choice([0, 0, 1, 4]))
    return list(Evaluation.objects.order_by("fair_share_rank", "id"))


def all_places(evaluations: list[Evaluation]) -> dict[int, int]:
    return {one.pk: place for place, one in enumerate(evaluations, 1)}


def spots(evaluations: list[Evaluation]) -> list[queue.Spot]:
    return [(one.fair_share_rank, one.pk) for one in evaluations]


def test_places_of_a_long_queue_are_those_of_a_full_sort(waiting: list[Evaluation]) -> None:
    assert queue.places("grade", spots(waiting)) == all_places(waiting)
    assert {one.pk: queue.queue_position(one) for one in waiting} == all_places(waiting)
    some = random.Random(5).sample(waiting, 9)
    assert queue.places("grade", spots(some)).items() <= all_places(waiting).items()


def test_a_short_queue_is_never_walked_and_never_old(waiting, monkeypatch) -> None:
    monkeypatch.setattr(queue, "STRIDE", WAITING + 1)
    monkeypatch.setattr(queue, "_walked", None)
    assert queue.queue_position(waiting[-1]) == WAITING
    Evaluation.objects.filter(pk__in=[one.pk for one in waiting[:10]]).update(state="cancelled")
    assert queue.queue_position(waiting[-1]) == WAITING - 10


def test_a_long_queue_is_walked_once_for_all_who_ask(waiting, django_assert_num_queries) -> None:
    with django_assert_num_queries(3):
        queue.queue_position(waiting[-1])
    with django_assert_num_queries(1):
        assert queue.queue_position(waiting[40]) == 41


def test_the_next_walk_sees_what_has_gone(waiting, monkeypatch) -> None:
    assert queue.queue_position(waiting[-1]) == WAITING
    Evaluation.objects.filter(pk__in=[one.pk for one in waiting[:10]]).update(state="cancelled")
    now = queue.monotonic() + queue.WALK_SECONDS
    monkeypatch.setattr(queue, "monotonic", lambda: now)
    assert queue.queue_position(waiting[-1]) == WAITING - 10


def test_a_place_is_counted_along_the_index_only(waiting) -> None:
    """On PostgreSQL `tests/postgres` sees how much of it; here, that no row of the table is read."""
    known = [((4, 900), (1, 3), None)]
    sql, values = queue.between(known, "grade", 10)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Of so few rows it reads all once it has counted them, whatever indexes there are.
            cursor.execute("set local enable_seqscan = off")
        cursor.execute(f"explain {'query plan ' if connection.vendor == 'sqlite' else ''}{sql}", values)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "queue" in plan and "SCAN one" not in plan and "Seq Scan on submissions_evaluation" not in plan
