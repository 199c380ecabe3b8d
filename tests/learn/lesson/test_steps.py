"""A lesson in steps: a screen for each heading of level 2, what was done of them, and the whole as one page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.courses.services import publish
from gradus.questions.models import ReadStep
from tests.learn import scene

LESSON = "/lessons/first/"
TEXT = """Before any heading.

## Look at it

<!-- demo -->

> ## Not a step

## Über, twice

<!-- question: water -->

### A part of it

::: fold More
## Folded
:::

<!-- finding: few-shot -->

## What you can now do

<!-- challenge: sea-or-sky -->

- Nothing yet
"""
SECOND, LAST = "/lessons/first/steps/%C3%BCber-twice/", "/lessons/first/steps/what-you-can-now-do/"


@pytest.fixture(autouse=True)
def lesson(db, tmp_path) -> Lesson:
    bundle = scene.scene_bundle(tmp_path / "scene")
    spec = bundle.lessons[0].lesson.model_copy(update={"steps": True})
    publish(replace(bundle, lessons=(replace(bundle.lessons[0], text=TEXT, lesson=spec),), digest=""))
    return Lesson.objects.get()


def text(client: Client, address: str = LESSON) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def done(client: Client, address: str = LESSON) -> list[bool]:
    return ["data-done" in one.partition(">")[0] for one in text(client, address).split("data-holds")[1:]]


def test_each_step_has_its_own_text_and_all_lead_to_each_other(client: Client) -> None:
    first, second, last = text(client), text(client, SECOND), text(client, LAST)
    assert "Before any heading." in first and 'id="demo"' in first and "Not a step" in first
    assert "What moves water?" in second and 'id="finding-few-shot"' in second and "Folded" in second
    assert "3 challenges for this lesson" in last and "What have you gained?" in last and "Why so?" in last
    for page, own in ((first, 'id="demo"'), (second, "What moves water?"), (last, "What have you gained?")):
        assert [own in other for other in (first, second, last)].count(True) == 1
        assert [page.count(f'href="{address}"') >= 1 for address in (LESSON, SECOND, LAST)] == [True] * 3
        assert page.count('aria-current="step"') == 1
        assert '<link rel="canonical" href="/lessons/first/one-page/">' in page
    assert "2 questions before you begin" in first and "2 questions before you begin" not in second


def test_who_may_edit_the_lesson_is_led_to_its_text(client: Client, ada_client: Client, grace_client: Client) -> None:
    for address in (LESSON, SECOND):
        assert "/studio/file/?path=first%2Flesson.md" in text(grace_client, address)
        assert all("/studio/" not in text(other, address) for other in (client, ada_client))


def test_one_page_has_everything_once(client: Client) -> None:
    page = text(client, "/lessons/first/one-page/")
    for part in ("Before any heading.", 'id="demo"', "What moves water?", 'id="finding-few-shot"', "Why so?"):
        assert page.count(part) == 1, part
    assert '<a href="#what-you-can-now-do" lang="en">' in page


def test_what_is_read_is_kept_for_a_guest_and_noted_once(client: Client) -> None:
    assert done(client) == [False] * 3
    for _ in range(2):
        answer = client.post(f"{LESSON}steps/look-at-it/read")
        assert (answer.status_code, answer["Location"]) == (302, SECOND)
    assert ReadStep.objects.get().user.is_guest
    assert done(client) == [True, False, False] and done(Client()) == [False] * 3


def test_an_answered_question_is_a_step_done_and_the_last_one_ends_with_its_questions(ada: User, ada_client) -> None:
    answer = ada_client.post(f"{LESSON}questions/water/answer", {"option": "0"})
    assert answer["Location"] == f"{SECOND}#question-water"
    assert done(ada_client) == [False, True, False]
    for name in ("ships", "fog"):
        ada_client.post(f"{LESSON}questions/{name}/answer", {"option": "0"})
    assert done(ada_client) == [False, True, True]


def test_somebody_who_comes_back_is_offered_where_they_stopped(ada_client: Client) -> None:
    assert "Go on where you stopped" not in text(ada_client)
    ada_client.post(f"{LESSON}steps/look-at-it/read")
    ada_client.post(f"{LESSON}questions/water/answer", {"option": "0"})
    page = text(ada_client)
    assert "Go on where you stopped" in page and page.count(f'href="{LAST}"') == 2


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("look-at-it", LESSON),
        ("demo", f"{LESSON}#demo"),
        ("a-part-of-it", f"{SECOND}#a-part-of-it"),
        ("finding-few-shot", f"{SECOND}#finding-few-shot"),
        ("question-water", f"{SECOND}#question-water"),
        ("challenges", f"{LAST}#challenges"),
        ("after", f"{LAST}#after"),
    ],
)
def test_an_id_that_is_no_step_leads_to_where_it_stands(client: Client, name: str, where: str) -> None:
    answer = client.get(f"{LESSON}steps/{name}/")
    assert (answer.status_code, answer["Location"]) == (302, where)
    assert f'id="{name}"' in text(client, where)


@pytest.mark.parametrize("name", ["none", "%00", "not-a-step", "folded"])
def test_other_names_are_not_found(client: Client, name: str) -> None:
    kept = client.get(f"{LESSON}steps/{name}/")
    assert kept.status_code == (302 if name in ("not-a-step", "folded") else 404)
    assert client.post(f"{LESSON}steps/{name}/read").status_code == 404
    assert not ReadStep.objects.exists()


def test_findings_and_challenges_lead_back_to_their_step(client: Client) -> None:
    assert f'href="{SECOND}#finding-few-shot"' in text(client, "/lessons/first/findings/few-shot/")
    assert f'href="{LAST}"' in text(client, "/challenges/sea-or-sky/")
    assert f'href="{LAST}"' not in text(client, "/challenges/explain/")
    assert 'id="challenge-sea-or-sky"' in text(client, LAST)


def test_a_lesson_without_steps_is_one_page_as_before(client: Client, lesson: Lesson) -> None:
    lesson.spec = {name: value for name, value in lesson.spec.items() if name != "steps"}
    lesson.save()
    page = text(client)
    assert 'id="demo"' in page and "What moves water?" in page and "data-holds" not in page
    assert client.get(f"{LESSON}one-page/")["Location"] == LESSON
    assert client.get(f"{LESSON}steps/look-at-it/").status_code == 404
