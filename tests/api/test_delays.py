"""While a judge, a server of the model or all workers do not answer, learners read so, and no time is promised."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import delays, services
from gradus.submissions.delays import SENTENCES, delay_of
from gradus.submissions.models import Evaluation, Submission, WorkerStatus
from gradus.submissions.stream import look_at
from tests import factories
from tests.api.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sea_or_sky")]


def put_back(submission: Submission, reason: str, lane: str = "judge") -> Evaluation:
    evaluation = factories.claimed(submission)
    services.postpone(evaluation.pk, evaluation.fence, 15, reason)
    Evaluation.objects.filter(pk=evaluation.pk).update(lane=lane)
    evaluation.refresh_from_db()
    return evaluation


@pytest.fixture
def lately(bob: User, sea_or_sky: Challenge) -> None:
    """A lane in which a wait could be estimated."""
    WorkerStatus.objects.create(name="w", lane="judge")
    ended = factories.submit(bob)
    factories.grade(ended)
    Evaluation.objects.filter(submission=ended).update(lane="judge")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("judge_429", "judge_busy"),
        ("judge_503", "judge_silent"),
        ("judge_timeout", "judge_silent"),
        ("judge_connection", "judge_silent"),
        ("judge_breaker", "judge_silent"),
        ("judge_misconfigured", "judge_silent"),
        ("engine_connection", "model_silent"),
        ("engine_misconfigured", "model_silent"),
    ],
)
@pytest.mark.usefixtures("lately")
def test_page_api_and_stream_say_who_does_not_answer_and_no_time(
    ada: User, ada_client: Client, ada_api: Caller, reason: str, code: str
) -> None:
    submission = factories.submit(ada)
    evaluation = put_back(submission, reason)
    sentence = str(SENTENCES[code])

    page = ada_client.get(reverse("learn:submission", args=[submission.uuid])).content.decode()
    assert f">{sentence}</p>" in page
    assert "The wait is about" not in page and "You are next." not in page and "Usually" not in page

    told = ada_api.get(f"/submissions/{submission.uuid}").json()
    assert (told["status"], told["wait_s"]) == ("queued", None)
    assert told["waits_because"] == {"code": code, "message": sentence, "since": None}

    state = look_at({evaluation.pk: 0})[evaluation.pk].state
    assert state["wait_s"] is None and state["waits_because"] == {"code": code, "message": sentence}
    assert json.dumps(state)


def test_a_judge_that_is_asked_again_is_still_said_to_be_silent_but_other_work_goes_on(ada: User, bob: User) -> None:
    judged, trained = put_back(factories.submit(ada), "judge_timeout"), put_back(factories.submit(bob), "engine_503")
    Evaluation.objects.update(state="running", lease_until=timezone.now())
    Evaluation.objects.filter(pk=trained.pk).update(lane="train")
    assert list(delays.put_back(Evaluation.objects.all())) == [judged.pk]


def test_the_newest_reason_counts_and_an_end_or_none_is_no_delay(ada: User, bob: User) -> None:
    submission = factories.submit(ada)
    evaluation = put_back(submission, "judge_429")
    Evaluation.objects.update(available_at="2026-01-01T00:00Z", lane="grade")
    again = put_back(submission, "judge_timeout")
    assert (delay := delay_of(again)) is not None and delay.code == "judge_silent"
    Evaluation.objects.filter(pk=evaluation.pk).update(state="cancelled")
    assert delay_of(Evaluation.objects.get(pk=evaluation.pk)) is None
    WorkerStatus.objects.create(name="w", lane=(other := factories.submit(bob).current).lane)
    assert delay_of(other) is None


def test_a_measurement_that_waits_for_a_quiet_machine_is_no_delay(ada: User) -> None:
    WorkerStatus.objects.create(name="w", lane="grade")
    assert delay_of(put_back(factories.submit(ada), "not_idle", "grade")) is None


def minutes_ago(minutes: float) -> Any:
    return timezone.now() - timedelta(minutes=minutes)


@pytest.fixture
def quick_lane(bob: User, sea_or_sky: Challenge) -> None:
    """A lane with one worker, in which the last job took a moment."""
    factories.grade(factories.submit(bob))
    Evaluation.objects.update(lane="grade")
    WorkerStatus.objects.create(name="w", lane="grade")


def waiting(user: User) -> Evaluation:
    evaluation = factories.submit(user).current
    Evaluation.objects.filter(pk=evaluation.pk).update(lane="grade")
    evaluation.refresh_from_db()
    return evaluation


@pytest.mark.usefixtures("quick_lane")
@pytest.mark.parametrize("is_dead", [True, False])
def test_page_api_and_stream_say_since_when_no_worker_is_free_and_no_time(
    ada: User, ada_client: Client, ada_api: Caller, is_dead: bool
) -> None:
    """The worker was killed, or has been at a job for much longer than usual."""
    job, evaluation, since = waiting(factories.UserFactory.create()), waiting(ada), minutes_ago(9)
    if is_dead:
        WorkerStatus.objects.update(last_seen=since)
    else:
        WorkerStatus.objects.update(busy_with=job.pk)
        Evaluation.objects.filter(pk=job.pk).update(state="running", started_at=since, lease_until=timezone.now())
    assert evaluation.submission is not None
    address = reverse("learn:submission", args=[evaluation.submission.uuid])
    page = ada_client.get(address).content.decode()
    sentence = str(SENTENCES["no_worker"]) % {"since": f"{date_format(since, 'DATETIME_FORMAT')} UTC"}
    assert f">{sentence}</p>" in page
    assert "The wait is about" not in page and ("You are next." in page) is not is_dead

    told = ada_api.get(f"/submissions/{evaluation.submission.uuid}").json()
    assert (told["status"], told["wait_s"], told["queue_position"]) == ("queued", None, 1 + is_dead)
    assert (told["waits_because"]["code"], told["waits_because"]["message"]) == ("no_worker", sentence)
    assert datetime.fromisoformat(told["waits_because"]["since"]) - since < timedelta(seconds=1)

    state = look_at({evaluation.pk: 0})[evaluation.pk].state
    assert (state["queue_position"], state["wait_s"]) == (1 + is_dead, None)
    assert state["waits_because"]["message"] == sentence and json.dumps(state)


@pytest.mark.usefixtures("quick_lane")
def test_a_free_worker_or_one_that_will_be_soon_is_no_delay(ada: User) -> None:
    job, evaluation = waiting(factories.UserFactory.create()), waiting(ada)
    state = look_at({evaluation.pk: 0})[evaluation.pk].state
    assert delay_of(evaluation) is None and "waits_because" not in state and state["wait_s"] is not None
    WorkerStatus.objects.update(busy_with=job.pk)
    Evaluation.objects.filter(pk=job.pk).update(state="running", started_at=timezone.now(), lease_until=timezone.now())
    assert delay_of(evaluation) is None
    WorkerStatus.objects.create(name="idle", lane="grade")
    Evaluation.objects.filter(pk=job.pk).update(started_at=minutes_ago(9))
    assert delay_of(evaluation) is None


def test_a_worker_that_cannot_work_is_not_free_and_where_none_was_seen_it_counts_from_the_sending(ada: User) -> None:
    evaluation = waiting(ada)
    WorkerStatus.objects.create(name="other", lane="train")
    WorkerStatus.objects.create(name="broken", lane="grade", problem="No model files.")
    assert (delay := delay_of(evaluation)) is not None and delay.since == evaluation.created_at
