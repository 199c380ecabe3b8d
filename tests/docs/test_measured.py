"""The page of measured baselines and the lesson state what was measured, and it was measured on today's content."""

import json

from benchmarks.baselines import MEASURED, PAGE, page
from challenges.lint import lint
from challenges.reading import read_lesson

MEASURED_NOW = json.loads(MEASURED.read_text())
LESSON = read_lesson(MEASURED.parent)


def test_the_page_of_measured_baselines_is_up_to_date():
    assert PAGE.read_text() == page(MEASURED_NOW), "run `python -m benchmarks.baselines`"


def test_baselines_were_measured_on_this_content_and_keep_their_promises():
    for bundle in LESSON.challenges:
        found = MEASURED_NOW["baselines"][bundle.challenge.id]
        assert found["digest"] == bundle.digest, (
            f"{bundle.challenge.id} has changed: run `gradus challenge test --record`"
        )
        assert {row["file"] for row in found["results"]} == {baseline.ref.file for baseline in bundle.baselines}
        assert all(row["ok"] for row in found["results"])


def test_training_is_significantly_better_than_the_best_prompt():
    """p < 0.01 on the hidden rows. What else the lesson states of prompts is a finding, proved by its own record."""
    for name, best in {"symptom-specialty": "lora", "email-to-ticket": "gold"}.items():
        step = MEASURED_NOW["baselines"][name]["steps"][-1]
        assert step["to"] == f"baselines/{best}.yaml"
        assert step["difference"] > 0 and step["p"] < 0.01


def test_every_finding_is_proved_on_this_content():
    assert [str(problem) for problem in lint(MEASURED.parent) if "finding" in problem.file] == []
    assert {finding.id for finding in LESSON.findings} == set(LESSON.records.findings)
    for record in LESSON.records.findings.values():
        assert all(claim.holds for experiment in record.experiments for claim in experiment.claims)


def test_the_lessons_figures_agree_with_what_was_measured():
    assert [problem for problem in lint(MEASURED.parent) if "measured" in problem.what] == []
    keys = {figure.measured for figure in LESSON.lesson.figures if figure.measured}
    assert keys <= MEASURED_NOW["figures"].keys()
