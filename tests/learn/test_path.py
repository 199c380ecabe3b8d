from dataclasses import replace

import pytest
from django.urls import reverse

from challenges.spec import Lesson
from gradus.courses.services import publish
from gradus.learn.path import GOLD, LOCKED, OPEN, PASSED, has_passed, paths
from tests import factories


@pytest.fixture
def two_lessons(db, tmp_path):
    """The second lesson requires the first; its challenges are copies under other ids."""
    bundle = factories.tiny_bundle(tmp_path / "tiny")
    first = bundle.lessons[0]
    names = [f"{c.challenge.id}-two" for c in first.challenges]
    challenges = tuple(
        replace(c, challenge=c.challenge.model_copy(update={"id": name}), digest="")
        for c, name in zip(first.challenges, names, strict=True)
    )
    spec = {**first.lesson.model_dump(mode="json", by_alias=True), "title": "Second", "requires": ["first"]}
    second = replace(
        first, id="second", lesson=Lesson.model_validate({**spec, "challenges": names}), challenges=challenges
    )
    return publish(replace(bundle, lessons=(first, second)))


def states(user):
    (path,) = paths(user)
    return [(lesson.state, [step.state for step in lesson.challenges]) for lesson in path.lessons]


def passed(user, slug, payload, score=0.7, **outcome):
    factories.grade(factories.submit(user, slug, payload), score, **outcome)


def test_a_visitor_begins_at_the_first_challenge(two_lessons):
    assert states(None) == [(OPEN, [OPEN] * 3), (LOCKED, [LOCKED] * 3)]
    assert paths(None)[0].next.challenge.slug == "sea-or-sky"


def test_passing_moves_the_next_step(ada, two_lessons):
    passed(ada, "sea-or-sky", factories.PROMPT, 0.9)
    assert states(ada)[0] == (OPEN, [GOLD, OPEN, OPEN])
    assert paths(ada)[0].next.challenge.slug == "ticket"


def test_another_track_does_not_pass(ada, two_lessons):
    passed(ada, "sea-or-sky", factories.LORA, 0.9)
    assert states(ada)[0] == (OPEN, [OPEN] * 3)
    assert not has_passed(ada, factories.challenge("sea-or-sky"))


def test_all_three_open_the_next_lesson_and_a_provisional_pass_counts(ada, two_lessons):
    passed(ada, "sea-or-sky", factories.PROMPT)
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    passed(ada, "ticket", {**factories.LORA, "rows": rows})
    assert states(ada)[1][0] == LOCKED
    passed(ada, "explain", factories.FREE_TEXT, provisional=True)
    assert states(ada) == [(PASSED, [PASSED] * 3), (OPEN, [OPEN] * 3)]
    assert not has_passed(ada, factories.challenge("explain"))


def test_the_map_marks_locked_and_next(client, two_lessons):
    text = client.get(reverse("learn:path")).content.decode()
    assert text.count('class="step" data-state="locked"') == 3
    assert text.count(" data-next") == 1
    assert 'after <span lang="en">First</span>' in text


def test_the_path_takes_few_queries(ada, two_lessons, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        states(ada)
