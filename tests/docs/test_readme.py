"""README and the lesson state what was measured, on the content that lies here."""

import json
from itertools import pairwise

from benchmarks.readme import MEASURED, README, inside, table
from challenges.bundle import read_lesson
from challenges.lint import lint

MEASURED_NOW = json.loads(MEASURED.read_text())
LESSON = read_lesson(MEASURED.parent)


def test_readme_states_the_measured_table():
    assert inside(README.read_text()) == table(MEASURED_NOW)


def test_baselines_were_measured_on_this_content_and_keep_their_promises():
    for bundle in LESSON.challenges:
        found = MEASURED_NOW["baselines"][bundle.challenge.id]
        assert found["digest"] == bundle.digest, (
            f"{bundle.challenge.id} has changed: run `gradus challenge test --record`"
        )
        assert {row["file"] for row in found["results"]} == {baseline.ref.file for baseline in bundle.baselines}
        assert all(row["ok"] for row in found["results"])


def test_each_approach_is_significantly_better_than_the_one_before():
    """Zero-shot, few-shot, LoRA: the lesson's thesis, p < 0.01 on the hidden rows."""
    for name, ladder in {
        "symptom-specialty": ("zero-shot", "good-few-shot", "lora"),
        "email-to-ticket": ("zero-shot", "few-shot", "lora"),
    }.items():
        steps = MEASURED_NOW["baselines"][name]["steps"]
        assert [(step["from"], step["to"]) for step in steps] == [
            (f"baselines/{low}.yaml", f"baselines/{high}.yaml") for low, high in pairwise(ladder)
        ]
        assert all(step["difference"] > 0 and step["p"] < 0.01 for step in steps)


def test_the_lessons_figures_agree_with_what_was_measured():
    assert [problem for problem in lint(MEASURED.parent) if "measured" in problem.what] == []
    keys = {figure.measured for figure in LESSON.lesson.figures if figure.measured}
    assert keys <= MEASURED_NOW["figures"].keys()
