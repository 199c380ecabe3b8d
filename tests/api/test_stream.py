"""Server-sent events: a state first, then what the event table holds, until `finished`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.http import StreamingHttpResponse
from django.test import AsyncClient, RequestFactory

from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Challenge
from gradus.submissions import services, stream
from gradus.submissions.models import Evaluation, Event, Submission, WorkerStatus
from gradus.submissions.queue import expected_wait
from tests import factories
from tests.api.conftest import Caller
from tests.security.test_servers_away import without_redis

__all__ = ["without_redis"]

# The stream reads in other threads, with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)


def parse(text: str) -> list[dict[str, Any]]:
    blocks = [block for block in text.split("\n\n") if block]
    found = []
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        found.append({**fields, "data": json.loads(fields["data"])})
    return found


def read(user: User, path: str, **headers: str) -> list[dict[str, Any]]:
    """The whole stream of something that has ended."""
    secret = ApiToken.issue(user, "tests")[1]

    @async_to_sync
    async def collect() -> str:
        response = await AsyncClient().get(path, headers={"Authorization": f"Bearer {secret}", **headers})
        assert isinstance(response, StreamingHttpResponse)
        assert response["Content-Type"] == "text/event-stream"
        return b"".join([part async for part in response]).decode()

    return parse(collect())


@pytest.fixture
def graded(ada: User, sea_or_sky: Challenge) -> Submission:
    made = factories.submit(ada)
    evaluation = factories.claimed(made)
    services.append_events(evaluation.pk, evaluation.fence, [("progress", {"stage": "public", "done": 2, "total": 4})])
    outcome = services.Outcome(result=factories.result_for(made), score=0.7)
    services.record(evaluation.pk, evaluation.fence, outcome)
    return made


def test_live_updates_need_no_redis(ada: User, graded: Submission, without_redis: None) -> None:
    assert read(ada, f"/api/v1/submissions/{graded.uuid}/events")[-1]["event"] == "finished"


def test_a_finished_submission_is_replayed(ada: User, graded: Submission) -> None:
    events = read(ada, f"/api/v1/submissions/{graded.uuid}/events")
    assert [(e["event"], e.get("id")) for e in events] == [
        ("state", None),
        ("started", "1"),
        ("progress", "2"),
        ("finished", "3"),
    ]
    assert events[0]["data"] == {"status": "scored", "queue_position": None, "wait_s": None}
    assert events[2]["data"] == {"stage": "public", "done": 2, "total": 4}
    assert events[-1]["data"] == {"status": "scored"}


def test_only_what_came_after_the_last_event_is_sent(ada: User, graded: Submission) -> None:
    events = read(ada, f"/api/v1/submissions/{graded.uuid}/events", **{"Last-Event-ID": "2"})
    assert [e["event"] for e in events] == ["state", "finished"]
    assert read(ada, f"/api/v1/submissions/{graded.uuid}/events?after=2") == events


def test_a_client_that_has_all_is_told_to_stop(ada_api: Caller, graded: Submission) -> None:
    response = ada_api.get(f"/submissions/{graded.uuid}/events", **{"Last-Event-ID": "3"})
    assert response.status_code == 204


def test_pruned_events_still_end_the_stream(ada: User, graded: Submission) -> None:
    Event.objects.all().delete()
    events = read(ada, f"/api/v1/submissions/{graded.uuid}/events")
    assert [e["event"] for e in events] == ["state", "finished"]


def test_a_run_has_a_stream_as_well(ada: User, sea_or_sky: Challenge) -> None:
    assert sea_or_sky.version is not None
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    factories.grade(run)
    assert read(ada, f"/api/v1/runs/{run.uuid}/events")[-1]["data"] == {"status": "scored"}


def test_a_waiting_submission_is_followed_to_its_end(ada: User, sea_or_sky: Challenge, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.01)
    made = factories.submit(ada)
    pk = made.current.pk

    async def follow() -> list[dict[str, Any]]:
        seen = []
        async for part in stream.follow(pk):
            seen += parse(part.decode())
            if seen[-1]["event"] == "state" and seen[-1]["data"]["status"] == "queued":
                await sync_to_async(factories.grade)(made)
        return seen

    events = async_to_sync(follow)()
    assert events[0]["data"]["queue_position"] == 1
    assert [e["event"] for e in events if e["event"] != "state"] == ["started", "finished"]


def test_a_silent_stream_gives_signs_of_life(ada: User, sea_or_sky: Challenge, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.02)
    pk = factories.submit(ada).current.pk

    async def two() -> list[bytes]:
        parts = stream.follow(pk)
        found = [await anext(parts), await anext(parts)]
        await parts.aclose()
        return found

    first, second = async_to_sync(two)()
    assert first.startswith(b"event: state")
    assert second == b": alive\nevent: heartbeat\ndata: {}\n\n"


@pytest.mark.parametrize(("sent", "seen"), [("7", 7), ("", 0), ("-1", 0), ("x", 0), ("9" * 30, 0), ("\u0664", 0)])
def test_a_foreign_last_event_id_counts_as_none(sent: str, seen: int) -> None:
    assert stream.seen(RequestFactory().get("/", {"after": sent})) == seen


def test_the_wait_is_told_from_what_ended_lately(ada: User, bob: User, sea_or_sky: Challenge) -> None:
    waiting = factories.submit(bob).current
    assert expected_wait(waiting) is None
    WorkerStatus.objects.create(name="w", lane="grade")
    assert expected_wait(waiting) is None
    Evaluation.objects.filter(pk=waiting.pk).update(lane="train")
    factories.grade(factories.submit(ada))
    Evaluation.objects.filter(pk=waiting.pk).update(lane="grade")
    waiting.refresh_from_db()
    wait = expected_wait(waiting)
    assert wait is not None and 0 <= wait <= 30 and wait % 5 == 0
