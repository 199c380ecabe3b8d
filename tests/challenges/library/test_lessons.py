"""Every lesson of the built-in course keeps its promises: short, illustrated, and with something to try at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from challenges.lesson.svg import read_svg
from challenges.lesson.text import STEPS_WORDS_MAX, images, sections, words
from challenges.lint.claims import can_measure
from challenges.lint.run import inspect
from challenges.reading import read_lesson

LIBRARY = Path(__file__).resolve().parents[3] / "challenges/library"
LESSONS = yaml.safe_load((LIBRARY / "course.yaml").read_text())["lessons"]
# A demo, a search, or a question that can be answered at once.
TO_TRY = re.compile(r"<!-- (?:demo|retriever|question: [a-z0-9-]+) -->")
# What nobody should meet who only wants to try a first challenge.
DISTRESSING = re.compile(
    r"\b(miscarriages?|stillborn|lost (the|our) baby|empty cot|suicide|killed (him|her)self|ashes|passed away|dying"
    r"|(he|she) died|months, the doctor said|beats? (me|her)|long sleeves in july|lips are turning blue)\b",
    re.IGNORECASE,
)

pytestmark = pytest.mark.parametrize("name", LESSONS)


def text(name: str) -> str:
    return (LIBRARY / name / "lesson.md").read_text()


def test_what_is_in_sight_is_short_and_in_five_or_six_steps(name: str) -> None:
    assert 1_200 < words(text(name)) <= STEPS_WORDS_MAX == 1_800
    assert read_lesson(LIBRARY / name).lesson.steps and len(sections(text(name))) in (5, 6)


def test_each_challenge_leads_back_to_a_step(name: str) -> None:
    marked = re.findall(r"<!-- challenge: ([a-z0-9-]+) -->", text(name))
    assert sorted(marked) == sorted(read_lesson(LIBRARY / name).lesson.challenges)


def test_something_can_be_tried_after_a_few_sentences(name: str) -> None:
    before, *rest = TO_TRY.split(text(name), maxsplit=1)
    assert rest and words(before) <= 80 and len(before.strip().split("\n\n")) <= 2


def test_every_picture_is_ours_has_words_and_can_be_shown(name: str) -> None:
    found = images(text(name))
    assert len(found) >= 3 and all(image.is_illustration for image in found)
    for image in found:
        assert 15 <= len(image.alternative.split()) <= 80 and image.caption, image.source
        assert read_svg((LIBRARY / name / image.source).read_bytes()).problems == ()
    assert {f"assets/{path.name}" for path in (LIBRARY / name / "assets").iterdir()} == {one.source for one in found}


def test_it_has_three_challenges_and_a_finding_measures_each_of_their_hints(name: str) -> None:
    lesson = read_lesson(LIBRARY / name)
    assert len(lesson.challenges) == 3
    measured = {hint for finding in lesson.findings for hint in finding.hints}
    hints = {
        f"{bundle.challenge.id}.{number}"
        for bundle in filter(can_measure, lesson.challenges)
        for number, _ in enumerate(bundle.challenge.hints, 1)
    }
    assert measured == hints and hints


def test_the_rows_of_a_first_challenge_tell_of_no_death_and_no_abuse(name: str) -> None:
    bundle = read_lesson(LIBRARY / name).challenges[0]
    shown = [row.input for row in (*bundle.public, *bundle.train)]
    assert [text for text in shown if DISTRESSING.search(text)] == []


def test_lint_has_nothing_to_say_and_nothing_to_advise(name: str) -> None:
    found = inspect(LIBRARY / name)
    assert (found.problems, found.advice) == ([], [])
