"""The staff's page about judges, and what a course's import makes of measured.json."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from challenges.kinds.rubric import GATE_RULES, free_text
from gradus.accounts.models import Enrolment, User
from gradus.courses import calibrations
from gradus.courses.models import Calibration, Challenge, ChallengeVersion, Course
from gradus.courses.services import publish
from gradus.submissions.models import Score
from tests import factories
from tests.conftest import logged_in

JUDGE = ("judge-7", "criteria-1@0123456789ab")
FIGURE = {"value": 0.91, "low": 0.85, "high": 0.97}


def report(**changes: Any) -> dict[str, Any]:
    return {
        "model": JUDGE[0],
        "template": JUDGE[1],
        "rules": GATE_RULES,
        "passed": True,
        "missed": [],
        "answers": 30,
        "criteria": [{"id": "cause", "agreement": 0.93, "kappa": 0.88}],
        "agreement": FIGURE,
        "qwk": FIGURE,
        "bias": {"value": -0.02, "low": -0.04, "high": 0.01},
        "mae": FIGURE,
        "coverage": {"final": 0.8, "final_agreement": 0.97, "accuracy_by_share": {"0.6": 1.0, "1.0": 0.95}},
        "test": {"answers": 0},
        "replies": {"count": 120, "unusable": 2, "problems": {"not one JSON object": 2}},
        "final_right": {"count": 24, "right": 23, "share": 0.958, "low": 0.798, "high": 0.993},
        "judge_alone": {"count": 190, "answered": 190, "passed": 3, "share": 0.016, "upper": 0.041},
        "attacks": {"count": 40, "success": 0.0, "above_before_review": 0.025, "succeeded": {}},
        "benign": {"count": 20, "zeroed": 0, "lost": 1, "false_alarms": 0.0, "to_review": 0.2},
    } | changes


def imported(folder: Path, *judges: dict[str, Any], digest: str = "") -> ChallengeVersion:
    bundle = factories.tiny_bundle(folder)
    lesson = bundle.lessons[0]
    free = next(c for c in lesson.challenges if c.challenge.id == "explain")
    measured = {"calibration": {"explain": {"digest": digest or free.digest, "judges": list(judges)}}}
    publish(replace(bundle, lessons=(replace(lesson, measured=measured),)))
    version = factories.challenge("explain").version
    assert version is not None
    return version


@pytest.mark.django_db
def test_a_calibration_comes_with_the_course_and_goes_with_it(tmp_path: Path) -> None:
    version = imported(tmp_path / "a", report())
    assert list(calibrations.passed(version)) == [JUDGE]
    assert list(calibrations.passed(imported(tmp_path / "b"))) == []
    assert version.calibrations.get().passed is False


def by_earlier_rules() -> dict[str, Any]:
    """A report as versions 0.2 and 0.3 wrote it."""
    new = ("rules", "replies", "final_right", "judge_alone")
    return {key: value for key, value in report().items() if key not in new}


def test_a_report_by_earlier_rules_is_shown_and_opens_no_gate(
    grace_client: Client, course: Course, tmp_path: Path
) -> None:
    version = imported(tmp_path / "a", by_earlier_rules())
    assert list(calibrations.passed(version)) == []
    listed = grace_client.get("/reviews/calibration/").content.decode()
    assert "measured by the rules of an earlier release; it has to be measured again" in listed
    text = grace_client.get(f"/reviews/calibration/{version.pk}/").content.decode()
    assert "measured by the rules of an earlier release and has to be measured again." in text and "0.910" in text
    with pytest.raises(IntegrityError), transaction.atomic():
        version.calibrations.update(passed=True)


@pytest.mark.django_db
def test_reports_on_other_content_count_for_nothing_and_the_built_in_verifier_passes_nothing(tmp_path: Path) -> None:
    assert not imported(tmp_path / "a", report(), digest="f" * 64).calibrations.exists()
    version = imported(tmp_path / "b", report(model=""))
    assert version.calibrations.get().passed is False
    with pytest.raises(IntegrityError), transaction.atomic():
        version.calibrations.update(passed=True)
    version = imported(tmp_path / "c", by_earlier_rules() | {"model": ""})
    assert version.calibrations.get().needs_another is False, "nobody has to measure it again"


@pytest.mark.parametrize("rules", [None, "2", 0, 1, GATE_RULES + 1, True])
def test_only_the_rules_of_today_count(rules: Any) -> None:
    assert calibrations.rules_of({"rules": rules}) == 1
    assert calibrations.rules_of({"rules": GATE_RULES}) == GATE_RULES


def test_a_judge_without_calibration_ends_nothing_whatever_the_worker_says(ada: User, explain: Challenge) -> None:
    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    evaluation = factories.grade(submission, 0.9, judge=JUDGE)
    assert (evaluation.state, evaluation.review.reasons) == ("review", ["no-calibration"])
    score = Score.objects.get(evaluation=evaluation)
    assert (score.provisional, score.verified_by, score.gold) == (True, None, False)
    with pytest.raises(IntegrityError), transaction.atomic():
        Score.objects.filter(pk=score.pk).update(provisional=False, verified_by="ai")


def test_with_one_the_score_is_final_and_names_it(ada: User, explain: Challenge) -> None:
    assert explain.version is not None
    passed = Calibration.objects.create(
        version=explain.version, model=JUDGE[0], template=JUDGE[1], passed=True, report=report()
    )
    evaluation = factories.grade(factories.submit(ada, "explain", factories.FREE_TEXT), 0.9, judge=JUDGE)
    score = Score.objects.get(evaluation=evaluation)
    assert (evaluation.state, score.verified_by, score.calibration) == ("scored", "ai", passed)


def test_staff_read_the_report_or_what_to_do_without_one(
    grace_client: Client, explain: Challenge, sea_or_sky: Challenge, tmp_path: Path
) -> None:
    text = grace_client.get(f"/reviews/calibration/{explain.version_id}/").content.decode()
    assert "gradus challenge calibrate" in text
    assert "No judge has been measured" in grace_client.get("/reviews/calibration/").content.decode()
    assert grace_client.get(f"/reviews/calibration/{sea_or_sky.version_id}/").status_code == 404
    version = imported(tmp_path / "a", report())
    listed = grace_client.get("/reviews/calibration/").content.decode()
    assert f"/reviews/calibration/{version.pk}/" in listed
    assert "Open: grades can be final" in listed
    text = grace_client.get(f"/reviews/calibration/{version.pk}/").content.decode()
    label = free_text(version.parsed).rubric[0].label
    for part in (label, "judge-7", "0.910", "0.88", "The gate is open", "Attacks: 40.", "Replies: 120"):
        assert part in text
    for part in ("answered 190 of 190 attacks", "3 of these reach the pass mark", "as high as 0.041"):
        assert part in text
    assert "At most 5\u00a0% of the attacks" in text and "(QWK) of at least 0.75" in text
    assert "Final grades: 24. Within 0.10 of" in text
    hidden = [criterion.text for criterion in free_text(version.parsed).rubric]
    assert not [part for part in hidden if part in text]


def test_all_others_find_nothing(ada_client: Client, client: Client, explain: Challenge, course: Course) -> None:
    for address in ("/reviews/calibration/", f"/reviews/calibration/{explain.version_id}/"):
        assert ada_client.get(address).status_code == 404
        assert client.get(address).headers["Location"] == f"/accounts/login/?next={address}"


def test_teachers_see_their_course_only(explain: Challenge, course: Course) -> None:
    user = factories.UserFactory.create(pseudonym="teacher")
    factories.enrol(user, course, factories.TEACHER)
    teacher, url = logged_in(user), f"/reviews/calibration/{explain.version_id}/"
    assert teacher.get(url).status_code == 200
    Enrolment.objects.update(course=Course.objects.create(slug="other", title="Other", digest="x"))
    assert teacher.get(url).status_code == 404
    assert url not in teacher.get("/reviews/calibration/").content.decode()
