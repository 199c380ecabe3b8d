"""Reviews, appeals and regrades over HTTP: what the pages can do."""

from __future__ import annotations

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Challenge
from gradus.reviews import services
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
    for number in (2**63, 10**40):
        assert grace_api.get(f"/reviews/{number}").status_code == 404


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
    assert bob_api.get("/challenges/explain/certainty").status_code in (403, 404)
    for call, given in (
        ("/reviews/claim", {}),
        ("/reviews/release", {}),
        ("/challenges/explain/accept-marks", {"ids": [1]}),
        ("/challenges/explain/marked-blind", {"blind": True}),
    ):
        assert bob_api.post(call, given).status_code in (403, 404)
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
        {"answer": factories.FREE_TEXT["answer"], "marks": ALL_MET, "role": "test", "quoted": []}
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


def test_answers_are_claimed_renewed_and_given_back(
    grace_api: Caller, review: Review, bob: User, explain: Challenge
) -> None:
    other = cases.waiting(bob)
    claimed = grace_api.post("/reviews/claim", {"count": 2, "challenge": "explain"}).json()
    assert [one["id"] for one in claimed] == [review.pk, other.pk] and all(one["locked_until"] for one in claimed)
    assert grace_api.post("/reviews/renew", {"ids": [review.pk]}).json() == {"done": 1}
    assert grace_api.post("/reviews/release", {"ids": [other.pk]}).json() == {"done": 1}
    assert grace_api.post("/reviews/release", {}).json() == {"done": 1}
    for count in (0, 11):
        problem(grace_api.post("/reviews/claim", {"count": count}), 422, "bad_payload")


def test_what_another_holds_is_not_listed_and_can_be_taken_over_by_staff(grace_api: Caller, review: Review) -> None:
    other = factories.UserFactory.create(is_staff=True, pseudonym="bombe")
    services.claim(other)
    assert grace_api.get("/reviews").json() == grace_api.post("/reviews/claim", {}).json() == []
    found = problem(grace_api.post(f"/reviews/{review.pk}/decision", {"marks": ALL_MET}), 409, "locked")
    assert "bombe is marking this answer" in found["detail"]
    assert grace_api.post(f"/reviews/{review.pk}/take-over").json() == {"done": 1}
    assert grace_api.post(f"/reviews/{review.pk}/decision", {"marks": ALL_MET}).status_code == 200


def test_certainty_is_told_by_what_it_was_worth(grace_api: Caller, grace: User, ada: User, explain: Challenge) -> None:
    review = cases.waiting(ada, notes={"certainty": 0.95})
    cases.history(grace, [(0.95, True)] * 39)
    (before,) = grace_api.get("/challenges/explain/certainty").json()
    assert before == {"judge": "", "decided": 39, "needed": 40, "known": False, "steps": [], "bulk": None}
    assert grace_api.get(f"/reviews/{review.pk}").json()["certainty"] is None
    cases.history(grace, [(0.95, False)])
    (after,) = grace_api.get("/challenges/explain/certainty").json()
    assert after["steps"] == [{"stated": 0.95, "answers": 40, "right": 39, "share": 0.975}] == [after["bulk"]]
    assert grace_api.get(f"/reviews/{review.pk}").json()["certainty"] == 0.975


def test_marks_are_accepted_in_bulk(grace_api: Caller, grace: User, ada: User, bob: User, explain: Challenge) -> None:
    cases.history(grace, [(0.9, True)] * 40)
    sure, unsure = cases.waiting(ada, notes={"certainty": 0.95}), cases.waiting(bob, notes={"certainty": 0.5})
    done = grace_api.post("/challenges/explain/accept-marks", {"ids": [sure.pk, unsure.pk]}).json()
    assert (done["accepted"], done["drawn"]) == ([sure.pk], [])
    assert [(one["id"], one["code"]) for one in done["refused"]] == [(unsure.pk, "too_uncertain")]
    problem(grace_api.post("/challenges/explain/accept-marks", {"ids": list(range(1, 300))}), 422, "bad_payload")


def test_a_question_is_marked_blind(grace_api: Caller, review: Review) -> None:
    assert grace_api.post("/challenges/explain/marked-blind", {"blind": True}).json() == {"blind": True}
    case = grace_api.get(f"/reviews/{review.pk}").json()
    assert (case["blind"], case["predicted"], case["reasons"], case["certainty"]) == (True, None, [], None)
    assert [(line["machine"], line["quotes"], line["votes"]) for line in case["criteria"]] == [(None, [], [])] * 3
    problem(grace_api.post(f"/reviews/{review.pk}/decision", {"marks": ALL_MET}), 409, "blind_first")
    assert grace_api.post(f"/reviews/{review.pk}/blind", {"marks": MARKS}).json()["decided_by"] == "admiral"
