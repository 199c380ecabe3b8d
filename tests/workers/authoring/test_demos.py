"""The demo of the built-in lesson, and the code that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from challenges.course_bundle import LessonBundle
from challenges.files.rows import read_train
from challenges.lesson.demo import FEW, SHOWN_FROM, TUNED, UNSURE, ZERO, DemoRecord, Said, said
from challenges.lesson.spec import Demo
from challenges.reading import read_lesson
from tests.challenges.factory import write_lesson
from workers.authoring import demo_command, demos
from workers.sandbox.supervisor import Runner

FOLDER = Path(__file__).resolve().parents[3] / "challenges" / "library" / "fine-tuning-vs-prompting"
EYES, MOLE, RASH, ZIGZAG, NIGHTS = range(5)
ALMOST = 0.05


@pytest.fixture(scope="module")
def lesson() -> LessonBundle:
    return read_lesson(FOLDER)


@pytest.fixture(scope="module")
def demo(lesson: LessonBundle) -> Demo:
    return demos.of(lesson)[0]


@pytest.fixture(scope="module")
def runner(built_in_folder: Path) -> Iterator[Runner]:
    made = Runner()
    yield made
    made.close()


@pytest.fixture(scope="module")
def panels(lesson: LessonBundle, demo: Demo, runner: Runner) -> dict[str, list[Said]]:
    """The answers of each panel to each example input."""
    found = demos.ask(lesson, demo.chips, runner)
    return {name: [said(demo, name, shares) for shares in rows] for name, rows in found.items()}


def test_the_temperature_softens_what_was_too_sure() -> None:
    sure = ({"sea": 0.99, "sky": 0.01}, "sea"), ({"sea": 0.99, "sky": 0.01}, "sky")
    right = ({"sea": 0.7, "sky": 0.3}, "sea"), ({"sea": 0.7, "sky": 0.3}, "sea")
    assert demos.fitted(sure) > 1 > demos.fitted(right)


def test_a_lesson_without_a_demo_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_lesson(tmp_path)
    with pytest.raises(typer.Exit) as ended:
        demo_command.demo(root)
    assert ended.value.exit_code == 1 and "the lesson has no demo" in capsys.readouterr().out


def test_the_adapter_is_small_and_the_demo_says_what_it_was_trained_on(lesson: LessonBundle, demo: Demo) -> None:
    assert len(lesson.files[f"{demo.adapter}/adapter_model.safetensors"]) < 6_000_000
    _, challenge = demos.of(lesson)
    extra, problems = read_train((FOLDER / demo.extra_rows).read_bytes())
    assert not problems
    for count in (len(challenge.train), len(extra), len(challenge.public)):
        assert f" {count} " in demo.trained_on
    asked = {sample.input for sample in (*challenge.public, *challenge.hidden)} | set(demo.chips)
    assert not asked & {row.input for row in extra}


def test_the_recorded_answers_are_those_of_todays_demo(lesson: LessonBundle, demo: Demo) -> None:
    record = DemoRecord.model_validate(lesson.measured["demo"])
    assert record.digest == demos.digest(lesson), "run `gradus challenge demo --record`"
    assert record.input == demo.chips[EYES] == "".join(record.reads) and len(record.reads) > 5


@pytest.mark.slow
def test_recording_again_gives_the_recorded_answers(lesson: LessonBundle, runner: Runner) -> None:
    before, again = DemoRecord.model_validate(lesson.measured["demo"]), demos.record(lesson, runner)
    assert again.reads == before.reads
    for name, panel in again.panels.items():
        assert panel.tokens == before.panels[name].tokens
        assert panel.probabilities == pytest.approx(before.panels[name].probabilities, abs=0.02)


@pytest.mark.slow
def test_the_examples_show_what_the_lesson_says_of_them(panels: dict[str, list[Said]]) -> None:
    assert panels[ZERO][EYES].answer == "Dermatologist or Ophthalmologist"
    assert panels[FEW][EYES].answer == UNSURE
    tuned = panels[TUNED][EYES]
    assert tuned.answer == "Ophthalmologist" and tuned.meters[0].share > 0.7
    allergist = next(meter for meter in tuned.related if meter.label == "Allergist")
    assert allergist.share >= SHOWN_FROM + 0.02 and allergist.condition == "if allergic conjunctivitis"

    assert {panels[name][MOLE].answer for name in panels} == {"Dermatologist"}
    assert panels[TUNED][MOLE].meters[0].share > 0.9

    first, second = panels[TUNED][RASH].meters[0], panels[TUNED][RASH].related[0]
    assert {first.label, second.label} == {"Dermatologist", "Allergist"}
    assert second.share > 0.25 and second.condition

    assert panels[FEW][NIGHTS].answer == UNSURE and "Urologist" not in panels[ZERO][NIGHTS].answer
    for chip, label in ((NIGHTS, "Urologist"), (ZIGZAG, "Neurologist")):
        assert panels[TUNED][chip].answer == label and panels[TUNED][chip].meters[0].share > 0.9

    for answer in (answer for panel in panels.values() for answer in panel):
        meters = (*answer.meters, *answer.related)
        assert all(meter.share >= SHOWN_FROM for meter in meters)
        assert len({meter.label for meter in meters}) == len(meters)


@pytest.mark.slow
def test_the_temperature_is_the_one_that_fits_the_public_rows(lesson: LessonBundle, demo: Demo, runner: Runner) -> None:
    """The temperature may differ by a step of the grid, because machines differ in the last digits of probabilities."""
    assert abs(demos.temperature(lesson, runner) - demo.temperature) <= ALMOST + 1e-9
