"""The parts of the smoke run that decide; the run itself is `make smoke`."""

import shutil
from pathlib import Path

import pytest
import yaml

from challenges.lint.run import lint
from challenges.reading import read_course
from tests import example_course
from tests.challenges.factory import write_course, write_yaml
from tests.challenges.kinds.evaluate_bundle import write_evaluate_challenge
from tests.smoke import baselines
from tests.smoke.report import Report, expect
from tests.smoke.site import Site


def test_a_report_counts_and_goes_on():
    said = []
    report = Report(said.append)
    report.step("good", lambda: "as promised")
    report.step("bad", lambda: expect(False, "0.40 shown") or "")
    report.step("broken", lambda: str(1 / 0))
    assert report.summary() == "1 passed, 2 failed"
    assert ["ok" in said[0], "0.40 shown" in said[1], "ZeroDivisionError" in said[2]] == [True, True, True]


@pytest.fixture
def tiny(tmp_path):
    return read_course(write_course(tmp_path / "tiny"))


@pytest.fixture
def by_kind(tiny, tmp_path):
    """The course that has challenges of a kind: the documentation's examples have those that a first course lacks, and
    a third course has test sets.
    """
    found = read_course(example_course.write_course(tmp_path / "examples"))
    lacking = {choice.baseline.payload.kind for choice in baselines._all(found)}
    courses = {kind: found if kind in lacking else tiny for kind in baselines.FORMS}
    return {**courses, "evaluate": course_of_test_sets(tmp_path / "test-sets")}


def course_of_test_sets(root):
    """A course whose first challenge is about test sets."""
    write_course(root)
    shutil.rmtree(root / "first" / "sea-or-sky")
    write_evaluate_challenge(root / "first" / "find-the-fault")
    lesson = yaml.safe_load((root / "first" / "lesson.yaml").read_text())
    write_yaml(root / "first" / "lesson.yaml", {**lesson, "challenges": ["find-the-fault", "ticket", "explain"]})
    return read_course(root)


def test_each_kind_of_the_built_in_course_can_be_handed_in_by_form():
    course = read_course(Path("challenges/library"))
    assert {one.challenge.kind for lesson in course.lessons for one in lesson.challenges} == set(baselines.FORMS)


def test_good_baselines_promise_to_pass(by_kind):
    for kind, course in by_kind.items():
        choice = baselines.good(course, kind)
        assert choice.baseline.payload.kind == kind
        assert choice.baseline.ref.min >= choice.bundle.challenge.pass_
        assert not choice.promise_broken(1.0)
        assert "should be" in choice.promise_broken(0.0)


def test_a_weak_baseline_must_not_score_high(tiny):
    choice = baselines.weak(tiny, "prompt")
    assert choice.baseline.ref.min is None
    assert "at most" in choice.promise_broken(1.0)
    assert not choice.promise_broken(0.0)


def test_the_site_of_a_smoke_run_is_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://somewhere/else")
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "expensive")
    env = Site(tmp_path).environment()
    assert env["DATABASE_URL"] == f"sqlite:///{tmp_path}/gradus.sqlite3"
    assert env["GRADUS_DATA_DIR"] == str(tmp_path)
    assert env["GRADUS_JUDGE_MODEL"] == env["REDIS_URL"] == ""


def test_the_story_s_workers_are_not_kept_busy_by_baselines(tmp_path, monkeypatch):
    """Verifying the built-in course takes minutes; the story would wait behind it."""
    started = []

    class Started:
        def __init__(self, argv, **rest):
            started.append(argv)
            raise OSError

    monkeypatch.setattr("tests.smoke.site.subprocess.Popen", Started)
    with pytest.raises(OSError):
        Site(tmp_path).start(1)
    assert "--no-verify" in started[0]


def test_the_examples_are_a_course_that_lints_clean(tmp_path):
    root = example_course.write_course(tmp_path / "examples")
    assert lint(root) == []
    assert len(read_course(root).lessons[0].challenges) == 3
