import json
from dataclasses import replace

import pytest

from challenges.reading import BundleErrors
from gradus.courses.models import Lesson
from gradus.courses.services import import_course, publish
from tests.learn.findings import made_up

RUNS = ("experiments", 0, "arms", 0, "runs")


def changed(record, path, value):
    """A copy of the record with another value at the path."""
    copy = json.loads(json.dumps(record))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


def test_a_lesson_keeps_findings_records_and_the_prompts_of_its_arms(db, tmp_path):
    lesson = made_up.lesson(tmp_path / "c")
    assert [finding.id for finding in lesson.parsed_findings] == ["few-shot", "order"]
    assert lesson.parsed_records["few-shot"].experiments[0].arms[1].runs[0].values == {"score": 0.736}
    assert lesson.arms["sea-or-sky/baselines/good.yaml"]["instructions"] == "Sea or sky?"
    # Rows of training runs are not made again here, so they are not kept twice.
    assert lesson.arms["sea-or-sky/baselines/lora.yaml"] == {"kind": "tune"}
    live = lesson.challenges.get(slug="sea-or-sky").version
    assert lesson.contents["sea-or-sky"] == live.digest


def test_importing_again_takes_the_new_record_and_drops_what_left(db, tmp_path):
    made_up.lesson(tmp_path / "c")
    made_up.course(tmp_path / "again", [made_up.FEW], {"few-shot": made_up.few_record(machine="Slide rule")})
    lesson = Lesson.objects.get()
    assert [finding.id for finding in lesson.parsed_findings] == ["few-shot"]
    assert lesson.parsed_records["few-shot"].machine == "Slide rule"


def test_a_finding_that_only_measures_a_hint_is_not_imported(db, tmp_path):
    unseen = {**made_up.FEW, "shown": False, "hints": ["sea-or-sky.1"]}
    del unseen["statement"], unseen["limits"]
    made_up.course(tmp_path / "c", [unseen], {"few-shot": made_up.few_record()})
    lesson = Lesson.objects.get()
    assert (lesson.findings, lesson.records, lesson.arms) == ([], {}, {})


def test_a_lesson_without_findings_stays_as_it_was(course):
    lesson = Lesson.objects.get()
    assert (lesson.findings, lesson.records, lesson.arms, lesson.parsed_findings) == ([], {}, {}, ())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("machine",), "x" * 201),
        (("day",), ["2026-11-27"]),
        (("experiments", 0, "rows"), 0),
        (("experiments", 0, "rows"), "many"),
        ((*RUNS, 0, "values", "score"), 1.5),
        ((*RUNS, 0, "values", "score"), "NaN"),
        ((*RUNS, 0, "values"), [1]),
        ((*RUNS, 0, "name"), ""),
        (RUNS, [{"name": "set", "values": {}}] * 51),
        (("experiments", 0, "claims", 0, "effect"), 1e400),
        (("experiments", 0, "claims", 0, "low"), -3),
        (("experiments", 0, "claims", 0, "found"), "certain"),
        (("html",), "<b>"),
    ],
)
def test_a_record_that_is_no_record_is_refused(tmp_path, path, value):
    record = changed(made_up.few_record(), path, value)
    with pytest.raises(BundleErrors) as refused:
        made_up.bundle(tmp_path / "c", [made_up.FEW], {"few-shot": record})
    assert {problem.file for problem in refused.value.problems} == {"first/findings.json"}


def test_the_digest_of_a_course_covers_its_records(tmp_path):
    one = made_up.bundle(tmp_path / "a", [made_up.FEW], {"few-shot": made_up.few_record()})
    other = made_up.bundle(tmp_path / "b", [made_up.FEW], {"few-shot": made_up.few_record(machine="Slide rule")})
    assert one.digest != other.digest


def test_a_draft_has_its_lesson_wait_for_the_content_that_was_measured(db, tmp_path):
    """The lesson's text is the newest at once, while learners go on with the version before."""
    bundle = made_up.bundle(tmp_path / "c", [made_up.FEW], {"few-shot": made_up.few_record()})
    publish(bundle)
    lesson = bundle.lessons[0]
    challenge = lesson.challenges[0]
    newer = replace(
        challenge,
        challenge=challenge.challenge.model_copy(update={"version": "1.1.0"}),
        train=challenge.train[2:],
        digest="",
    )
    import_course(replace(bundle, lessons=(replace(lesson, challenges=(newer, *lesson.challenges[1:])),), digest=""))
    kept = Lesson.objects.get()
    live = kept.challenges.get(slug="sea-or-sky").version
    assert (live.digest, kept.contents["sea-or-sky"]) == (challenge.digest, newer.digest)
