"""How machines wait for jobs: one poller for all of them, which calls whoever may take what has come."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from gradus.fleet import calls, door, tokens
from gradus.submissions.models import Evaluation
from tests import factories

PROFILE = "cpu/float32/1"


@pytest.fixture
def token(db):
    return tokens.make("lab-1", ["grade", "train"], timezone.now() + timedelta(days=1), None)[0]


def waited(token, monkeypatch, jobs, seconds=0.3, lane="grade"):
    """What a machine gets that waits for so long, while the poller finds these jobs."""
    monkeypatch.setattr(door, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(calls, "WAIT_SECONDS", seconds)
    monkeypatch.setattr(door, "_waiting_jobs", jobs)

    async def answer():
        sent = calls.Claim(lane=lane, profile=PROFILE, wait=True)
        return [piece async for piece in door._waited(token, sent)]

    return asyncio.run(answer())


def test_without_a_job_the_answer_comes_after_the_longest_wait(token, monkeypatch):
    monkeypatch.setattr(door, "ALIVE_SECONDS", 0.05)
    pieces = waited(token, monkeypatch, list)
    assert set(pieces[:-1]) == {b" "} and json.loads(b"".join(pieces)) == {"job": None}


@pytest.mark.parametrize(
    ("lane", "profile", "called"),
    [("grade", "", True), ("grade", PROFILE, True), ("grade", "cuda", False), ("train", "", False)],
)
def test_who_may_take_it_is_called(token, monkeypatch, lane, profile, called):
    asked = []
    monkeypatch.setattr(door, "_claim_in_thread", lambda pk, sent: asked.append(pk) or {"job": {"id": 7}})
    pieces = waited(token, monkeypatch, lambda: [(lane, profile)])
    assert json.loads(b"".join(pieces)) == {"job": {"id": 7} if called else None}
    assert bool(asked) == called


def test_a_machine_that_cannot_take_what_waits_is_not_asked_all_the_time(token, monkeypatch):
    asked = []
    monkeypatch.setattr(door, "_claim_in_thread", lambda pk, sent: asked.append(pk) or {"job": None})
    waited(token, monkeypatch, lambda: [("grade", "")])
    assert len(asked) == 1


def test_each_that_waits_has_its_turn(monkeypatch):
    async def turns():
        poller = door.Poller()
        waiters = [door.Waiter("grade", PROFILE) for _ in range(3)]
        found = [[("grade", "")] * 2, [], []]
        monkeypatch.setattr(door, "POLL_SECONDS", 0.001)
        poller._look = lambda: asyncio.sleep(0, found.pop(0) if found else [])
        for waiter in waiters:
            poller.join(waiter)
        called = [await waiter.called(0.2) for waiter in waiters]
        for waiter in waiters:
            poller.leave(waiter)
        return called

    assert asyncio.run(turns()) == [True, True, False]


def test_a_token_that_ends_while_it_waits_gets_nothing(token, ada, course, monkeypatch):
    monkeypatch.setattr(door, "close_old_connections", lambda: None)
    factories.submit(ada)
    sent = calls.Claim(lane="grade", profile=PROFILE, wait=True)
    tokens.revoke(token)
    assert door._claim_in_thread(token.pk, sent) == {"job": None}


def test_only_jobs_that_machines_may_take_are_looked_for(ada, course, monkeypatch):
    monkeypatch.setattr(door, "close_old_connections", lambda: None)
    factories.submit(ada)
    assert door._waiting_jobs() == [("grade", "")]
    Evaluation.objects.update(lane="judge")
    assert door._waiting_jobs() == []
