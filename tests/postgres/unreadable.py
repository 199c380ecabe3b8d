"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it.

What PostgreSQL stores and Python does not read: one number of 5,000 digits stops nobody but its own row.
"""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions import services, stream
from gradus.submissions.models import Evaluation, Event
from tests import factories
from tests.submissions.test_unreadable_json import POISON, poison
from tests.workers.test_work import TableRunner
from workers import status
from workers.work import Worker

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
STREAMS = 6


@pytest.fixture(autouse=True)
def model_is_here(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.vendor == "postgresql"
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})


def test_streams_go_on_while_an_event_of_one_cannot_be_read(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    # The threads of the loop leave no connection open when it ends.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    attempts = [factories.submit(user) for user in factories.UserFactory.create_batch(STREAMS + 1)]
    held = [factories.claimed(attempt) for attempt in attempts]
    services.append_events(held[0].pk, held[0].fence, [("progress", {"done": 0})])
    poison(Event.objects.get(evaluation=held[0], type="progress"), "data")
    texts = async_to_sync(followed)(held)
    for number, text in enumerate(texts):
        assert ("event: unreadable" in text) == (number == 0)
        assert text.index('"done": 1') < text.index("event: finished"), number


async def followed(held: list[Evaluation]) -> list[str]:
    """The texts of the streams of these evaluations, which go on after all have begun, and end."""
    streams = [stream.follow(evaluation.pk) for evaluation in held]
    begun = [(await anext(one)).decode() for one in streams]
    await asyncio.to_thread(in_thread, held)
    return [first + "".join([part.decode() async for part in one]) for first, one in zip(begun, streams, strict=True)]


def in_thread(held: list[Evaluation]) -> None:
    for evaluation in held:
        services.append_events(evaluation.pk, evaluation.fence, [("progress", {"done": 1})])
        services.reject(evaluation.pk, evaluation.fence, "timeout")
    connection.close()


@pytest.mark.parametrize("text", POISON.values(), ids=POISON)
def test_a_worker_claims_past_what_was_trained_and_cannot_be_read(ada: User, course: Course, text: str) -> None:
    attempt = factories.submit(ada)
    poison(attempt.current, "trained", text)
    assert Worker("grade", runner=TableRunner()).step()
    assert attempt.current.state == "scored"
