"""A stored value that nobody can read ends no page, no worker and no loop over rows of other people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.test import Client

from gradus import retention, stored_json
from gradus.accounts.models import User
from gradus.challenge_health import figures
from gradus.challenge_health.models import Figures
from gradus.courses.models import Challenge, Course
from gradus.operations.doctor import unreadable as checks
from gradus.reconciling import reconciler
from gradus.stored_json import JSONField, OutOfBounds, UnreadableList, UnreadableObject, is_unreadable
from gradus.submissions import health, services, stream
from gradus.submissions.models import (
    Evaluation,
    Fingerprint,
    ReconcilerStatus,
    Run,
    Submission,
)
from gradus.submissions.results.copying import fingerprints
from tests import factories
from tests.workers.test_work import TableRunner
from workers import status
from workers.management.commands.work import Command
from workers.work import Worker

DIGITS = '{"n": ' + "9" * 5000 + "}"
POISON = {
    "digits": DIGITS,
    "larger than any float": '{"n": ' + "1" + "0" * 400 + "}",
    "a float of many digits": '{"n": ' + "9" * 400 + ".5}",
    "depth": "[" * 200 + "]" * 200,
}
# PostgreSQL returns a large float as the whole number that its shortest digits say.
EXTREME = {"a": 1.7e308, "b": 5e-324, "c": 10**300, "d": -1e308, "e": "9" * 5000, "f": [[[[]]]]}


def floats_in(values: dict[str, Any]) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, int) else value for name, value in values.items()}


def poison(row: Model, column: str, text: str = DIGITS) -> None:
    """Stores `text` in a column of a row, as an operator could."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {column} = %s WHERE {row._meta.pk.column} = %s", [text, row.pk]
        )


def text_of(row: Model, column: str) -> str:
    """What the database holds, as a text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE {row._meta.pk.column} = %s", [row.pk])
        return str(cursor.fetchone()[0])


@pytest.fixture(autouse=True)
def model_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})


@pytest.fixture
def submission(ada: User, course: Course) -> Submission:
    return factories.submit(ada)


# --- the column ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", POISON.values(), ids=POISON)
def test_what_cannot_be_read_is_empty_and_is_not_written_back(ada: User, submission: Submission, text: str) -> None:
    run = services.start_run(ada, submission.version, factories.PROMPT)
    for column in ("inputs", "payload"):
        poison(run, column, text)
    run.refresh_from_db()
    assert isinstance(run.inputs, UnreadableList) and isinstance(run.payload, UnreadableObject)
    evaluation = submission.current
    poison(evaluation, "result", text)
    stored = text_of(evaluation, "result")
    found = Evaluation.objects.get(pk=evaluation.pk)
    assert is_unreadable(found.result) and not found.result and found.result.get("n") is None
    assert is_unreadable(Evaluation.objects.values_list("result", flat=True).get(pk=evaluation.pk))
    (row,) = Evaluation.objects.raw("SELECT * FROM submissions_evaluation WHERE id = %s", [evaluation.pk])
    assert is_unreadable(row.result)

    found.error_code = "internal"
    found.save()
    assert Evaluation.objects.get(pk=evaluation.pk).error_code == "internal"
    assert text_of(evaluation, "result") == stored
    with pytest.raises(OutOfBounds, match="stands for a value that cannot be read"):
        Evaluation.objects.filter(pk=evaluation.pk).update(result=found.result)
    copied = Evaluation(lane="grade", submission=submission, number=2, is_current=False, result=found.result)
    with pytest.raises(OutOfBounds), transaction.atomic():
        copied.save()


def test_what_can_be_written_can_be_read(submission: Submission) -> None:
    evaluation = submission.current
    Evaluation.objects.filter(pk=evaluation.pk).update(result=EXTREME)
    assert floats_in(Evaluation.objects.get(pk=evaluation.pk).result) == floats_in(EXTREME)
    deep: Any = []
    for _ in range(stored_json.DEPTH_MAX):
        deep = [deep]
    for value in ({"n": 10**400}, {"n": 10**5000}, deep, {"n": "x" * (stored_json.CHARS_MAX + 1)}):
        with pytest.raises(ValueError, match=r"number|nested|characters|digits"), transaction.atomic():
            Evaluation.objects.filter(pk=evaluation.pk).update(result=value)
    assert floats_in(Evaluation.objects.get(pk=evaluation.pk).result) == floats_in(EXTREME)


# --- pages --------------------------------------------------------------------------------------------------------


# What a page is made of. Only the site writes these, within bounds, and nobody may change a row.
WHOLE_PAGES = {("Lesson", "spec"), ("ChallengeVersion", "spec"), ("Submission", "payload")}


def columns() -> Iterator[tuple[type[Model], str]]:
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, JSONField) and (model.__name__, field.column) not in WHOLE_PAGES:
                yield model, field.column


def pages(attempt: Submission, run: Run) -> list[str]:
    own = [
        f"/{kind}/{one.uuid}/{end}"
        for kind, one in (("submissions", attempt), ("runs", run))
        for end in ("", "fragment")
    ]
    slug = attempt.challenge.slug
    places = ["/", f"/challenges/{slug}/", f"/lessons/{attempt.challenge.lesson.slug}/", f"/leaderboards/{slug}/"]
    calls = [f"/api/v1/submissions/{attempt.uuid}", f"/api/v1/runs/{run.uuid}", f"/api/v1/challenges/{slug}"]
    return [*own, *places, *calls, "/api/v1/submissions", "/api/v1/courses"]


@pytest.mark.parametrize(("model", "column"), list(columns()), ids=lambda part: getattr(part, "__name__", part))
def test_no_page_of_a_learner_fails_because_of_one_column(
    ada: User, ada_client: Client, sea_or_sky: Challenge, model: type[Model], column: str
) -> None:
    attempt, run = factories.submit(ada), services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    factories.grade(attempt)
    factories.grade(run)
    try:
        with transaction.atomic():
            for row in model._default_manager.all():
                poison(row, column)
    except DatabaseError:
        # The database itself lets nobody change it.
        return
    ada_client.raise_request_exception = False
    answers = {page: ada_client.get(page).status_code for page in pages(attempt, run)}
    assert {page: answer for page, answer in answers.items() if answer >= 500} == {}


# --- one by one ---------------------------------------------------------------------------------------------------


def test_staff_are_told_of_what_cannot_be_read(submission: Submission) -> None:
    assert [result.level for result in checks.values()] == ["ok"]
    started = factories.claimed(submission).events.get(type="started")
    poison(started, "data")
    texts = [result.text for result in checks.values()]
    assert texts == [f"1 row of submissions_event cannot be read in data: {started.pk}"]


def test_doctor_reads_columns_that_there_are() -> None:
    assert all(isinstance(apps.get_model(name)._meta.get_field(column), JSONField) for name, column in checks.COLUMNS)


def test_a_worker_claims_past_what_it_cannot_read(submission: Submission) -> None:
    evaluation = submission.current
    for column in ("trained", "result"):
        poison(evaluation, column)
    assert Worker("grade", runner=TableRunner()).step() and submission.current.state == "scored"
    assert text_of(evaluation, "trained").count("9") >= 5000


def test_no_error_ends_the_loop_of_a_worker(submission: Submission, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, command = Worker("grade", runner=TableRunner()), Command()
    # The connection of a test has its transaction.
    monkeypatch.setattr("workers.management.commands.work.close_old_connections", lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_claim", lambda: 1 / 0)
        assert not command.step(worker)
    assert command.step(worker) and submission.current.state == "scored"


def test_an_error_that_cannot_be_settled_ends_no_worker(
    submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker("grade", runner=TableRunner())
    for name in ("_outcome", "_note_judge_fault"):
        monkeypatch.setattr(worker, name, lambda *given: 1 / 0)
    monkeypatch.setattr(worker.failures, "_record", lambda *given: 1 / 0)
    assert worker.step() and submission.current.state == "running"


# --- streams ------------------------------------------------------------------------------------------------------


def test_an_event_that_cannot_be_read_is_sent_without_its_data(submission: Submission) -> None:
    held = factories.claimed(submission)
    services.append_events(held.pk, held.fence, [("progress", {"done": n}) for n in range(2)])
    poison(held.events.get(seq=2), "data")
    found = stream.look_at({held.pk: 0})[held.pk].events
    assert found == [(1, "started", {"attempt": 1}), (2, "unreadable", {}), (3, "progress", {"done": 1})]
    assert [seq for seq, _, _ in stream.look_at({held.pk: 2})[held.pk].events] == [3]


def test_one_evaluation_that_cannot_be_looked_at_ends_no_stream_of_others(
    submission: Submission, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = submission.current, factories.submit(bob).current
    look = stream._look

    def broken(evaluation: Evaluation, *rest: Any) -> stream.Look:
        assert evaluation.pk != theirs.pk
        return look(evaluation, *rest)

    monkeypatch.setattr(stream, "_look", broken)

    async def looks() -> dict[int, stream.Look]:
        poller = stream.Poller()
        poller._look = _in_this_thread
        return await poller._try({theirs.pk: 0, mine.pk: 0})

    assert set(async_to_sync(looks)()) == {mine.pk}


async def _in_this_thread(*args: Any) -> dict[int, stream.Look]:
    return await sync_to_async(stream.look_at)(*args)


# --- the reconciler -----------------------------------------------------------------------------------------------


STEPS = {
    "requeue_expired": "requeued",
    "releasing.carry_out": "released",
    "recounts.settle_one": "recounted",
    "retention.carry_out": "pruned",
    "announcements.tell_due": "announced",
}


@pytest.mark.parametrize(("step", "name"), STEPS.items())
def test_a_step_that_fails_keeps_no_other_from_its_turn(
    ada: User, monkeypatch: pytest.MonkeyPatch, step: str, name: str
) -> None:
    monkeypatch.setattr(f"gradus.reconciling.reconciler.{step}", lambda **more: 1 / 0)
    assert set(reconciler.sweep()) >= {"requeued", "failed", "pruned", "freed", "announced", "mailed"}
    assert ReconcilerStatus.objects.get().broken == {f"{name}_failed": 1}
    assert f"The reconciler reports faults: {name}_failed" in health.alerts()


def test_an_attempt_that_cannot_be_listed_delays_no_other(
    submission: Submission, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.submit(bob)
    monkeypatch.setattr(
        fingerprints, "hashes_of", lambda attempt: 1 / 0 if attempt.pk == submission.pk else frozenset({1})
    )
    assert fingerprints.carry_out(1) == fingerprints.carry_out(1) == 1
    assert not Submission.objects.filter(fingerprinted_at=None).exists() and Fingerprint.objects.count() == 1


def test_figures_that_cannot_be_computed_delay_no_others(
    submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.grade(submission)
    for track in ("tune", "prompt"):
        figures.refresh(submission.version, track)
    Figures.objects.update(is_stale=True, seconds=0)
    computed = figures.computed
    monkeypatch.setattr(
        figures, "computed", lambda version, track: 1 / 0 if track == "tune" else computed(version, track)
    )
    assert [figures.refresh_one() for _ in range(2)] == [1, 0]
    assert not Figures.objects.filter(is_stale=True).exists()


def test_what_cannot_be_deleted_delays_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(time: timedelta) -> int:
        raise ValueError("a fault")

    failing = retention.Kept("what fails", timedelta(1), "", delete=faulty)
    monkeypatch.setattr(retention, "ALL", (failing, retention.Kept("what goes", timedelta(1), "", delete=lambda _: 3)))
    assert retention.carry_out() == 3
