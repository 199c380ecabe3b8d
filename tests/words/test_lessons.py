"""Texts of the front page, the path, lessons, the advisor and the demo in states that `test_pages.py` has not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Course, Lesson
from gradus.courses.services import publish
from gradus.learn.demo.demo import DEMO
from gradus.submissions import services
from gradus.submissions.models import Run, Standing
from tests import factories
from tests.learn import scene
from tests.learn.path.test_path import two_lessons  # noqa: F401
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo")
ROWS = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
TEXT = "a heron over the reef"


def plain(client: Client, path: str, status: int = 200) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == status
    return unmarked(answer.content.decode())


def both(client: Client) -> list[list[str]]:
    return [plain(client, "/"), plain(client, "/path/")]


@pytest.fixture
def lesson(db: None, tmp_path: Path) -> Lesson:
    scene.scene_course(tmp_path / "scene")
    return catalogue.now().lesson("first")


def passed(user: User, slug: str, payload: dict[str, object], score: float = 0.7) -> None:
    factories.grade(factories.submit(user, slug, payload), score)


def test_a_site_without_a_course(db: None, client: Client) -> None:
    assert both(client) == [[], []]


def test_a_learner_from_the_first_hint_to_the_last_pass(ada: User, ada_client: Client, course: Course) -> None:
    services.take_hint(ada, factories.challenge("sea-or-sky"))
    assert both(ada_client) == [[], []]
    for score in (0.3, 0.7):
        passed(ada, "sea-or-sky", factories.PROMPT, score)
        assert both(ada_client) == [[], []]
    passed(ada, "ticket", {**factories.LORA, "rows": ROWS}, 0.9)
    passed(ada, "explain", factories.FREE_TEXT, 0.9)
    assert [*both(ada_client), plain(ada_client, "/lessons/first/")] == [[], [], []]
    passed(ada, "sea-or-sky", factories.PROMPT, 0.9)
    assert both(ada_client) == [[], []]


def test_an_attempt_without_a_score(ada: User, ada_client: Client, course: Course) -> None:
    factories.submit(ada)
    assert both(ada_client) == [[], []]


def test_a_learner_who_comes_back_later(ada: User, ada_client: Client, course: Course) -> None:
    passed(ada, "sea-or-sky", factories.PROMPT)
    Standing.objects.update(reached_at=timezone.now() - timedelta(days=30))
    assert both(ada_client) == [[], []]


def test_a_score_under_an_older_version(ada: User, ada_client: Client, course: Course, tmp_path: Path) -> None:
    passed(ada, "sea-or-sky", factories.PROMPT)
    bundle = factories.tiny_bundle(tmp_path / "again")
    first = bundle.lessons[0]
    newer = first.challenges[0].challenge.model_copy(update={"version": "9.0.0"})
    challenges = (replace(first.challenges[0], challenge=newer, digest=""), *first.challenges[1:])
    publish(replace(bundle, lessons=(replace(first, challenges=challenges),), digest=""))
    assert [*both(ada_client), plain(ada_client, "/courses/tiny/")] == [[], [], []]


def test_lessons_that_wait_for_others(client: Client, two_lessons: Course) -> None:  # noqa: F811
    assert both(client) == [[], []]
    assert [plain(client, f"/courses/{two_lessons.slug}/"), plain(client, "/lessons/second/")] == [[], []]


def test_a_guest(guest_client: Client, course: Course) -> None:
    assert both(guest_client) == [[], []]


def test_the_advisor_from_the_first_question_to_each_advice(client: Client, lesson: Lesson) -> None:
    for answers in ("", "?changes=weekly", "?changes=never&rows=few", "?changes=weekly&rows=few", "?at=rows"):
        assert plain(client, f"/lessons/first/advisor/{answers}") == []


def test_a_text_that_the_demo_refuses(client: Client, lesson: Lesson) -> None:
    for text in ("", "x" * 1000, "a\x07b"):
        answer = client.post("/lessons/first/demo/", {"text": text})
        assert answer.status_code == 422
        assert unmarked(answer.content.decode()) == []


def test_a_demo_that_is_not_complete(client: Client, lesson: Lesson, settings) -> None:
    settings.STORAGES = {**settings.STORAGES, "private": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    answer = client.post("/lessons/first/demo/", {"text": TEXT})
    assert answer.status_code == 503
    assert unmarked(answer.content.decode()) == []


def test_the_demo_while_it_is_asked_and_with_each_answer(ada: User, ada_client: Client, lesson: Lesson) -> None:
    path = asked(ada, lesson, {}, {}, {})
    assert plain(ada_client, path) == []
    for run, code in zip(Run.objects.order_by("pk"), ("timeout", "internal", "internal"), strict=True):
        claimed = factories.claimed(run)
        services.reject(claimed.pk, claimed.fence, code)
    assert plain(ada_client, path) == []
    sure, unsure = {"sea": 0.9, "sky": 0.1}, {"sea": 0.5, "sky": 0.5}
    for shares in ((sure, sure, sure), (unsure, unsure, unsure)):
        assert plain(ada_client, asked(ada, lesson, *shares)) == []


def asked(user: User, lesson: Lesson, *shares: dict[str, float]) -> str:
    """Returns the address of a demo's result, whose runs have ended where shares are given."""
    runs = DEMO.start(lesson, user, TEXT)
    for run, share in zip(runs, shares, strict=True):
        if share:
            scene.answer_demo(run, share)
    return reverse("learn:demo_result", args=["first", *[run.uuid for run in runs]])
