"""docs/extending.md, "Add an approach to the advisor": lines in a lesson's `lesson.yaml` and nothing else."""

import json
import shutil
from pathlib import Path

import yaml

from challenges.lint.run import lint
from challenges.reading import read_course
from gradus.courses.services import publish
from tests.challenges import factory

LIBRARY = Path(__file__).resolve().parents[2] / "challenges" / "library"
LESSON = "fine-tuning-vs-prompting"
APPROACH = {
    "id": "distillation",
    "title": "Distillation into a small model",
    "summary": "A large model labels your inputs, and a small one is trained on its labels.",
    "first_step": "Let the large model label two hundred inputs and read fifty of the labels.",
    "cheaper": ["prompting"],
    "combines_with": ["structured-outputs"],
}
BECAUSE = "A small model of your own answers at a fraction of the price of each call."


def add(lesson: Path, **changes):
    """What CONTRIBUTING says: the approach, and in each question a choice that speaks for it, with the reason."""
    spec = yaml.safe_load((lesson / "lesson.yaml").read_text())
    advisor = spec["advisor"]
    advisor["approaches"].append({**APPROACH, **changes})
    chosen = {}
    for question in advisor["questions"]:
        choice = question["choices"][-1]
        chosen[question["id"]] = choice["id"]
        choice.setdefault("weights", {})[APPROACH["id"]] = 6.0
        choice.setdefault("because", {})[APPROACH["id"]] = BECAUSE
    # A copy without YAML's aliases, which bundles do not take.
    factory.write_yaml(lesson / "lesson.yaml", json.loads(json.dumps(spec)))
    return chosen


def test_an_approach_that_a_copied_lesson_adds_is_advised_on_the_page_and_by_the_api(db, client, tmp_path):
    course = tmp_path / "library"
    shutil.copytree(LIBRARY, course)
    chosen = add(course / LESSON)
    publish(read_course(course))

    page = client.get(f"/lessons/{LESSON}/advisor/", chosen).content.decode()
    advised = page.partition("For your case")[2].partition("</p>\n  <ul>")[0]
    assert APPROACH["title"] in advised
    assert APPROACH["summary"] in page and BECAUSE in page and APPROACH["first_step"] in page

    body = client.post(
        f"/api/v1/lessons/{LESSON}/advisor", data={"answers": chosen}, content_type="application/json"
    ).json()
    first = body["recommended"][0]
    assert first == {key: APPROACH[key] for key in ("id", "title", "summary", "first_step")}
    assert (APPROACH["title"], BECAUSE) in [(reason["approach"], reason["text"]) for reason in body["reasons"]]
    assert APPROACH["id"] in [score["approach"] for score in body["scores"]]


def test_lint_finds_an_approach_that_no_answer_speaks_for_and_an_id_that_is_taken(tmp_path):
    lesson = factory.write_lesson(tmp_path / "lesson")
    built_in = yaml.safe_load((LIBRARY / LESSON / "lesson.yaml").read_text())["advisor"]
    spec = yaml.safe_load((lesson / "lesson.yaml").read_text())

    def said():
        return [(problem.what, problem.fix) for problem in lint(lesson) if problem.file == "lesson.yaml"]

    factory.write_yaml(lesson / "lesson.yaml", {**spec, "advisor": built_in})
    add(lesson)
    assert said() == []
    add(lesson)
    assert said() == [("the approach `distillation` stands twice", "rename one of them")]
    alone = {**built_in, "approaches": [*built_in["approaches"], APPROACH]}
    factory.write_yaml(lesson / "lesson.yaml", {**spec, "advisor": alone})
    silent = "no answer speaks for `distillation`, so it is never advised"
    assert said() == [(silent, "give it a weight above 0 in a choice of `questions`")]
