"""What a lesson says about its demo, its search, its tables and its records is what they show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from challenges.course_bundle import CourseBundle
from challenges.reading import read_course
from tests.lessons.claims import Claim, Claims, one_line, parts, says_that_it_measures_nothing, tables, words_of
from tests.lessons.evidence import Evidence
from workers.sandbox.supervisor import Runner

LIBRARY = Path(__file__).resolve().parents[2] / "challenges/library"
LESSONS = yaml.safe_load((LIBRARY / "course.yaml").read_text())["lessons"]
# The table of the lesson `retrieval` is `claims` in `tests/lessons/retrieval.py`, and so on.
TABLES: dict[str, Claims] = {name: import_module(f"tests.lessons.{name.replace('-', '_')}").claims for name in LESSONS}
ALL = [claim for table in TABLES.values() for claim in table.listed]

each_lesson = pytest.mark.parametrize("name", TABLES)


def each(live: bool) -> pytest.MarkDecorator:
    chosen = [claim for claim in ALL if claim.is_live == live]
    return pytest.mark.parametrize("claim", chosen, ids=[claim.name for claim in chosen])


@pytest.fixture(scope="module")
def course() -> CourseBundle:
    return read_course(LIBRARY)


@pytest.fixture(scope="module")
def evidence(course: CourseBundle) -> Iterator[dict[str, Evidence]]:
    runner = Runner()
    yield {lesson.id: Evidence(course, lesson, runner) for lesson in course.lessons}
    runner.close()


def test_every_lesson_has_its_table(course: CourseBundle) -> None:
    assert [lesson.id for lesson in course.lessons] == [table.lesson for table in TABLES.values()]


@each_lesson
def test_every_phrase_stands_in_the_lesson(evidence: dict[str, Evidence], name: str) -> None:
    text = words_of(evidence[name].lesson)
    missing = [phrase for claim in TABLES[name].listed for phrase in claim.says if one_line(phrase) not in text]
    assert not missing, "the text has changed: ask the check whether the new one is true, and write it here"
    assert all(len(phrase.split()) > 2 for claim in TABLES[name].listed for phrase in claim.says)


@each_lesson
def test_every_demo_search_finding_table_and_drawing_has_a_claim(evidence: dict[str, Evidence], name: str) -> None:
    lesson, table = evidence[name].lesson, TABLES[name]
    shown = set(parts(lesson))
    asked = {claim.part for claim in table.listed if claim.says} | {f"table {heading}" for heading in table.advice}
    assert {part for part in shown - asked if not says_that_it_measures_nothing(lesson, part)} == set()
    assert asked - shown - {"text"} == set(), "claims about parts that the lesson does not have"


@each_lesson
def test_a_new_table_a_new_finding_and_a_new_drawing_each_need_a_claim(
    course: CourseBundle, evidence: dict[str, Evidence], name: str
) -> None:
    lesson = evidence[name].lesson
    text = f'{lesson.text}\n\n| Method | Score |\n| --- | --- |\n| LoRA | best |\n\n![A curve](assets/new.svg "New")\n'
    finding = next(one for other in course.lessons for one in other.findings).model_copy(update={"id": "new"})
    changed = replace(lesson, text=text, findings=(*lesson.findings, finding))
    new = set(parts(changed)) - set(parts(lesson))
    assert new == {"table Method | Score", "drawing assets/new.svg", "finding new"}
    assert not any(says_that_it_measures_nothing(changed, part) for part in new)


def test_the_heading_of_a_table_in_a_fold_is_found() -> None:
    assert list(tables("::: fold T\n| A | *B* |\n| - | - |\n| 1 | 2 |\n:::\n")) == ["A | *B*"]


@each(live=False)
def test_the_record_shows_what_the_lesson_says(evidence: dict[str, Evidence], claim: Claim) -> None:
    claim.check(evidence[claim.lesson])


@pytest.mark.slow
@each(live=True)
def test_the_running_demo_and_search_show_what_the_lesson_says(evidence: dict[str, Evidence], claim: Claim) -> None:
    claim.check(evidence[claim.lesson])
