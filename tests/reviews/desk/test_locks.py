"""Locks: an answer is marked by one reviewer at a time, for a while, and nobody holds more than ten."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge, Course
from gradus.reviews import queue, services
from gradus.reviews.models import LOCKED_FOR, LOCKS_MOST, Review
from gradus.submissions.services import Refused
from tests import factories
from tests.conftest import logged_in
from tests.deleted import delete
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS
from tests.threads import at_once

LATER = LOCKED_FOR + timedelta(seconds=1)


@pytest.fixture
def alan(db: None) -> User:
    """Another member of staff."""
    return factories.UserFactory.create(pseudonym="bombe", is_staff=True)


@pytest.fixture
def waiting(explain: Challenge) -> list[Review]:
    return wait_for(LOCKS_MOST + 2)


def wait_for(count: int) -> list[Review]:
    return [cases.waiting(user) for user in factories.UserFactory.create_batch(count)]


def held(user: User) -> list[int]:
    return list(Review.objects.held_by(user).order_by("pk").values_list("pk", flat=True))


def test_a_claim_holds_the_first_of_the_queue_or_question_until_its_end(
    waiting: list[Review], explain: Challenge, ticket: Challenge, grace: User, alan: User
) -> None:
    assert services.claim(alan, challenge=ticket, count=5) == []
    assert len(services.claim(alan, challenge=explain, count=5)) == services.release(alan) == 5
    before = timezone.now()
    claimed = services.claim(grace, count=3)
    assert [one.pk for one in claimed] == [one.pk for one in queue.waiting_for(grace)[:3]] == held(grace)
    for one, slot in zip(claimed, (1, 2, 3), strict=True):
        assert one.is_locked and (one.locked_by, one.lock_slot) == (grace, slot)
        assert one.locked_until is not None and timedelta() <= one.locked_until - before - LOCKED_FOR < LOCKED_FOR


def test_what_somebody_holds_is_not_handed_out_to_another(waiting: list[Review], grace: User, alan: User) -> None:
    services.claim(grace, count=3)
    assert services.claim(alan, ids=held(grace), count=3) == []
    services.claim(alan, count=3)
    assert len(held(alan)) == 3 and not set(held(alan)) & set(held(grace))
    following = services.claim_next(alan, waiting[0])
    assert following is not None and following.pk in held(alan)
    assert following.pk not in held(grace)


def test_another_cannot_decide_what_somebody_holds_and_nothing_decided_is_locked(
    waiting: list[Review], grace: User, alan: User
) -> None:
    (review,) = services.claim(grace)
    with pytest.raises(Refused, match="admiral is marking this answer") as refused:
        services.decide(review, by=alan, marks=ALL_MET, reason="")
    assert (refused.value.code, refused.value.status) == ("locked", 409)
    review.refresh_from_db()
    assert review.decided_at is None
    services.decide(review, by=grace, marks=ALL_MET, reason="")
    review.refresh_from_db()
    assert (review.decided_by, review.locked_by, review.locked_until, review.lock_slot) == (grace, None, None, None)
    assert services.claim(grace, ids=[review.pk]) == []
    with pytest.raises(IntegrityError, match="a_decided_review_is_not_locked"), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(locked_by=grace, locked_until=timezone.now(), lock_slot=1)


def test_another_cannot_mark_blind_what_somebody_holds(ada: User, explain: Challenge, grace: User, alan: User) -> None:
    review = cases.waiting(ada)
    Review.objects.filter(pk=review.pk).update(blind=True)
    services.claim(grace)
    with pytest.raises(Refused) as refused:
        services.mark_blind(review, by=alan, marks=MARKS)
    assert refused.value.code == "locked"
    services.mark_blind(review, by=grace, marks=MARKS)
    review.refresh_from_db()
    assert (review.blind_by, review.decided_by, review.locked_by) == (grace, grace, None)


def test_a_lock_that_has_ended_stands_in_nobodys_way(waiting: list[Review], grace: User, alan: User) -> None:
    (review,) = services.claim(grace)
    with time_machine.travel(timezone.now() + LATER, tick=False):
        assert held(grace) == [] and not Review.objects.get(pk=review.pk).is_locked
        assert services.renew(grace, [review.pk]) == 0
        assert services.claim(alan, ids=[review.pk]) == [review]
        with pytest.raises(Refused, match="bombe is marking"):
            services.decide(review, by=grace, marks=ALL_MET, reason="")
        Review.objects.filter(pk=review.pk).update(locked_by=grace, locked_until=timezone.now() - LATER)
        services.decide(review, by=alan, marks=ALL_MET, reason="")
    review.refresh_from_db()
    assert (review.decided_by, review.locked_by) == (alan, None)


def test_a_lock_is_renewed_by_its_holder_alone(waiting: list[Review], grace: User, alan: User) -> None:
    (review,) = services.claim(grace)
    with time_machine.travel(timezone.now() + LOCKED_FOR / 2, tick=False):
        assert services.renew(alan, [review.pk]) == 0
        assert services.renew(grace, [review.pk]) == 1
        until = timezone.now() + LOCKED_FOR
    assert Review.objects.get(pk=review.pk).locked_until == until
    with time_machine.travel(until - timedelta(seconds=1), tick=False):
        assert services.claim(grace) == [review]
        assert Review.objects.get(pk=review.pk).locked_until == timezone.now() + LOCKED_FOR


def test_nobody_holds_more_than_ten_that_have_not_ended(waiting: list[Review], grace: User) -> None:
    assert len(services.claim(grace, count=LOCKS_MOST + 5)) == LOCKS_MOST
    with pytest.raises(Refused, match="10 answers already") as refused:
        services.claim(grace, ids=[waiting[-1].pk])
    assert (refused.value.code, refused.value.status) == ("locks_held", 409)
    assert not services.open_for_marking(grace, waiting[-1].pk)
    following = services.claim_next(grace, waiting[-2])
    assert following is not None
    services.release(grace, [waiting[0].pk])
    assert [one.lock_slot for one in services.claim(grace, ids=[waiting[-1].pk])] == [1]
    with time_machine.travel(timezone.now() + LATER, tick=False):
        assert services.claim(grace, ids=[waiting[0].pk]) == [waiting[0]]
        assert held(grace) == [waiting[0].pk]
    assert Review.objects.filter(locked_by=grace).count() == 1


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"lock_slot": LOCKS_MOST + 1}, "a_lock_has_an_end_and_a_slot"),
        ({"lock_slot": None}, "a_lock_has_an_end_and_a_slot"),
        ({"locked_until": None}, "a_lock_has_an_end_and_a_slot"),
        ({"lock_slot": 1}, "one_lock_in_a_slot|reviews_review.locked_by_id, reviews_review.lock_slot"),
    ],
)
def test_the_database_keeps_to_ten_as_well(
    waiting: list[Review], grace: User, values: dict[str, object], constraint: str
) -> None:
    services.claim(grace)
    lock = {"locked_by": grace, "locked_until": timezone.now(), "lock_slot": 2, **values}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Review.objects.filter(pk=waiting[1].pk).update(**lock)


def test_nobody_claims_an_own_answer_or_one_of_a_course_that_they_do_not_teach(
    course: Course, ada: User, bob: User, grace: User
) -> None:
    review = cases.waiting(grace)
    factories.enrol(ada, course, factories.TEACHER)
    assert services.claim(grace, ids=[review.pk]) == services.claim(bob, ids=[review.pk]) == []
    assert services.claim(ada, ids=[review.pk]) == [review]


def test_answers_are_given_back_by_their_holder(waiting: list[Review], grace: User, alan: User) -> None:
    services.claim(grace, count=3)
    first = held(grace)[0]
    assert services.release(alan) == 0
    assert (services.release(grace, [first]), services.release(grace)) == (1, 2)
    assert not Review.objects.exclude(locked_by=None).exists()


def test_staff_of_the_site_may_take_an_answer_from_another_which_is_logged(
    waiting: list[Review], course: Course, ada: User, grace: User, alan: User
) -> None:
    factories.enrol(ada, course, factories.TEACHER)
    (review,) = services.claim(alan)
    with pytest.raises(Refused) as refused:
        services.break_lock(review, by=ada)
    assert refused.value.status == 403
    services.break_lock(review, by=grace)
    services.decide(review, by=grace, marks=ALL_MET, reason="")
    noted = StaffAction.objects.get(what=StaffAction.What.LOCK_BROKEN)
    assert (noted.user_id, noted.details) == (grace.pk, {"review": review.pk, "holder": alan.pk})
    with pytest.raises(Refused, match="Nobody holds"):
        services.break_lock(review, by=grace)


@pytest.mark.parametrize("has_decided", [False, True])
def test_locks_go_with_the_account(waiting: list[Review], grace: User, has_decided: bool) -> None:
    if has_decided:
        services.decide(waiting[-1], by=grace, marks=ALL_MET, reason="")
    services.claim(grace, count=2)
    assert delete(grace)
    assert not Review.objects.exclude(locked_by=None).exists()


def test_the_page_of_an_answer_locks_it_and_the_next_one_or_says_who_holds_it(
    waiting: list[Review], grace: User, grace_client: Client, alan: User, bob: User
) -> None:
    first, second, third = (f"/reviews/{one.pk}/" for one in waiting[:3])
    assert logged_in(bob).get(first).status_code == grace_client.get(f"/reviews/{10**30}/").status_code == 404
    assert not Review.objects.exclude(locked_by=None).exists()
    assert "bombe is marking" not in grace_client.get(first).content.decode()
    assert held(grace) == [waiting[0].pk]
    services.claim(alan, ids=[waiting[1].pk])
    assert "bombe is marking this answer, until" in grace_client.get(second).content.decode()
    form = {"action": "decide", "reason": "", **{f"mark-{id}": mark for id, mark in ALL_MET.items()}}
    assert grace_client.post(first, form)["Location"] == third
    assert held(grace) == [waiting[2].pk]
    refused = grace_client.post(second, form)
    assert refused.status_code == 422 and "bombe is marking this answer" in refused.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_claim_at_once_no_two_hold_the_same(transactional_db: None, tmp_path) -> None:
    factories.tiny_course(tmp_path / "tiny")
    wait_for(LOCKS_MOST)
    staff = factories.UserFactory.create_batch(4, is_staff=True)
    claimed = at_once(lambda number: [one.pk for one in services.claim(staff[number], count=4)], len(staff))
    given = [pk for one in claimed for pk in one]
    assert len(given) == len(set(given)) == LOCKS_MOST
    for user, got in zip(staff, claimed, strict=True):
        assert held(user) == sorted(got)


@pytest.mark.django_db(transaction=True)
def test_parallel_claims_of_one_person_stay_within_ten(transactional_db: None, tmp_path) -> None:
    factories.tiny_course(tmp_path / "tiny")
    pks = [one.pk for one in wait_for(LOCKS_MOST + 6)]
    one = factories.UserFactory.create(is_staff=True)

    def take(number: int) -> int:
        try:
            return len(services.claim(one, ids=[pks[2 * number], pks[2 * number + 1]], count=2))
        except Refused as refused:
            assert refused.code == "locks_held"
            return 0

    assert sum(at_once(take, 8)) == LOCKS_MOST == len(held(one))


@pytest.mark.django_db(transaction=True)
def test_a_decision_and_a_claim_at_once_leave_no_lock_on_what_is_decided(transactional_db: None, tmp_path) -> None:
    """The lock of a third reviewer has just ended: one takes the answer, while another decides it."""
    factories.tiny_course(tmp_path / "tiny")
    (review,) = wait_for(1)
    before, taker, decider = factories.UserFactory.create_batch(3, is_staff=True)
    services.claim(before)
    Review.objects.update(locked_until=timezone.now() - timedelta(seconds=1))

    def press(number: int) -> str:
        if number % 2:
            return "claimed" if services.claim(taker, ids=[review.pk]) else "too late"
        try:
            services.decide(Review.objects.get(pk=review.pk), by=decider, marks=ALL_MET, reason="")
            return "decided"
        except Refused as refused:
            return refused.code

    deciding, claiming = at_once(press, 2)
    review.refresh_from_db()
    if claiming == "claimed":
        assert (deciding, review.locked_by, review.decided_at) == ("locked", taker, None)
    else:
        assert (deciding, review.locked_by, review.decided_by) == ("decided", None, decider)
