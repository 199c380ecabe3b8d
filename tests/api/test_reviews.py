"""Reviews, appeals and regrades over HTTP: what the pages can do."""

from __future__ import annotations

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Challenge
from gradus.reviews.models import Appeal, GoldRow, Regrade, Review
from tests import factories
from tests.api.conftest import Caller, problem
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET


@pytest.fixture
def grace_api(grace: User) -> Caller:
    return Caller(ApiToken.issue(grace, "tests", factories.REVIEWING)[1])


@pytest.fixture
def review(ada: User, explain: Challenge) -> Review:
    return cases.waiting(ada)


def test_reviewers_list_read_and_decide(grace_api: Caller, review: Review) -> None:
    (brief,) = grace_api.get("/reviews").json()
    assert (brief["id"], brief["predicted"], brief["blind"]) == (review.pk, 0.75, False)
    assert brief["reasons"] == ["The grade is provisional"]
    case = grace_api.get(f"/reviews/{review.pk}").json()
    assert case["answer"] == factories.FREE_TEXT["answer"]
    assert case["criteria"][0]["machine"] == "partial"
    assert case["criteria"][0]["quotes"] == ["weights keep old facts"]
    assert case["criteria"][1]["allowed"] == ["met", "not_met"]
    assert case["nearest"][0]["by"] == "author"
    done = grace_api.post(f"/reviews/{review.pk}/decision", {"marks": ALL_MET, "reason": "Named."}).json()
    assert (done["marks"], done["reason"], done["decided_by"]) == (ALL_MET, "Named.", "admiral")
    assert grace_api.get("/reviews").json() == []
    problem(grace_api.post(f"/reviews/{review.pk}/decision", {"marks": ALL_MET}), 409, "decided")


@pytest.mark.parametrize("query", [f"offset={2**63}", f"offset={10**40}", "offset=-1", "limit=0", f"limit={2**63}"])
def test_numbers_that_no_database_counts_to_are_a_clear_problem(grace_api: Caller, review: Review, query: str) -> None:
    problem(grace_api.get(f"/reviews?{query}"), 422, "bad_payload")


@pytest.mark.parametrize("path", [f"/reviews/{2**63}", f"/reviews/{10**40}"])
def test_a_review_of_such_a_number_is_not_there(grace_api: Caller, review: Review, path: str) -> None:
    assert grace_api.get(path).status_code == 404


def test_bad_marks_are_a_clear_problem(grace_api: Caller, review: Review) -> None:
    found = problem(grace_api.post(f"/reviews/{review.pk}/decision", {"marks": {"cause": "met"}}), 422, "bad_mark")
    assert "Names the remedy" in found["detail"]
    problem(grace_api.post(f"/reviews/{review.pk}/decision", {"marks": {"cause": "great"}}), 422, "bad_payload")


def test_learners_find_nothing(ada_api: Caller, bob_api: Caller, open_api: Caller, review: Review) -> None:
    paths = ["/reviews", "/reviews/accuracy", f"/reviews/{review.pk}", "/regrades", "/challenges/explain/gold"]
    for path in paths:
        problem(ada_api.get(path), 404, "not_found")
        problem(bob_api.get(path), 404, "not_found")
        problem(open_api.get(path), 401, "unauthenticated")
    problem(bob_api.post(f"/reviews/{review.pk}/decision", {"marks": ALL_MET}), 404, "not_found")
    problem(bob_api.post("/challenges/explain/regrades", {}), 404, "not_found")
    review.refresh_from_db()
    assert review.decided_at is None and not Regrade.objects.exists()


def test_an_audit_is_marked_blind_first(grace_api: Caller, ada: User, explain: Challenge, settings) -> None:
    settings.AUDIT_SHARE_NEW = 1.0
    cases.final(ada)
    audit = Review.objects.get()
    problem(grace_api.post(f"/reviews/{audit.pk}/decision", {"marks": MARKS}), 409, "blind_first")
    shown = grace_api.post(f"/reviews/{audit.pk}/blind", {"marks": ALL_MET}).json()
    assert (shown["blind"], shown["blind_marks"], shown["decided_at"]) == (False, ALL_MET, None)
    assert shown["criteria"][0]["machine"] == "partial"
    figures = grace_api.get("/reviews/accuracy").json()
    assert figures["total"]["answers"] == 1 and figures["total"]["same_marks"] == pytest.approx(2 / 3)


def test_a_learner_follows_an_appeal(ada_api: Caller, grace_api: Caller, ada: User, explain: Challenge) -> None:
    submission = cases.final(ada)
    assert ada_api.get(f"/submissions/{submission.uuid}").json()["can_appeal"] is True
    shown = ada_api.post(f"/submissions/{submission.uuid}/appeal", {"text": "I named it."}).json()
    assert (shown["appealed"], shown["can_appeal"]) == (True, False)
    assert (shown["appeal"]["stage"], shown["appeal"]["outcome"]) == ("person", None)
    review = Review.objects.get()
    grace_api.post(f"/reviews/{review.pk}/decision", {"marks": ALL_MET})
    after = ada_api.get(f"/submissions/{submission.uuid}").json()
    assert (after["appeal"]["stage"], after["appeal"]["outcome"], after["verified_by"]) == (
        "closed",
        "raised",
        "person",
    )
    made = grace_api.post(f"/reviews/{review.pk}/gold", {"role": "test"})
    assert made.status_code == 201
    assert grace_api.get("/challenges/explain/gold").json() == [
        {"answer": factories.FREE_TEXT["answer"], "marks": ALL_MET, "role": "test"}
    ]
    assert GoldRow.objects.count() == Appeal.objects.count() == 1


def test_a_shadow_run(grace_api: Caller, ada: User, bob: User, explain: Challenge) -> None:
    chosen = cases.final(ada, NONE_MET)
    cases.final(bob, NONE_MET)
    made = grace_api.post("/challenges/explain/regrades", {"submissions": [str(chosen.uuid)], "note": "New"}).json()
    assert (made["waiting"], len(made["changes"]), made["outcome"]) == (1, 1, "")
    problem(grace_api.post(f"/regrades/{made['id']}/approve", {}), 409, "running")
    cases.work_off(ALL_MET)
    found = grace_api.get(f"/regrades/{made['id']}").json()
    assert (found["kinds"]["raised"], found["passes_gained"], found["marks"]["not_met"]["met"]) == (1, 1, 3)
    assert grace_api.post(f"/regrades/{made['id']}/approve", {"lower": False}).json() == {"done": {"adopted": 1}}
    assert chosen.current.score.shown == 1.0
    assert grace_api.get("/regrades").json()[0]["outcome"] == "approved"
    problem(grace_api.post(f"/regrades/{made['id']}/discard"), 409, "ended")


def test_a_comment_reaches_the_learner(grace_api: Caller, ada_api: Caller, review: Review) -> None:
    said = {"marks": ALL_MET, "comment": "Name the cause first."}
    problem(grace_api.post(f"/reviews/{review.pk}/decision", {**said, "comment": "x" * 2001}), 422, "bad_payload")
    assert grace_api.post(f"/reviews/{review.pk}/decision", said).json()["comment"] == "Name the cause first."
    mine = ada_api.get(f"/submissions/{review.submission.uuid}").json()
    assert mine["feedback"]["comment"] == "Name the cause first."
