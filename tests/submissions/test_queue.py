"""Positions in a queue, against a full sort."""

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
def waiting(sea_or_sky: Challenge) -> list[Evaluation]:
    """Of three turns, in an order that is not that of the ids."""
    draw = random.Random(3)
    for user in factories.UserFactory.create_batch(WAITING):
        factories.submit(user)
    for one in Evaluation.objects.all():
        Evaluation.objects.filter(pk=one.pk).update(fair_share_rank=draw.choice([0, 0, 1, 4]))
    return list(Evaluation.objects.order_by("fair_share_rank", "id"))


def test_positions_are_those_of_a_full_sort(waiting: list[Evaluation]) -> None:
    sorted_positions = {one.pk: position for position, one in enumerate(waiting, 1)}
    assert queue.positions("grade", list(sorted_positions)) == sorted_positions
    assert {one.pk: queue.queue_position(one) for one in waiting} == sorted_positions
    some = [one.pk for one in random.Random(5).sample(waiting, 9)]
    assert queue.positions("grade", some) == {pk: sorted_positions[pk] for pk in some}
    # A position is never old, and what was claimed meanwhile has none.
    Evaluation.objects.filter(pk__in=[one.pk for one in waiting[:10]]).update(state="cancelled")
    assert queue.queue_position(waiting[-1]) == WAITING - 10
    assert queue.queue_position(waiting[3]) is None and queue.positions("grade", [waiting[3].pk]) == {}


def test_positions_are_counted_along_the_index_only(waiting: list[Evaluation]) -> None:
    """On PostgreSQL `tests/postgres` sees how much of it; here, that no row of the table is read."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Of so few rows it reads all once it has counted them, whatever indexes there are.
            cursor.execute("set local enable_seqscan = off")
        explain = "explain query plan" if connection.vendor == "sqlite" else "explain"
        cursor.execute(f"{explain} {queue.POSITIONS.format('%s')}", ["grade", waiting[0].pk])
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "queue" in plan and "Seq Scan on submissions_evaluation" not in plan
    assert connection.vendor != "sqlite" or "COVERING INDEX queue" in plan
