"""Lessons of one and of twelve challenges on the pages that draw their steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from challenges.course_bundle import LessonBundle
from challenges.lesson.spec import Lesson
from gradus.accounts.models import User
from gradus.courses.services import publish
from tests import factories
from tests.browser.driver.seen import first_quick

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = ("/", "/path/", "/courses/tiny/", "/lessons/many/")
# The steps of a lesson, each with where it begins.
STEPS = """selector => [...document.querySelectorAll(selector)].map(list =>
  [...list.children].map(step => [step, step.getBoundingClientRect()]).map(([, at]) => [at.left, at.top, at.height]))"""


@pytest.fixture
def lessons(transactional_db: None, tmp_path: Path) -> None:
    """A course with a lesson of one challenge, one of twelve and one of three."""
    bundle = factories.tiny_bundle(tmp_path / "tiny")
    first = bundle.lessons[0]
    few, many = (_lesson(first, id, count) for id, count in (("few", 1), ("many", 12)))
    publish(replace(bundle, lessons=(few, many, first)))


def _lesson(like: LessonBundle, id: str, count: int) -> LessonBundle:
    names = [f"{id}-{number}" for number in range(count)]
    challenge = like.challenges[0]
    copies = [challenge.challenge.model_copy(update={"id": name, "title": f"Sea or sky {name}"}) for name in names]
    spec = {**like.lesson.model_dump(mode="json", by_alias=True), "title": f"A lesson of {count}", "challenges": names}
    bundles = tuple(replace(challenge, challenge=copy, digest="") for copy in copies)
    return replace(like, id=id, lesson=Lesson.model_validate(spec), challenges=bundles)


@first_quick(("width", "in_a_row"), (1280, 3), (360, 1))
def test_lessons_of_one_and_of_twelve_challenges_fit_and_rise(
    ada: User, lessons: None, visit, width: int, in_a_row: int
) -> None:
    page = visit(ada, viewport={"width": width, "height": 800})
    for address in PAGES:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    page.goto("/path/")
    few, many, three = page.evaluate(STEPS, ".flight")
    assert [len(few), len(many), len(three)] == [1, 12, 3]
    rows = [many[at : at + in_a_row] for at in range(0, 12, in_a_row)]
    assert all(_rises(row) for row in (*rows, three if in_a_row == 3 else [])), rows
    assert all(above[-1][1] < below[-1][1] for above, below in pairwise(rows)), rows
    page.goto("/")
    stairs = page.evaluate(STEPS, ".stairs-steps")
    assert [len(found) for found in stairs] == [1, 12, 3]
    heights = [round(step[2]) for found in stairs for step in found]
    assert heights == sorted(heights) and len({round(found[-1][2] - stairs[0][0][2]) for found in stairs}) == 3


def _rises(row: Sequence[Sequence[float]]) -> bool:
    """Whether each step of a row stands to the right of the one before, and higher."""
    return all(one[0] < other[0] and one[1] > other[1] for one, other in pairwise(row))
