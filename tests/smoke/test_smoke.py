"""The parts of the smoke run that decide; the run itself is `make smoke`."""

import shutil
from pathlib import Path

import pytest
import yaml

from challenges.lint.run import lint
from challenges.reading import read_course
from tests import example_course
from tests.challenges.factory import write_course, write_yaml
from tests.challenges.kinds.evaluate_bundle import AIMED, write_evaluate_challenge
from tests.smoke import baselines, visitor
from tests.smoke.report import Report, expect
from tests.smoke.site import Site

STREAM = [
    "event: state",
    'data: {"status": "queued"}',
    "",
    ": alive",
    "event: heartbeat",
    "data: {}",
    "",
    "id: 1",
    "event: loss",
    'data: {"step": 1}',
    "",
    "id: 2",
    "event: finished",
    'data: {"status": "scored"}',
    "",
]


def test_events_are_read_as_sent():
    assert list(visitor.parse_events(iter(STREAM))) == [
        ("state", {"status": "queued"}),
        ("heartbeat", {}),
        ("loss", {"step": 1}),
        ("finished", {"status": "scored"}),
    ]


def test_fields_are_found_in_any_order_of_attributes():
    page = '<input type="hidden" value="a&amp;b" name="key"><input name="mark-x" type="radio" value="met">'
    assert visitor.field_value(page, "key") == "a&b"
    assert visitor.field_value(page, "other") is None
    assert visitor.names(page, "mark-") == {"mark-x"}


def test_alerts_are_told_in_short():
    page = '<div class="alert" role="alert"><ul><li>Too   long &amp; odd</li></ul></div>'
    assert visitor.problems(page) == "Too long & odd"
    assert visitor.problems("<p>fine</p>") == "no reason on the page"


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


def test_training_rows_go_as_a_file(tiny):
    choice = baselines.good(tiny, "tune")
    content = choice.files()["rows_file"][1]
    assert len(content.decode().splitlines()) == len(choice.baseline.payload.rows)
    assert "rows" not in choice.fields()
    assert baselines.good(tiny, "prompt").files() is None


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


def test_a_test_set_goes_as_the_rows_of_its_form(by_kind):
    choice = baselines.good(by_kind["evaluate"], "evaluate")
    texts, labels = zip(*AIMED, strict=True)
    assert choice.fields() == {"kind": "evaluate", "example_input": [*texts], "example_output": [*labels]}
    assert choice.files() is None


def test_a_retrieval_goes_as_the_fields_of_its_form(by_kind):
    choice = baselines.good(by_kind["rag"], "rag")
    fields = choice.fields()
    assert (fields["chunk_words"], fields["method"], len(fields["example_passages"])) == ("60", "both", 2)
    assert "{passages}" in fields["template"] and choice.files() is None
