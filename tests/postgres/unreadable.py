"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it.

What PostgreSQL stores and Python does not read: one number of 5,000 digits stops nobody but its own row.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, connection, transaction

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.operations.doctor import set_aside
from gradus.stored_json import JSONField
from gradus.submissions import services, stream
from gradus.submissions.models import Evaluation, Event, HandedIn, Submission, WorkerStatus
from tests import factories
from tests.postgres.roles import logged_in
from tests.submissions.test_unreadable_json import POISON, poison
from tests.waiting import wait_until
from tests.workers.test_work import TableRunner
from workers import status
from workers.recorder import Recorder
from workers.work import Worker

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
STREAMS = 6


@pytest.fixture(autouse=True)
def model_is_here(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.vendor == "postgresql"
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})


@pytest.fixture
def recorder() -> Iterator[Callable[[], None]]:
    """Starts the thread of the reconciler that records."""
    stop = threading.Event()
    thread = Recorder(stop)
    yield thread.start
    stop.set()
    thread.join()


def handed_in(attempts: list[Submission]) -> list[Evaluation]:
    held = [factories.claimed(attempt) for attempt in attempts]
    for attempt, evaluation in zip(attempts, held, strict=True):
        outcome = services.Outcome(factories.result_for(attempt), 0.7)
        services.hand_in(evaluation.pk, evaluation.fence, outcome)
    return held


def test_49_outcomes_behind_one_that_cannot_be_read_are_recorded(course: Course, recorder: Callable[[], None]) -> None:
    attempts = [factories.submit(user) for user in factories.UserFactory.create_batch(50)]
    held = handed_in(attempts)
    row = HandedIn.objects.get(evaluation=held[0])
    poison(row, "outcome")
    recorder()
    # Such a row stopped the others for good: `tests/faults/test_unreadable.py` takes the time.
    wait_until(lambda: not HandedIn.objects.waiting().exists())
    assert [attempt.current.state for attempt in attempts] == ["failed", *["scored"] * 49]
    texts = [result.text for result in set_aside.set_aside()]
    assert f"1 result of workers could not be recorded: {row.pk}" in texts


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
def test_a_worker_claims_past_what_was_trained_and_cannot_be_read(
    ada: User, course: Course, passwords: dict[str, str], text: str
) -> None:
    attempt = factories.submit(ada)
    poison(attempt.current, "trained", text)
    with logged_in(*next(iter(passwords.items()))):
        assert Worker("grade", runner=TableRunner()).step()
    assert HandedIn.objects.waiting().get().evaluation_id == attempt.current.pk


INSERTS = {
    "an outcome": "INSERT INTO submissions_handedin (evaluation_id, fence, outcome, error_code)"
    " VALUES ({id}, {fence}, {value}, '')",
    "an event": "INSERT INTO submissions_event (evaluation_id, seq, type, data) VALUES ({id}, 99, 'loss', {value})",
    "what was trained": "UPDATE submissions_evaluation SET trained = {value} WHERE id = {id}",
    "its models": "UPDATE submissions_workerstatus SET base_models = {value}",
    "what it lacks": "UPDATE submissions_workerstatus SET lacks = {value}",
    "a choice": "INSERT INTO submissions_enginechoice (key, model, cpu, threads, device, versions, digest, choice)"
    " VALUES ('k', '', '', 1, '', '', '', {value})",
    "a call": "INSERT INTO reviews_judgecall (evaluation_id, key, template, model, rung, request, response, problem,"
    " prompt_tokens, completion_tokens, seconds, currency, created_at)"
    " VALUES ({id}, 'k', '', '', '', {value}, '', '', 0, 0, 0, '', now())",
    "a reply": "INSERT INTO reviews_judgecall (evaluation_id, key, template, model, rung, request, reply, response,"
    " problem, prompt_tokens, completion_tokens, seconds, currency, created_at)"
    " VALUES ({id}, 'k', '', '', '', '{{}}', {value}, '', '', 0, 0, 0, '', now())",
}
REFUSED = {**POISON, "a list": "[]", "a number": "5", "much": '{"a": "' + "x" * 2**24 + '"}'}


@pytest.mark.parametrize("sql", INSERTS.values(), ids=INSERTS)
def test_a_stolen_machine_stores_nothing_that_cannot_be_read(
    ada: User, course: Course, passwords: dict[str, str], sql: str
) -> None:
    factories.submit(ada)
    with logged_in(*next(iter(passwords.items()))) as role:
        WorkerStatus.objects.create(name=f"{role}@h", lane="grade")
        held = services.claim("grade", worker=f"{role}@h", profile="cpu/float32/1")
        assert held is not None
        found = {name: outcome_of(sql, held, value) for name, value in REFUSED.items()}
        fine = outcome_of(sql, held, '{"a": 1.5e308, "b": [[-3]]}')
    assert found == dict.fromkeys(REFUSED, "42501") and fine == ""


def outcome_of(sql: str, held: Evaluation, value: str) -> str:
    """The error of the database, by its code, or "" if it has stored the value. It is undone."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql.format(id=held.pk, fence=held.fence, value="%s"), [value])
            transaction.set_rollback(True)
            return ""
    except DatabaseError as error:
        return str(getattr(error.__cause__, "sqlstate", error))


def test_doctor_reads_all_columns_that_workers_write() -> None:
    columns = {f"{model._meta.db_table}.{name}" for model, name in set_aside.columns_of_workers()}
    assert columns == {
        "submissions_evaluation.trained",
        "submissions_event.data",
        "submissions_handedin.outcome",
        "submissions_workerstatus.base_models",
        "submissions_workerstatus.lacks",
        "submissions_enginechoice.choice",
        "reviews_judgecall.request",
        "reviews_judgecall.reply",
    }
    assert all(isinstance(model._meta.get_field(name), JSONField) for model, name in set_aside.columns_of_workers())
