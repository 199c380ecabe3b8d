"""While a judge or a server of the model does not answer, learners read so, and no time is promised."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import services
from gradus.submissions.delays import SENTENCES, delay_of, delays
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
    assert told["waits_because"] == {"code": code, "message": sentence}

    state = look_at({evaluation.pk: 0})[evaluation.pk].state
    assert state["wait_s"] is None and state["waits_because"] == {"code": code, "message": sentence}
    assert json.dumps(state)


def test_a_judge_that_is_asked_again_is_still_said_to_be_silent_but_other_work_goes_on(ada: User, bob: User) -> None:
    judged, trained = put_back(factories.submit(ada), "judge_timeout"), put_back(factories.submit(bob), "engine_503")
    Evaluation.objects.update(state="running", lease_until=timezone.now())
    Evaluation.objects.filter(pk=trained.pk).update(lane="train")
    assert list(delays(Evaluation.objects.all())) == [judged.pk]


def test_the_newest_reason_counts_and_an_end_or_none_is_no_delay(ada: User, bob: User) -> None:
    submission = factories.submit(ada)
    evaluation = put_back(submission, "judge_429")
    Evaluation.objects.update(available_at="2026-01-01T00:00Z", lane="grade")
    again = put_back(submission, "judge_timeout")
    assert (delay := delay_of(again)) is not None and delay.code == "judge_silent"
    Evaluation.objects.filter(pk=evaluation.pk).update(state="cancelled")
    assert delay_of(Evaluation.objects.get(pk=evaluation.pk)) is None
    assert delay_of(factories.submit(bob).current) is None


def test_a_measurement_that_waits_for_a_quiet_machine_is_no_delay(ada: User) -> None:
    assert delay_of(put_back(factories.submit(ada), "not_idle", "grade")) is None
