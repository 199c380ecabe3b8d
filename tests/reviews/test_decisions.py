"""A person's decision: one of two wins, nothing is changed afterwards, and only a person lowers a grade."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import services
from gradus.reviews.models import Review
from gradus.submissions import services as submissions
from gradus.submissions.models import Evaluation, Score, Standing
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET
from tests.threads import at_once


@pytest.fixture
def review(ada: User, explain: Challenge) -> Review:
    return cases.waiting(ada)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_wins(transactional_db: None, tmp_path, ada: User) -> None:
    factories.tiny_course(tmp_path / "tiny")
    review = cases.waiting(ada)
    staff = [factories.UserFactory.create(is_staff=True) for _ in range(6)]

    def attempt(number: int) -> str:
        try:
            services.decide(Review.objects.get(pk=review.pk), by=staff[number], marks=ALL_MET, reason=str(number))
            return "won"
        except Refused as refused:
            return refused.code

    results = at_once(attempt, len(staff))
    assert sorted(results) == ["decided"] * 5 + ["won"]
    review.refresh_from_db()
    assert review.decided_by == staff[results.index("won")]
    assert review.reason == str(results.index("won"))
    grades = Evaluation.objects.order_by("number").values_list("number", "grader")
    assert list(grades) == [(1, "ai"), (2, "person")]


def test_a_decision_says_who_when_and_why(review: Review, grace: User) -> None:
    made = services.decide(review, by=grace, marks=ALL_MET, reason="It is named.")
    review.refresh_from_db()
    assert (review.decided_by, review.reason, review.marks) == (grace, "It is named.", ALL_MET)
    assert review.decided_at is not None
    assert (made.grader, made.score.person, made.score.verified_by) == ("person", grace, "person")
    assert made.result["marks"][0]["evidence"] == ["weights keep old facts"]
    assert review.evaluation.score.provisional
    assert not Evaluation.objects.get(pk=review.evaluation_id).is_current


@pytest.mark.parametrize("change", [{"reason": "other"}, {"marks": NONE_MET}, {"decided_by": None, "decided_at": None}])
def test_the_database_keeps_a_decision_as_it_is(review: Review, grace: User, change: dict[str, object]) -> None:
    assert Review.objects.filter(pk=review.pk).update(reasons=["appeal"], reason="a draft") == 1
    review.refresh_from_db()
    services.decide(review, by=grace, marks=ALL_MET, reason="It is named.")
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(**change)
    review.refresh_from_db()
    assert (review.decided_by, review.reason, review.marks) == (grace, "It is named.", ALL_MET)


def test_points_are_those_of_the_grader(review: Review, grace: User) -> None:
    """Silence claims nothing wrong, and earns nothing."""
    made = services.decide(review, by=grace, marks={**NONE_MET, "no-myth": "met"}, reason="Off the subject.")
    assert made.score.shown == 0.0
    assert made.result is not None
    assert [mark["points"] for mark in made.result["marks"]] == [0.0, 0.0, 0.0]


def test_marks_that_the_rubric_does_not_know_are_refused(review: Review, grace: User) -> None:
    for marks in ({}, {**MARKS, "cause": "cannot_tell"}, {**MARKS, "remedy": "partial"}):
        with pytest.raises(Refused) as refused:
            services.decide(review, by=grace, marks=marks, reason="")
        assert refused.value.status == 422
    review.refresh_from_db()
    assert review.decided_at is None


def test_a_person_who_lowers_a_final_grade_says_why(ada: User, grace: User, explain: Challenge) -> None:
    submission = cases.final(ada, ALL_MET)
    services.appeal(submission, "Look at the second sentence.")
    review = Review.objects.get()
    with pytest.raises(Refused) as refused:
        services.decide(review, by=grace, marks=NONE_MET, reason="  ")
    assert refused.value.code == "reason_needed"
    review.refresh_from_db()
    assert review.decided_at is None and Standing.objects.get().shown == 1.0
    services.decide(review, by=grace, marks=NONE_MET, reason="It denies the cause.")
    current = submission.current
    assert (current.score.shown, current.score.before, current.score.person) == (0.0, 1.0, grace)
    assert current.result is not None and current.result["marks"][0]["evidence"] == []
    assert Standing.objects.get().shown == 0.0


def test_a_machine_does_not_lower_a_final_grade(ada: User, explain: Challenge) -> None:
    submission = cases.final(ada, ALL_MET)
    submissions.regrade(submission)
    lower = cases.work_off(NONE_MET)
    assert submission.current.score.shown == 1.0
    assert lower.proposal is not None and lower.proposal["value"] == 0.0
    with pytest.raises(Refused) as refused:
        submissions.adopt(lower)
    assert (refused.value.code, refused.value.status) == ("lowers", 403)


def test_a_doubtful_regrade_does_not_replace_a_final_grade(ada: User, explain: Challenge) -> None:
    submission = cases.final(ada, MARKS)
    submissions.regrade(submission)
    doubtful = cases.work_off(ALL_MET, provisional=True, review=("votes-apart",))
    assert submission.current.score.shown == 0.74
    with pytest.raises(Refused, match="only provisional"):
        submissions.adopt(doubtful)
    assert not Review.objects.exists()


def test_the_database_refuses_a_lower_or_persons_grade_without_a_person_and_a_held_one_as_current(
    ada: User, grace: User, explain: Challenge
) -> None:
    submission = cases.final(ada, ALL_MET)
    with pytest.raises(IntegrityError, match="lowering_needs_a_person"), transaction.atomic():
        Score.objects.filter(evaluation=submission.current).update(before=1.0, shown=0.5)
    with pytest.raises(IntegrityError, match="a_final_score_stays_final"), transaction.atomic():
        Score.objects.filter(evaluation=submission.current).update(before=0.5, provisional=True, verified_by=None)
    with pytest.raises(IntegrityError, match="a_persons_score_names_the_person"), transaction.atomic():
        Score.objects.filter(evaluation=submission.current).update(verified_by="person", person=None)
    with pytest.raises(IntegrityError, match="what_is_held_is_not_current"), transaction.atomic():
        Evaluation.objects.filter(pk=submission.current.pk).update(proposal={"value": 0.1})
    changed = Score.objects.filter(evaluation=submission.current)
    assert changed.update(before=1.0, shown=0.5, person=grace) == 1


@pytest.mark.parametrize("settle", [services.decide, services.mark_blind])
def test_a_mark_of_no_criterion_is_refused(review: Review, grace: User, settle) -> None:
    more = {"reason": ""} if settle is services.decide else {}
    with pytest.raises(Refused, match="The rubric has no criterion “charm”"):
        settle(review, by=grace, marks={**ALL_MET, "charm": "met"}, **more)
    review.refresh_from_db()
    assert (review.decided_at, review.blind_at) == (None, None)
