"""Bulk acceptance: only marks whose certainty has earned it, one question at a time, and a part of them is checked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from gradus.accounts.models import StaffAction, User
from gradus.cli import output
from gradus.courses.models import Challenge
from gradus.notices.models import Notice
from gradus.receipts.services import verified
from gradus.receipts.statement import statement
from gradus.reviews import accuracy, certainty, evidence, services
from gradus.reviews.models import Review
from gradus.reviews.nearest_answers import person_graded
from gradus.reviews.services import bulk
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import MARKS, history
from tests.threads import at_once

EARNED = [(0.9, True)] * 40
SURE = {"certainty": 0.95}


@pytest.fixture
def earned(explain: Challenge, grace: User) -> None:
    history(grace, [*EARNED, *[(0.4, n % 2 == 0) for n in range(20)]])


def wait_for(count: int, stated: float | None = 0.95) -> list[Review]:
    learners = factories.UserFactory.create_batch(count)
    return [cases.waiting(learner, notes={"certainty": stated}) for learner in learners]


def refusal(done: services.Accepted, review: Review) -> str:
    assert review.pk not in done.accepted and review.pk not in done.drawn
    review.refresh_from_db()
    assert review.decided_at is None or review.decided_by is not None
    return done.refused[review.pk].code


def test_the_machines_marks_count_and_are_noted_as_accepted_in_bulk(
    earned: None, explain: Challenge, grace: User
) -> None:
    waiting = wait_for(3)
    assert services.acceptable(grace, explain) == services.Acceptable(offered=waiting)
    done = services.accept_machine_marks(grace, explain, [one.pk for one in waiting])
    assert (done.accepted, done.drawn, done.refused) == ([one.pk for one in waiting], [], {})
    for one in waiting:
        one.refresh_from_db()
        assert (one.in_bulk, one.decided_by, one.marks) == (True, grace, MARKS)
        assert (one.submission.current.grader, one.submission.current.score.shown) == ("person", 0.74)
    noted = StaffAction.objects.filter(what=StaffAction.What.GRADE_DECIDED, details__in_bulk=True)
    assert noted.count() == 3


def test_nothing_says_that_a_person_read_what_was_accepted_in_bulk(
    explain: Challenge, grace: User, ada: User, ada_client: Client
) -> None:
    words = "marks, accepted by a person"
    for is_in_bulk in (True, False):
        review = cases.waiting(ada, notes=SURE)
        services.decide(review, by=grace, marks=MARKS, reason="", in_bulk=is_in_bulk)
        uuid = review.submission.uuid
        page = ada_client.get(f"/submissions/{uuid}/").content.decode()
        assert (words in page, "Person-verified" in page) == (is_in_bulk, not is_in_bulk)
        found = ada_client.get(f"/api/v1/submissions/{uuid}").json()
        assert (found["verified_by"], found["accepted_in_bulk"]) == ("person", is_in_bulk)
        assert output.verdict(found).endswith(f"passed, {output.BULK if is_in_bulk else 'person-verified'}")
        signed = ada_client.get(f"/api/v1/submissions/{uuid}/receipt").json()
        facts = verified(signed)
        assert facts.get("accepted_in_bulk", False) is is_in_bulk
        stated = dict(statement(facts).lines)["How it was verified"]
        told = Notice.objects.get(evaluation=review.submission.current).kind
        assert told == (Notice.Kind.GRADED if is_in_bulk else Notice.Kind.REVIEWED)
        assert stated == ("The machine's marks, accepted by a person" if is_in_bulk else "Person-verified")


def test_what_was_accepted_in_bulk_measures_nothing(earned: None, explain: Challenge, grace: User, bob: User) -> None:
    before = certainty.of(explain, ""), len(accuracy.decisions(grace))
    waiting = wait_for(2)
    services.accept_machine_marks(grace, explain, [one.pk for one in waiting])
    assert (certainty.of(explain, ""), len(accuracy.decisions(grace))) == before
    assert not {one.pk for _near, one in person_graded(cases.waiting(bob))} & {one.pk for one in waiting}
    waiting[0].refresh_from_db()
    with pytest.raises(Refused) as refused:
        services.make_gold(waiting[0], by=grace, role="calibration")
    assert refused.value.code == "in_bulk"


@pytest.mark.parametrize("stated", [None, 0.4, 0.89])
def test_less_certain_marks_are_refused(earned: None, explain: Challenge, grace: User, stated: float | None) -> None:
    (review,) = wait_for(1, stated)
    assert services.acceptable(grace, explain) == services.Acceptable()
    done = services.accept_machine_marks(grace, explain, [review.pk])
    assert refusal(done, review) == "too_uncertain"


@pytest.mark.parametrize(
    ("results", "judge", "code"),
    [
        ([], "", "certainty_unknown"),
        ([(0.95, True)] * 39, "", "certainty_unknown"),
        ([(0.95, n % 100 < 73) for n in range(100)], "", "too_uncertain"),
        (EARNED, "judge-1", "certainty_unknown"),
    ],
    ids=["nothing decided", "39 decided", "overstated", "another judge"],
)
def test_a_machine_that_has_not_earned_it_is_refused(
    explain: Challenge, grace: User, results: list[tuple[float, bool]], judge: str, code: str
) -> None:
    history(grace, results)
    (review,) = wait_for(1, 0.95)
    Review.objects.filter(pk=review.pk).update(judge=judge)
    assert refusal(services.accept_machine_marks(grace, explain, [review.pk]), review) == code


def test_each_answer_that_a_person_has_to_read_is_refused_with_its_reason(
    earned: None, explain: Challenge, grace: User
) -> None:
    appealed, blind, decided, held, vague, good = wait_for(6)
    own = cases.waiting(grace, notes=SURE)
    services.appeal(appealed.submission, "It says so.")
    Review.objects.filter(pk=blind.pk).update(blind=True)
    services.decide(decided, by=grace, marks=MARKS, reason="")
    services.claim(factories.UserFactory.create(is_staff=True), ids=[held.pk])
    type(vague.evaluation).objects.filter(pk=vague.evaluation_id).update(result=cases.result(cause="cannot_tell"))
    asked = {
        appealed: "appealed",
        blind: "blind_first",
        decided: "decided",
        held: "locked",
        vague: "cannot_tell",
        own: "own_answer",
    }
    assert services.acceptable(grace, explain) == services.Acceptable(offered=[good])
    done = services.accept_machine_marks(grace, explain, [*(one.pk for one in asked), good.pk, good.pk, 10**9])
    assert done.accepted == [good.pk]
    assert {one: refusal(done, one) for one in asked} == asked
    assert done.refused[10**9].code == "not_found" and all(one.message for one in done.refused.values())


@pytest.mark.parametrize("reason", ["known-attack", "denied: cause", "addresses-grader", "low-confidence", "unknown"])
def test_an_answer_that_waits_for_a_reason_of_its_own_is_not_offered(
    earned: None, explain: Challenge, grace: User, ada: User, reason: str
) -> None:
    review = cases.waiting(ada, notes=SURE, review=("no-judge: budget", reason))
    assert services.acceptable(grace, explain) == services.Acceptable()
    assert [line.reached for line in certainty.overview(grace) if line.waiting] == [0]
    assert refusal(services.accept_machine_marks(grace, explain, [review.pk]), review) == "has_reasons"


@pytest.mark.parametrize("reason", ["no-judge: no_endpoint", "no-calibration", "pilot-mode", "provisional"])
def test_reasons_that_hold_for_every_answer_do_not_matter(
    earned: None, explain: Challenge, grace: User, ada: User, reason: str
) -> None:
    review = cases.waiting(ada, notes=SURE, review=(reason,))
    assert [line.reached for line in certainty.overview(grace) if line.waiting] == [1]
    assert services.accept_machine_marks(grace, explain, [review.pk]).accepted == [review.pk]


def test_a_reason_that_is_found_in_the_meantime_and_a_later_attempt_count(
    explain: Challenge, grace: User, ada: User, bob: User
) -> None:
    review = cases.waiting(bob)
    Review.objects.filter(pk=review.pk).update(reasons=["provisional", "known-attack"])
    with pytest.raises(Refused):
        bulk._accept(review, grace)
    earlier, later = cases.waiting(ada), cases.waiting(ada, cases.NONE_MET)
    with pytest.raises(Refused) as refused:
        bulk._accept(earlier, grace)
    later.refresh_from_db()
    assert (refused.value.code, later.decided_at) == ("follows", None)


def test_only_answers_to_a_question_of_ones_own_course_are_accepted_and_not_too_many(
    earned: None, explain: Challenge, ticket: Challenge, grace: User, bob: User
) -> None:
    (review,) = wait_for(1)
    assert refusal(services.accept_machine_marks(grace, ticket, [review.pk]), review) == "not_found"
    with pytest.raises(Refused) as refused:
        services.accept_machine_marks(bob, explain, [review.pk])
    assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        services.accept_machine_marks(grace, explain, range(bulk.BULK_MOST + 1))
    assert refused.value.code == "too_many"
    factories.enrol(bob, explain.course, factories.TEACHER)
    assert services.accept_machine_marks(bob, explain, [review.pk]).accepted == [review.pk]


def test_a_part_is_drawn_and_marked_blind(earned: None, explain: Challenge, grace: User, settings: Settings) -> None:
    settings.AUDIT_SHARE = 1e-9  # One at least, and never two by chance.
    waiting = wait_for(5)
    services.claim(grace, ids=[waiting[0].pk])
    offered = [one.pk for one in services.acceptable(grace, explain).offered]
    done = services.accept_machine_marks(grace, explain, offered)
    assert (len(done.accepted), len(done.drawn), done.refused) == (4, 1, {})
    review = Review.objects.get(pk=done.drawn[0])
    assert (review.is_blind, review.decided_at, review.locked_by) == (True, None, None)
    assert review.place != review.predicted
    case = evidence.case(review)
    assert case.predicted is None and not case.can_accept and not any(line.mark for line in case.lines)
    assert case.reasons == ["Drawn at random to see how often the machine is right"]
    before = certainty.of(explain, "").decided
    services.mark_blind(review, by=grace, marks=MARKS)
    review.refresh_from_db()
    assert (review.in_bulk, review.decided_by) == (False, grace)
    assert certainty.of(explain, "").decided == before + 1


def test_the_same_are_kept_back_each_time_and_for_everybody(
    earned: None, explain: Challenge, grace: User, bob: User, settings: Settings
) -> None:
    settings.AUDIT_SHARE = 0.001
    wait_for(6)
    factories.enrol(bob, explain.course, factories.TEACHER)
    first = services.acceptable(grace, explain)
    assert (len(first.offered), len(first.kept_back)) == (5, 1)
    assert services.acceptable(grace, explain) == services.acceptable(bob, explain) == first
    settings.SECRET_KEY = "another key of at least fifty characters, for another draw"
    draws = {bulk._lot(review) for review in first.offered}
    settings.SECRET_KEY = "one more key of at least fifty characters, for another draw"
    assert not draws & {bulk._lot(review) for review in first.offered}


def test_what_is_asked_for_does_not_change_what_is_kept_back(
    earned: None, explain: Challenge, grace: User, settings: Settings
) -> None:
    settings.AUDIT_SHARE = 0.05
    (alone,) = wait_for(1)
    assert services.acceptable(grace, explain) == services.Acceptable(kept_back=[alone])
    wait_for(3)
    now = services.acceptable(grace, explain)
    done = services.accept_machine_marks(grace, explain, [now.offered[0].pk])
    assert (done.accepted, done.drawn) == ([now.offered[0].pk], [one.pk for one in now.kept_back])


def test_nothing_is_drawn_where_nothing_is_accepted(
    earned: None, explain: Challenge, grace: User, settings: Settings
) -> None:
    settings.AUDIT_SHARE = 0.05
    wait_for(3)
    (unsure,) = wait_for(1, 0.4)
    done = services.accept_machine_marks(grace, explain, [unsure.pk])
    assert (done.accepted, done.drawn, [*done.refused]) == ([], [], [unsure.pk])
    assert not Review.objects.filter(blind=True).exists()


def test_how_many_are_kept_back(settings: Settings) -> None:
    settings.SECRET_KEY = "a key of at least fifty characters that stays the same here"
    lots = [bulk._lot(Review(pk=number)) for number in range(1, 2001)]
    assert all(0 <= lot < 1 for lot in lots)
    assert 80 <= sum(lot < 0.05 for lot in lots) <= 120


def test_what_follows_a_drawn_answer_is_blind_as_well(explain: Challenge, grace: User, ada: User) -> None:
    earlier, later = cases.waiting(ada), cases.waiting(ada)
    Review.objects.filter(pk=later.pk).update(reasons=["provisional", "appeal"])
    bulk._ask_a_person(later, grace)
    earlier.refresh_from_db()
    later.refresh_from_db()
    assert earlier.follows == later and earlier.blind and later.blind
    assert later.reasons == ["provisional", "appeal", "bulk-check"]
    services.mark_blind(later, by=grace, marks=MARKS)
    earlier.refresh_from_db()
    assert (earlier.decided_by, earlier.marks) == (grace, MARKS)


def test_a_learner_may_appeal_because_nobody_read_the_answer(earned: None, explain: Challenge, grace: User) -> None:
    (review,) = wait_for(1)
    services.accept_machine_marks(grace, explain, [review.pk])
    submission = review.submission
    assert services.can_appeal(submission)
    made = services.appeal(submission, "The remedy is named.")
    assert made.stage == "person"
    again = Review.objects.waiting().get(submission=submission)
    assert (again.reasons, again.evaluation) == (["appeal"], submission.current)
    assert [line.mark for line in evidence.case(again).lines] == list(MARKS.values())
    services.decide(again, by=grace, marks=cases.ALL_MET, reason="")
    made.refresh_from_db()
    submission.refresh_from_db()
    assert (made.outcome, submission.current.score.shown) == ("raised", 1.0)
    assert not services.can_appeal(submission)


def test_the_database_accepts_no_audit_in_bulk_and_keeps_the_note(
    earned: None, explain: Challenge, grace: User
) -> None:
    accepted, waiting = wait_for(2)
    services.accept_machine_marks(grace, explain, [accepted.pk])
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Review.objects.filter(pk=accepted.pk).update(in_bulk=False)
    with pytest.raises(IntegrityError, match="only_a_plain_review"), transaction.atomic():
        Review.objects.filter(pk=waiting.pk).update(in_bulk=True)


@pytest.mark.django_db(transaction=True)
def test_two_who_accept_at_once_accept_each_answer_once(transactional_db: None, tmp_path) -> None:
    factories.tiny_course(tmp_path / "tiny")
    asked, staff = factories.challenge("explain"), factories.UserFactory.create_batch(4, is_staff=True)
    history(staff[0], EARNED, decided_at=timezone.now() - timedelta(days=1))
    pks = [one.pk for one in wait_for(4)]
    done = at_once(lambda number: services.accept_machine_marks(staff[number], asked, pks), len(staff))
    assert sorted(pk for one in done for pk in one.accepted) == pks
    assert {one.code for each in done for one in each.refused.values()} <= {"decided"}
