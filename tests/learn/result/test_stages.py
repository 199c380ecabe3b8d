"""The page of an attempt that waits: its stages by name, an estimate from what ended here, something to read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.courses.services import publish
from gradus.learn.result.progress import begun, stages_of
from gradus.submissions import durations, services
from gradus.submissions.durations import FEWEST, Basis, Duration
from gradus.submissions.models import Evaluation, Submission
from tests import example_course, factories
from tests.kinds.rag_engine import PAYLOAD
from tests.learn import scene
from tests.markup import Markup


def names(submission: Any) -> list[str]:
    return [stage.name for stage in stages_of(submission.current, submission.kind)]


def present(submission: Submission) -> tuple[str, int | None, int | None]:
    evaluation = Evaluation.objects.get(pk=submission.current.pk)
    (stage,) = [one for one in stages_of(evaluation, submission.kind) if one.state == "present"]
    return stage.name, stage.done, stage.total


def page(client: Client, submission: Submission) -> str:
    return Markup(client.get(reverse("learn:submission", args=[submission.uuid])).content.decode())


def tell(evaluation: Evaluation, kind: str, **data: Any) -> None:
    assert services.append_events(evaluation.pk, evaluation.fence, [(kind, data)])


def test_each_kind_has_stages_of_its_own(ada: User, sea_or_sky: Challenge, settings):
    settings.IN_FLIGHT = 3
    assert names(factories.submit(ada)) == ["queued", "loading", "public", "hidden"]
    assert names(factories.submit(ada, payload=factories.LORA)) == ["queued", "loading", "train", "public", "hidden"]
    assert names(factories.submit(ada, "explain", factories.FREE_TEXT)) == ["queued", "marking"]
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert names(run) == ["queued", "loading", "public"]
    answer = services.start_run(ada, factories.challenge("explain").version, factories.FREE_TEXT)
    assert names(answer) == ["queued", "checking"]


def test_a_calibrated_prompt_has_that_stage_and_a_trained_model_has_not(ada: User, sea_or_sky: Challenge):
    spec = {**sea_or_sky.version.spec, "answer": {**sea_or_sky.version.spec["answer"], "calibrate": "contextual"}}
    type(sea_or_sky.version).objects.filter(pk=sea_or_sky.version_id).update(spec=spec, digest="1" * 64)
    assert "calibrate" in names(factories.submit(ada))
    assert "calibrate" not in names(factories.submit(ada, payload=factories.LORA))


def test_the_present_stage_follows_the_events(ada: User, course: Course):
    submission = factories.submit(ada, payload=factories.LORA)
    assert present(submission)[0] == "queued"
    evaluation = factories.claimed(submission)
    assert present(submission)[0] == "loading"
    tell(evaluation, "loss", step=12, steps=50, train_loss=0.4, valid_loss=None, seconds=3.0)
    assert present(submission) == ("train", 12, 50)
    tell(evaluation, "progress", stage="public", done=3, total=4)
    assert present(submission) == ("public", 3, 4)
    tell(evaluation, "progress", stage="public", done=4, total=4)
    assert present(submission) == ("hidden", None, None)


def test_a_second_start_begins_again(ada: User, course: Course):
    submission = factories.submit(ada)
    first = factories.claimed(submission)
    tell(first, "progress", stage="public", done=3, total=4)
    services.postpone(first.pk, first.fence, 0, "engine_misconfigured")
    assert present(submission)[0] == "queued"
    again = factories.claimed(submission)
    assert present(submission)[0] == "loading"
    assert begun(again) == again.events.filter(type="started").last().seq > 1


def test_the_page_lists_the_stages_and_marks_the_present_one(ada: User, bob: User, ada_client: Client, course: Course):
    factories.submit(bob)
    submission = factories.submit(ada, payload=factories.LORA)
    other = factories.submit(ada)
    assert 'data-stage="queued" data-state="present"' in page(ada_client, submission)
    assert "You are next" in page(ada_client, submission) and ", 1 ahead</span>" in page(ada_client, other)
    tell(factories.claimed(submission), "loss", step=2, steps=4, train_loss=0.4, valid_loss=None, seconds=3.0)
    text = page(ada_client, submission)
    assert 'data-count="step %(done)s of %(total)s" data-done="2" aria-current="step"><span>Training<span' in text
    assert ", step 2 of 4</span>" in text and text.count('aria-current="step"') == 1


def ended(user: User, *took: float, **changes: Any) -> None:
    """Evaluations that took that many seconds each."""
    for seconds in took:
        evaluation = factories.grade(factories.submit(user), 0.5)
        now = timezone.now()
        changes = {"finished_at": now, "started_at": now - timedelta(seconds=seconds)}
        Evaluation.objects.filter(pk=evaluation.pk).update(**changes)
    cache.clear()


def test_the_usual_time_is_the_middle_half_of_what_ended_here(bob: User, course: Course, settings):
    for user in factories.UserFactory.create_batch(2):
        ended(user, 8.2, 21.0, 33.4, 90.0)
    submission = factories.submit(bob)
    assert durations.of_evaluation(submission.current) == Duration(20, 35)
    tuned = factories.submit(bob, payload=factories.LORA)
    found = durations.of_evaluation(tuned.current)
    assert found is not None and found.basis == Basis.MACHINE


def test_fractions_of_a_second_do_not_move_the_usual_time(bob: User, course: Course):
    for user, fraction in zip(factories.UserFactory.create_batch(2), (0.001, 0.9), strict=True):
        Evaluation.objects.all().delete()
        ended(user, *[15 + fraction] * FEWEST)
        submission = factories.submit(bob)
        assert durations.of_evaluation(submission.current) == Duration(15, 20)


def test_too_few_attempts_leave_it_to_the_authors(ada: User, ada_client: Client, bob: User, sea_or_sky: Challenge):
    ended(bob, *[15.0] * (FEWEST - 1))
    scene.with_baselines(sea_or_sky.version)
    submission = factories.submit(ada)
    assert "About 10 s, by what the author measured." in page(ada_client, submission)
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert durations.of_evaluation(run.current) is None


def test_the_page_says_what_is_usual(ada: User, ada_client: Client, bob: User, course: Course):
    ended(bob, *[17.0] * FEWEST)
    assert "Usually 15 s to 20 s here." in page(ada_client, factories.submit(ada))


def test_there_is_something_to_read_while_it_waits(ada: User, ada_client: Client, tmp_path):
    scene.scene_course(tmp_path)
    submission = factories.submit(ada)
    text = page(ada_client, submission)
    assert "While you wait" in text and "Why so?" in text and "Because <em>so</em>." in text
    assert "Read hint 1 of 3</a>" in text
    factories.grade(submission)
    assert "While you wait" not in page(ada_client, submission)


def test_without_questions_and_hints_there_is_no_card(ada: User, ada_client: Client, sea_or_sky: Challenge):
    submission = factories.submit(ada)
    assert "Read hint 1 of 3</a>" in page(ada_client, submission)
    for _ in range(3):
        services.take_hint(ada, sea_or_sky)
    assert "While you wait" not in page(ada_client, submission)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_waiting_page_names_no_hidden_number(ada: User, ada_client: Client, course: Course, state: str):
    submission = factories.submit(ada)
    if state == "running":
        tell(factories.claimed(submission), "progress", stage="public", done=4, total=4)
    text = page(ada_client, submission)
    assert text.count("data-silent") == 1 and 'data-stage="hidden"' in text
    assert 'data-stage="hidden" data-state="present" data-silent' in text or state == "queued"


def test_a_retrieval_says_that_it_reads_the_documents(ada: User, tmp_path: Path):
    publish(read_course(example_course.write_course(tmp_path / "examples")))
    made = factories.submit(ada, "ask-the-library", PAYLOAD)
    assert names(made) == ["queued", "loading", "index", "public", "hidden"]
    evaluation = factories.claimed(made)
    tell(evaluation, "progress", stage="index", done=3, total=12)
    assert present(made) == ("index", 3, 12)
    tell(evaluation, "progress", stage="index", done=12, total=12)
    assert present(made) == ("index", 12, 12)
