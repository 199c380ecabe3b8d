"""The page of measured baselines and the lessons state what was measured, and it was measured on today's content."""

from functools import cache

import pytest

from benchmarks.baselines import GUIDED, LIBRARY, NAIVE, PAGE, Try, page
from challenges.lint.run import lint
from challenges.reading import read_course

COURSE = read_course(LIBRARY)
each_lesson = pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)


@cache
def problems(lesson_id):
    """What lint says of a lesson, apart from the similarity of its rows."""
    return lint(LIBRARY / lesson_id)


def test_the_page_of_measured_baselines_is_up_to_date():
    assert PAGE.read_text() == page(COURSE), "run `python -m benchmarks.baselines`"


def tries(names):
    """The tries of all challenges, in the order of the course."""
    return [
        Try.of(bundle, lesson.measured["baselines"][bundle.challenge.id], names)
        for lesson in COURSE.lessons
        for bundle in lesson.challenges
    ]


def test_a_challenge_is_passed_after_its_lesson_and_not_from_the_statement_alone():
    """At most one naive try in ten passes, and at least four guided ones in five, with the seed of learners' runs."""
    naive, guided = tries(NAIVE), tries(GUIDED)
    assert len(naive) == len(guided) == len(COURSE.challenges)
    passed = [sum(one.passed[0] for one in of) for of in (naive, guided)]
    assert passed[0] <= len(naive) / 10 and passed[1] >= len(guided) * 4 / 5
    runs = [kept for one in guided for kept in one.passed]
    text = PAGE.read_text()
    assert f"Naive tries pass {passed[0]} of {len(naive)} challenges." in text
    assert f"Guided ones pass {passed[1]} of {len(guided)} with the first seed" in text
    assert f"{sum(runs)} of {len(runs)} runs pass if each seed counts" in text


def measured(*scores):
    by_seed = {str(17 + n): score for n, score in enumerate(scores)} if len(scores) > 1 else {}
    return {"results": [{"file": "baselines/gold.yaml", "score": scores[0], "by_seed": by_seed}]}


def test_a_try_passes_by_the_score_that_learners_see():
    bundle = next(bundle for bundle in COURSE.challenges if bundle.challenge.id == "find-the-right-page")
    mark, step = bundle.challenge.pass_, bundle.challenge.feedback.step
    assert Try.of(bundle, measured(mark), GUIDED).verdict == "yes"
    assert Try.of(bundle, measured(mark - step / 10), GUIDED).verdict == "no"
    mixed = Try.of(bundle, measured(mark, mark - step / 10, 1.0), GUIDED)
    assert (mixed.name, mixed.passed, mixed.verdict) == ("gold", (True, False, True), "2 of 3 seeds")
    with pytest.raises(KeyError, match="find-the-right-page has no baseline naive"):
        Try.of(bundle, measured(mark), NAIVE)


@each_lesson
def test_baselines_were_measured_on_this_content_and_keep_their_promises(lesson):
    for bundle in lesson.challenges:
        found = lesson.measured["baselines"][bundle.challenge.id]
        assert found["digest"] == bundle.digest, (
            f"{bundle.challenge.id} has changed: run `gradus challenge test --record`"
        )
        assert {row["file"] for row in found["results"]} == {baseline.ref.file for baseline in bundle.baselines}
        assert all(row["ok"] for row in found["results"])


def test_training_is_significantly_better_than_the_best_prompt():
    """p < 0.01 on the hidden rows. What else the lesson states of prompts is a finding, proved by its own record."""
    (lesson,) = (lesson for lesson in COURSE.lessons if lesson.id == "fine-tuning-vs-prompting")
    for name, best in {"symptom-specialty": "lora", "email-to-ticket": "gold"}.items():
        step = lesson.measured["baselines"][name]["steps"][-1]
        assert step["to"] == f"baselines/{best}.yaml"
        assert step["difference"] > 0 and step["p"] < 0.01


@each_lesson
def test_every_finding_is_proved_on_this_content(lesson):
    assert [str(problem) for problem in problems(lesson.id) if "finding" in problem.file] == []
    assert {finding.id for finding in lesson.findings} == set(lesson.records.findings)
    for record in lesson.records.findings.values():
        assert all(claim.holds for experiment in record.experiments for claim in experiment.claims)


@each_lesson
def test_the_lessons_figures_agree_with_what_was_measured(lesson):
    assert [problem for problem in problems(lesson.id) if "measured" in problem.what] == []
    keys = {figure.measured for figure in lesson.lesson.figures if figure.measured}
    assert keys <= lesson.measured.get("figures", {}).keys()
