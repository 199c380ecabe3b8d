"""How long a training takes: the form, the pages, the API and the command tell one number in one sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import durations, queue, services
from gradus.submissions.durations import Basis, Duration
from gradus.submissions.models import Evaluation, Run, Submission, WorkerStatus
from tests import factories
from tests.learn.costs.compared import with_authors
from tests.learn.test_submit import lora_form, rows_text
from tests.markup import Markup

LONGER = {**factories.LORA, "hyperparameters": {"r": 8, "num_train_epochs": 4}}


def ended(owner: Submission | Run, seconds: float, training: float, tokens: float) -> None:
    """A job that took so long here, and the part of it in which it trained on so many tokens."""
    result = {**factories.result_for(owner), "training": {"tokens": tokens, "seconds": training, "steps": 4.0}}
    evaluation = factories.grade(owner, result=result)
    now = timezone.now()
    Evaluation.objects.filter(pk=evaluation.pk).update(finished_at=now, started_at=now - timedelta(seconds=seconds))
    cache.clear()


def tokens_of(client: Client, payload: dict[str, Any]) -> int:
    return int(checked(client, payload)["total_tokens"])


def checked(client: Client, payload: dict[str, Any]) -> dict[str, Any]:
    address = "/api/v1/challenges/sea-or-sky/dataset"
    found: dict[str, Any] = client.post(address, payload, content_type="application/json").json()
    return found


@pytest.mark.parametrize("basis", [Basis.HERE, Basis.TRIALS, Basis.AUTHOR, Basis.MACHINE])
def test_every_place_tells_the_same(
    ada: User, ada_client: Client, bob: User, sea_or_sky: Challenge, basis: Basis
) -> None:
    tokens = tokens_of(ada_client, factories.LORA)
    if basis == Basis.HERE:
        ended(factories.submit(bob, payload=factories.LORA), 61, 40, tokens)
    if basis == Basis.TRIALS:
        ended(services.start_run(bob, sea_or_sky.version, factories.LORA), 30, 10, tokens / 4)
    if basis == Basis.AUTHOR:
        with_authors()
    cache.clear()
    told = checked(ada_client, LONGER)
    submission = factories.submit(ada, payload=LONGER)
    expected = durations.of_evaluation(submission.current)
    assert expected is not None and expected.basis == basis
    assert (told["seconds"], told["takes"]) == (expected.high, expected.sentence)
    page = Markup(ada_client.get(reverse("learn:submission", args=[submission.uuid])).content.decode())
    assert expected.sentence in page and f'data-high="{expected.high}"' in page
    assert ada_client.get(f"/api/v1/submissions/{submission.uuid}").json()["takes"] == expected.sentence
    form = lora_form(rows_text(*(row.values() for row in LONGER["rows"])), num_train_epochs="4")
    assert expected.sentence in ada_client.post("/challenges/sea-or-sky/dataset-check", form).content.decode()


def test_a_training_is_scaled_to_its_tokens(ada: User, ada_client: Client, bob: User, sea_or_sky: Challenge) -> None:
    ended(factories.submit(bob, payload=factories.LORA), 60, 40, tokens_of(ada_client, factories.LORA))
    longer = factories.submit(ada, payload=LONGER)
    assert durations.of_evaluation(longer.current) == Duration(100, 100)


def test_the_wait_comes_from_what_waits_and_not_from_what_ended_last(
    ada: User, bob: User, sea_or_sky: Challenge
) -> None:
    """Five quick prompts tell how long a prompt takes, whatever else the lane has done in the last hour."""
    for user in factories.UserFactory.create_batch(durations.FEWEST):
        ended(factories.submit(user), 20, 0, 0)
    long = services.start_run(bob, sea_or_sky.version, factories.PROMPT)
    Evaluation.objects.filter(run=long).update(lane="grade")
    ended(long, 900, 0, 0)
    WorkerStatus.objects.create(name="w", lane="grade")
    assert queue.expected_wait(factories.submit(ada).current) == 20


def test_the_wait_for_trainings_comes_from_their_own_tokens(
    ada: User, ada_client: Client, bob: User, sea_or_sky: Challenge
) -> None:
    """A training with twice the tokens is ahead of one that is no longer than what ended here."""
    ended(factories.submit(bob, payload=factories.LORA), 60, 40, tokens_of(ada_client, factories.LORA))
    WorkerStatus.objects.create(name="w", lane="train")
    factories.submit(bob, payload=LONGER)
    assert queue.expected_wait(factories.submit(ada, payload=factories.LORA).current) == 100 + 60
