"""The front page: a recorded answer of the model for newcomers, and the place where a learner was for the others."""

import json
import re
from dataclasses import replace

import pytest
from django.urls import reverse

from challenges.lesson.demo import PANELS
from challenges.reading import read_course
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Lesson
from gradus.courses.services import publish
from gradus.learn.demo.demo import recorded_demo
from gradus.learn.path.home import Resume, resume
from gradus.learn.path.steps import paths
from gradus.submissions import services
from tests import factories
from tests.browser.driver.pages import LIBRARY
from tests.learn import scene
from tests.markup import Markup

RECORD = {
    "digest": "d",
    "input": "a foghorn",
    "reads": ["a", " fog", "horn"],
    "machine": "two cores",
    "panels": {name: {"tokens": 30, "probabilities": {"sea": 0.93, "sky": 0.07}} for name in PANELS},
}


@pytest.fixture
def recorded(db, tmp_path):
    """A lesson whose demo was recorded."""
    bundle = scene.scene_bundle(tmp_path / "scene")
    lesson = bundle.lessons[0]
    return publish(replace(bundle, lessons=(replace(lesson, measured={**lesson.measured, "demo": RECORD}),)))


def test_a_newcomer_sees_a_recorded_answer(client, recorded):
    text = Markup(client.get("/").content.decode())
    assert '<span class="token"> fog</span><span class="token">horn</span>' in text
    assert [name in text for name in ("Zero-shot", "Few-shot", "Fine-tuned")] == [True] * 3
    assert '<span class="meter-value">0.93</span>' in text and "if it flies" in text
    assert 'href="/lessons/first/#demo">Ask the model yourself' in text


def test_the_built_in_numbers_are_those_of_the_record(client, db):
    publish(read_course(LIBRARY))
    panels = json.loads((LIBRARY / "fine-tuning-vs-prompting" / "measured.json").read_text())["demo"]["panels"]
    text = Markup(client.get("/").content.decode())
    first = text[text.index('id="answered-zero-shot"') : text.index('id="answered-few-shot"')]
    shown = re.findall(r'meter-name">(\w+)</span><span class="meter-value">([\d.]+)<', first.partition("rivals")[2])
    expected = sorted(panels["zero-shot"]["probabilities"].items(), key=lambda pair: -pair[1])
    assert shown == [(label, f"{share:.2f}") for label, share in expected]
    # The plain way does as well as training on this task, and the front page says so.
    assert "0.80</span>" in text and "Embeddings and logistic regression scores highest: 0.82" in text


@pytest.mark.parametrize(
    "record",
    [
        None,
        "text",
        {**RECORD, "input": "an old example"},
        {**RECORD, "panels": {"zero-shot": RECORD["panels"]["zero-shot"]}},
        {**RECORD, "panels": {name: {"tokens": 30, "probabilities": {"sea": 2.0, "sky": 0}} for name in PANELS}},
    ],
)
def test_a_missing_or_outdated_record_is_left_out(client, recorded, record):
    Lesson.objects.update(measured={"demo": record})
    catalogue.forget()
    assert recorded_demo(catalogue.now().lesson("first")) is None
    page = client.get("/")
    assert page.status_code == 200 and "Ask the model yourself" not in Markup(page.content.decode())


def test_a_lesson_without_a_demo_has_no_record(course):
    assert recorded_demo(catalogue.now().lesson("first")) is None


def test_those_who_have_begun_see_their_place_and_not_the_demo(ada, ada_client, recorded):
    factories.grade(factories.submit(ada), 0.3)
    text = Markup(ada_client.get("/").content.decode())
    assert "Continue where you were" in text and "Ask the model yourself" not in text
    assert 'aria-label="Best 0.30, passing needs 0.60, gold 0.80"' in text


def place(user) -> Resume | None:
    return resume(user, paths(user))


def test_a_visitor_and_a_new_account_have_no_place(ada, course):
    assert place(None) is None and place(ada) is None


def test_what_was_touched_last_is_the_place_to_go_on_be_it_a_run(ada, ada_client, course):
    factories.grade(factories.submit(ada), 0.3)
    services.start_run(ada, factories.challenge("ticket").version, {**factories.PROMPT})
    found = place(ada)
    assert found and found.step.challenge.slug == "ticket" and found.distance is None
    assert "You have begun here, but nothing is submitted yet" in Markup(ada_client.get("/").content.decode())


def test_hints_alone_are_a_place_to_go_on(ada, course):
    services.take_hint(ada, factories.challenge("explain"))
    found = place(ada)
    assert found and found.step.challenge.slug == "explain"


def test_the_distance_to_the_pass_mark_is_that_of_the_shown_score(ada, course):
    factories.grade(factories.submit(ada), 0.4187)
    found = place(ada)
    assert found and found.step.standing
    assert (found.goal, found.distance) == ("pass", round(0.6 - found.step.standing.shown, 10))


def test_after_everything_is_passed_gold_is_what_is_left(ada, ada_client, course):
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    factories.grade(factories.submit(ada, "explain", factories.FREE_TEXT), 0.9, result={"marks": []})
    factories.grade(factories.submit(ada, "ticket", {**factories.LORA, "rows": rows}), 0.9)
    factories.grade(factories.submit(ada), 0.7)
    found = place(ada)
    assert found and (found.step.challenge.slug, found.goal, found.distance) == ("sea-or-sky", "gold", 0.1)
    assert "below gold" in Markup(ada_client.get("/").content.decode())


def test_where_the_last_challenge_is_gone_the_path_goes_on(ada, ada_client, course):
    factories.grade(factories.submit(ada), 0.7)
    factories.grade(factories.submit(ada, "explain", factories.FREE_TEXT), 0.3, result={"marks": []})
    Challenge.objects.filter(slug="explain").update(is_current=False)
    catalogue.forget()
    found = place(ada)
    assert found and found.touched is None and found.step.challenge.slug == "ticket"
    assert "This is the next challenge on your path." in Markup(ada_client.get("/").content.decode())


def test_those_who_have_all_gold_have_nothing_to_continue(ada, ada_client, course):
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    factories.grade(factories.submit(ada, "ticket", {**factories.LORA, "rows": rows}), 0.9)
    factories.grade(factories.submit(ada, "explain", factories.FREE_TEXT), 0.9, result={"marks": []})
    factories.grade(factories.submit(ada), 0.9)
    assert place(ada) is None
    assert "You have passed every challenge that is open to you" in Markup(ada_client.get("/").content.decode())


def test_the_board_and_the_chart_name_the_best_of_each_approach(client, recorded):
    scene.with_baselines(factories.challenge("sea-or-sky").version)
    text = Markup(client.get("/").content.decode())
    assert re.findall(r'<th scope="row">([\w-]+)<', text) == ["Zero-shot", "Few-shot", "LoRA"]
    assert f'href="{reverse("learn:costs", args=["sea-or-sky"])}"' in text
