"""Shadow runs: graded beside, shown as a matrix, adopted by a person's approval."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Calibration, Challenge, ChallengeVersion
from gradus.reconciling import invariants
from gradus.reviews import services
from gradus.reviews.models import Regrade, Review
from gradus.reviews.regrade_matrix import matrix
from gradus.submissions import services as submissions
from gradus.submissions.models import Evaluation, Score, Standing, Submission
from gradus.submissions.services import Refused
from tests import factories
from tests.api.conftest import Caller
from tests.conftest import logged_in
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET


@pytest.fixture
def up(ada: User, explain: Challenge) -> Submission:
    """Will be graded higher: it fails first and passes then."""
    return cases.final(ada, NONE_MET)


@pytest.fixture
def down(bob: User, explain: Challenge) -> Submission:
    return cases.final(bob, ALL_MET)


@pytest.fixture
def graded(up: Submission, down: Submission, grace: User, explain: Challenge) -> Regrade:
    """A shadow run whose work is done."""
    regrade = services.start_regrade(explain, by=grace, note="A new judge")
    new = {up.pk: ALL_MET, down.pk: {**ALL_MET, "cause": "not_met"}}
    for _ in new:
        waiting = Evaluation.objects.filter(state="queued").order_by("fair_share_rank", "pk").first()
        assert waiting is not None and waiting.submission_id is not None
        cases.work_off(new[waiting.submission_id])
    return regrade


def shown(submission: Submission) -> float:
    score: float = Submission.objects.get(pk=submission.pk).current.score.shown
    return score


def test_a_shadow_run_changes_no_grade_and_its_matrix_says_what_would_change(
    graded: Regrade, up: Submission, down: Submission, ada_client: Client
) -> None:
    found = matrix(graded)
    assert found.kinds == {"raised": 1, "same": 0, "lowered": 1, "in_doubt": 0, "not_graded": 0, "waiting": 0}
    assert (found.passes_gained, found.passes_lost) == (1, 1)
    assert (found.marks["not_met"]["met"], found.marks["met"]["not_met"], found.marks["met"]["met"]) == (3, 1, 2)
    assert (shown(up), shown(down)) == (0.0, 1.0)
    assert Score.objects.count() == 2
    assert not Standing.objects.exclude(shown__in=(0.0, 1.0)).exists()
    assert invariants.everywhere() == {}
    page = ada_client.get(f"/submissions/{up.uuid}/").content.decode()
    assert '<span class="score-value">0.00' in page


def test_learners_come_before_a_shadow_run(up: Submission, bob: User, grace: User, explain: Challenge) -> None:
    services.start_regrade(explain, by=grace)
    fresh = cases.submit(bob)
    assert cases.work_off(MARKS).submission == fresh


def test_approval_raises_once_and_leaves_what_would_go_down(
    graded: Regrade, up: Submission, down: Submission, grace: User
) -> None:
    assert services.approve(graded, by=grace, lower=False) == {"adopted": 1, "lowers": 1}
    assert (shown(up), shown(down)) == (1.0, 1.0)
    assert Standing.objects.get(user=up.user).passed
    assert (graded.outcome, graded.ended_by) == ("approved", grace)
    score = up.current.score
    assert (score.verified_by, score.person, score.before) == ("ai", None, 0.0)
    for act in (lambda: services.approve(graded, by=grace, lower=True), lambda: services.discard(graded, by=grace)):
        with pytest.raises(Refused, match="ended already"):
            act()


def test_a_person_who_approves_lower_grades_stands_behind_them(graded: Regrade, down: Submission, grace: User) -> None:
    assert services.approve(graded, by=grace, lower=True) == {"adopted": 2}
    score = down.current.score
    assert (score.shown, score.before, score.person, score.verified_by) == (0.5, 1.0, grace, "ai")
    with pytest.raises(IntegrityError, match="adopted_or_kept_for_a_reason"), transaction.atomic():
        graded.items.update(kept_because="lowers")


def test_it_waits_for_the_work(up: Submission, grace: User, explain: Challenge) -> None:
    regrade = services.start_regrade(explain, by=grace)
    with pytest.raises(Refused, match="1 of 1"):
        services.approve(regrade, by=grace, lower=True)
    with pytest.raises(Refused) as refused:
        services.start_regrade(explain, by=grace)
    assert refused.value.code == "open_regrade"


def test_a_persons_decision_and_an_appeal_stay(graded: Regrade, up: Submission, down: Submission, grace: User) -> None:
    services.appeal(up, "Please look.")
    services.appeal(down, "Please look.")
    services.decide(Review.objects.get(submission=down), by=grace, marks=ALL_MET, reason="")
    assert services.approve(graded, by=grace, lower=True) == {"appealed": 1, "decided": 1}
    assert (shown(up), shown(down)) == (0.0, 1.0)
    with pytest.raises(Refused) as refused:
        services.start_regrade(graded.challenge, by=grace)
    assert refused.value.code == "nothing"


def test_nobody_approves_the_own_answer(graded: Regrade, down: Submission) -> None:
    teacher = down.user
    factories.enrol(teacher, graded.challenge.lesson.course, factories.TEACHER)
    done = services.approve(graded, by=teacher, lower=True)
    assert done == {"adopted": 1, "own_answer": 1}


def test_discarding_ends_what_was_not_graded(up: Submission, grace: User, explain: Challenge) -> None:
    regrade = services.start_regrade(explain, by=grace)
    services.discard(regrade, by=grace)
    assert regrade.items.get().new.state == "cancelled"
    assert shown(up) == 0.0
    assert services.start_regrade(explain, by=grace).pk != regrade.pk


@pytest.mark.parametrize(
    "doubt", [{"provisional": True, "review": ("votes-apart",)}, {"judge": ("a-new-model", "criteria-1")}]
)
def test_a_grade_in_doubt_does_not_replace_a_final_one(
    up: Submission, grace: User, explain: Challenge, doubt: dict[str, Any]
) -> None:
    regrade = services.start_regrade(explain, by=grace)
    cases.work_off(ALL_MET, **doubt)
    assert matrix(regrade).kinds["in_doubt"] == 1
    assert services.approve(regrade, by=grace, lower=True) == {"in_doubt": 1}
    assert not Review.objects.exists() and shown(up) == 0.0


def test_an_adopted_grade_names_the_calibration_behind_it(up: Submission, grace: User, explain: Challenge) -> None:
    known = Calibration.objects.create(version=explain.version, model="judge-1", template="criteria-1", passed=True)
    regrade = services.start_regrade(explain, by=grace)
    cases.work_off(ALL_MET, judge=("judge-1", "criteria-1"))
    assert services.approve(regrade, by=grace, lower=False) == {"adopted": 1}
    assert (up.current.score.calibration, up.current.score.judge) == (known, "judge-1 criteria-1")


def test_a_provisional_grade_may_become_final(ada: User, grace: User, explain: Challenge) -> None:
    old = cases.waiting(ada)
    regrade = services.start_regrade(explain, by=grace)
    cases.work_off(NONE_MET)
    assert services.approve(regrade, by=grace, lower=False) == {"adopted": 1}
    assert old.submission.current.score.verified_by == "ai"
    assert not Review.objects.exists()


def publish_newer(up: Submission, **changes: Any) -> ChallengeVersion:
    newer = ChallengeVersion.objects.get(pk=up.version_id)
    newer.pk, newer.digest, newer.version = None, "d" * 64, "1.1.0"
    newer.spec = {**newer.spec, **changes}
    newer.save()
    Challenge.objects.filter(pk=up.challenge_id).update(version=newer)
    return newer


def test_a_newer_version_is_what_it_is_graded_by(up: Submission, grace: User) -> None:
    newer = publish_newer(up, **{"pass": 0.2})
    regrade = services.start_regrade(factories.challenge("explain"), by=grace)
    cases.work_off({**NONE_MET, "cause": "partial"})
    change = matrix(regrade).changes[0]
    assert (change.item.new.version, change.passes) == (newer, True)
    services.approve(regrade, by=grace, lower=False)
    assert up.current.score.passed


def test_a_run_by_a_version_that_is_not_live_any_more_is_not_approved(
    graded: Regrade, up: Submission, grace: User
) -> None:
    publish_newer(up)
    with pytest.raises(Refused) as refused:
        services.approve(graded, by=grace, lower=True)
    assert refused.value.code == "outdated" and "1.0.0" in str(refused.value)
    assert services.is_outdated(graded) and not Regrade.objects.get(pk=graded.pk).outcome
    services.discard(graded, by=grace)


def test_the_pages_start_show_and_approve(up: Submission, grace_client: Client, ada_client: Client) -> None:
    assert ada_client.get("/reviews/regrades/").status_code == 404
    response = grace_client.post("/reviews/regrades/", {"challenge": "explain", "note": "New judge"})
    regrade = Regrade.objects.get()
    assert response["Location"] == f"/reviews/regrades/{regrade.pk}/"
    assert ada_client.get(response["Location"]).status_code == 404
    assert "still wait" in grace_client.get(response["Location"]).content.decode()
    cases.work_off(ALL_MET)
    assert "now passes" in grace_client.get(response["Location"]).content.decode()
    done = grace_client.post(response["Location"], {"action": "approve"}, follow=True)
    assert "1 new grade counts now." in done.content.decode()
    assert shown(up) == 1.0


def test_a_teacher_regrades_the_own_course_only(up: Submission, explain: Challenge) -> None:
    teacher = factories.UserFactory.create()
    other = type(explain.lesson.course).objects.create(slug="other", title="Other", digest="x")
    factories.enrol(teacher, other, factories.TEACHER)
    response = logged_in(teacher).post("/reviews/regrades/", {"challenge": "explain"})
    assert response.status_code == 404
    assert not Regrade.objects.exists()


def test_each_kept_grade_says_why(
    graded: Regrade, up: Submission, down: Submission, grace: User, grace_client: Client
) -> None:
    services.approve(graded, by=grace, lower=False)
    assert {item.old.submission: item.kept_because for item in graded.items.all()} == {up: "", down: "lowers"}
    found = matrix(graded)
    assert (found.adopted, found.kept) == (1, {"lowers": 1})
    page = grace_client.get(f"/reviews/regrades/{graded.pk}/").content.decode()
    assert '<strong class="num">1</strong> new grade counts now.' in page
    assert (
        "1</strong> grade was kept: the new grade is lower, and only a person may lower a grade that was shown" in page
    )
    api = Caller(ApiToken.issue(grace, "tests", factories.REVIEWING)[1]).get(f"/regrades/{graded.pk}").json()
    assert (api["adopted"], api["kept"], api["version"]) == (1, {"lowers": 1}, "1.0.0")
    assert sorted((one["counts"], one["kept_because"]) for one in api["changes"]) == [(False, "lowers"), (True, None)]


def test_what_a_person_decided_meanwhile_is_kept_for_that_reason(graded: Regrade, up: Submission, grace: User) -> None:
    submissions.decide(up, by=grace, value=0.3, result=cases.result())
    services.approve(graded, by=grace, lower=True)
    kept = graded.items.get(old__submission=up)
    assert (kept.kept_because, kept.adopted_at, shown(up)) == ("decided", None, 0.3)


def test_a_run_says_what_it_left_out(
    up: Submission, down: Submission, grace: User, grace_client: Client, explain: Challenge
) -> None:
    submissions.decide(up, by=grace, value=0.3, result=cases.result())
    regrade = services.start_regrade(explain, by=grace)
    assert (regrade.left_out, regrade.items.count(), regrade.version) == ({"decided": 1}, 1, explain.version)
    page = grace_client.get(f"/reviews/regrades/{regrade.pk}/").content.decode()
    assert "1</strong> answer was not graded again: a person had decided the grade when the run began." in page
