"""No page and no field of the API says that an AI grades where no judge has passed the gate for the question."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from challenges.kinds.base import Lane
from gradus.accounts.models import User
from gradus.courses.models import Calibration, Challenge, ChallengeVersion
from gradus.reviews import services, who_grades
from gradus.reviews.models import Review
from gradus.submissions.models import Score, WorkerStatus
from tests import factories
from tests.reviews import cases

AN_AI_GRADES = re.compile(r"\bAI\b[^.]{0,40}\b(?:grades?|verif|mark|looks|reads)|AI-verified", re.IGNORECASE)


@pytest.fixture
def judge_at_work() -> WorkerStatus:
    return WorkerStatus.objects.create(name="judge-worker", lane=Lane.JUDGE, judge=cases.JUDGE[0])


@pytest.fixture
def verified(course: object) -> None:
    ChallengeVersion.objects.update(linted_at=timezone.now(), verified_at=timezone.now())


def text_of(client: Client, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", client.get(path).content.decode()))


@pytest.mark.parametrize("gate", ["no calibration", "a calibration that has not passed", "another judge's"])
@pytest.mark.parametrize("judge", [True, False], ids=["a judge at work", "no judge"])
def test_without_a_judge_that_has_passed_a_person_grades(
    ada_client: Client, explain: Challenge, verified: None, request: pytest.FixtureRequest, gate: str, judge: bool
) -> None:
    if judge:
        request.getfixturevalue("judge_at_work")
    if gate != "no calibration":
        model = "some-other-judge" if gate == "another judge's" else cases.JUDGE[0]
        passed = gate == "another judge's"
        Calibration.objects.create(version=explain.version, model=model, template=cases.JUDGE[1], passed=passed)
    text = text_of(ada_client, "/challenges/explain/")
    assert "A person grades this answer." in text and not AN_AI_GRADES.search(text)
    assert ("A language model also reads your answer" in text) is judge
    assert ada_client.get("/api/v1/challenges/explain").json()["graded_by"] == "person"
    lesson = text_of(ada_client, f"/lessons/{explain.lesson.slug}/")
    assert "3 challenges for this lesson" in lesson and "Code alone computes the scores of 2 of them" in lesson
    assert "AI-verified" not in lesson


def test_where_a_judge_has_passed_an_ai_grades(
    ada_client: Client, explain: Challenge, verified: None, judge_at_work: WorkerStatus
) -> None:
    cases.passed_judge()
    assert "An AI grades this answer." in text_of(ada_client, "/challenges/explain/")
    assert ada_client.get("/api/v1/challenges/explain").json()["graded_by"] == "ai"
    assert "One of them is AI-verified" in text_of(ada_client, f"/lessons/{explain.lesson.slug}/")
    WorkerStatus.objects.update(last_seen=timezone.now() - timedelta(hours=1))
    assert "A person grades this answer." in text_of(ada_client, "/challenges/explain/")


def test_a_lesson_whose_baselines_did_not_run_here_is_not_called_verified(
    ada_client: Client, explain: Challenge, judge_at_work: WorkerStatus
) -> None:
    cases.passed_judge()
    assert not AN_AI_GRADES.search(text_of(ada_client, f"/lessons/{explain.lesson.slug}/"))


@pytest.mark.parametrize(
    ("configured", "answered", "same"),
    [
        ("judge-1", "judge-1", True),
        ("vendor/judge-1", "judge-1-2026-11-01", True),
        ("judge-1", "judge-2", False),
        ("judge-10", "judge-1", False),
    ],
)
def test_a_judge_is_known_by_its_dated_name(
    ada: User, explain: Challenge, judge_at_work: WorkerStatus, configured: str, answered: str, same: bool
) -> None:
    WorkerStatus.objects.update(judge=configured)
    Calibration.objects.create(version=explain.version, model=answered, template="criteria-1", passed=True)
    assert (who_grades.who_grades(explain, ada).by == who_grades.AI) is same


def test_the_page_says_how_long_a_person_took_lately(
    ada: User, bob: User, grace: User, ada_client: Client, explain: Challenge
) -> None:
    assert "we cannot say how long it takes" in text_of(ada_client, "/challenges/explain/")
    for user, hours in ((ada, 3), (bob, 3)):
        review = cases.waiting(user)
        services.decide(review, by=grace, marks=cases.ALL_MET, reason="Read.")
        Review.objects.filter(pk=review.pk).update(opened_at=timezone.now() - timedelta(hours=hours, minutes=5))
    assert who_grades.usual_wait(explain) is not None
    assert "Lately that took about 3 hours." in text_of(ada_client, "/challenges/explain/")


def test_a_grade_that_code_settled_is_not_called_an_ais(ada: User, ada_client: Client, explain: Challenge) -> None:
    submission = cases.final(ada, cases.NONE_MET, judge=None)
    assert submission.current.score.verified_by == "code"
    text = text_of(ada_client, f"/submissions/{submission.uuid}/")
    assert "Computed by code" in text and not AN_AI_GRADES.search(text)
    assert ada_client.get(f"/api/v1/submissions/{submission.uuid}").json()["verified_by"] == "code"


def test_a_score_from_hidden_rows_is_shown_as_computed_also_where_0_2_0_stored_it_as_the_ais(
    ada: User, ada_client: Client, sea_or_sky: Challenge
) -> None:
    submission = factories.submit(ada, "sea-or-sky")
    factories.grade(submission, 0.9)
    assert submission.current.score.verified_by == "code"
    for stored in ("code", "ai"):
        Score.objects.filter(evaluation=submission.current).update(verified_by=stored)
        text = text_of(ada_client, f"/submissions/{submission.uuid}/")
        assert "Computed by code" in text and "AI-verified" not in text
    assert ada_client.get(f"/api/v1/submissions/{submission.uuid}").json()["verified_by"] == "ai"


def test_an_appeal_meets_no_second_ai_where_no_judge_has_passed(
    ada: User, ada_client: Client, explain: Challenge, settings: Settings
) -> None:
    settings.APPEAL_MODEL = "another-model"
    submission = cases.final(ada, cases.NONE_MET, judge=None)
    assert "Another AI looks first" not in text_of(ada_client, f"/submissions/{submission.uuid}/")
    assert services.appeal(submission, "Please look.").stage == "person"
