"""Who teaches one class reviews the answers that count for it, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import Http404
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.classes import audit
from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge, Course
from gradus.refusal import Refused
from gradus.reviews import evidence, queue, services
from gradus.reviews.models import Review
from gradus.submissions import services as submissions
from tests import factories
from tests.conftest import logged_in
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, NONE_MET


def answered(user: User) -> Review:
    made = factories.submit(user, "explain", factories.FREE_TEXT)
    factories.grade(made, 0.65, provisional=True, review=("provisional",), result={"marks": []})
    return Review.objects.get(submission=made)


@pytest.fixture
def reviews(evening: Class, ada: User, bob: User) -> tuple[Review, Review]:
    """Of a learner of the class, and of one who is in none."""
    factories.member(evening, ada)
    return answered(ada), answered(bob)


@pytest.mark.parametrize("level", ["viewer", "editor"])
def test_the_queue_holds_answers_of_the_own_class(evening: Class, reviews: tuple[Review, Review], level: str) -> None:
    teacher = factories.UserFactory.create()
    factories.member(evening, teacher, learner_data=level)
    mine, other = reviews
    assert list(queue.waiting_for(teacher)) == [mine]
    client = logged_in(teacher)
    assert client.get("/reviews/").status_code == 200
    assert client.get(f"/reviews/{mine.pk}/").status_code == 200
    assert client.get(f"/reviews/{other.pk}/").status_code == 404
    assert client.get("/reviews/question/explain/").status_code == 404


def test_a_learner_or_who_has_left_reviews_nothing(evening: Class, reviews: tuple[Review, Review], ada: User) -> None:
    gone = factories.UserFactory.create()
    factories.member(evening, gone, learner_data="editor", state="left", left_at=evening.created_at)
    for user in (ada, gone):
        assert not queue.waiting_for(user).exists()
        assert Client().get("/reviews/").status_code in (302, 404)
        assert logged_in(user).get(f"/reviews/{reviews[0].pk}/").status_code == 404


def test_an_instructor_decides_and_an_assistant_does_not(evening: Class, reviews: tuple[Review, Review]) -> None:
    mine, _ = reviews
    assistant, instructor = factories.UserFactory.create(), factories.UserFactory.create()
    factories.member(evening, assistant, learner_data="viewer")
    factories.member(evening, instructor, learner_data="editor")
    with pytest.raises(Refused) as refused:
        services.decide(mine, by=assistant, marks=ALL_MET, reason="")
    assert refused.value.code == "missing_role"
    services.decide(mine, by=instructor, marks=ALL_MET, reason="")
    mine.refresh_from_db()
    assert mine.decided_by == instructor


def test_beside_an_answer_stand_no_answers_of_others_than_the_class(
    evening: Class, ada: User, bob: User, grace: User
) -> None:
    """Neither a similar one of a learner outside of the class, nor an earlier one of the learner for no class."""
    text = "Because the weights keep old facts, whereas a look-up reads the newest zanzibar page."
    outside = factories.submit(bob, "explain", {"kind": "free_text", "answer": text})
    before = factories.submit(ada, "explain", {"kind": "free_text", "answer": f"{text} I think."})
    for one in (outside, before):
        factories.grade(one, 0.65, provisional=True, review=("provisional",), result={"marks": []})
    for one in (outside, before):
        services.decide(Review.objects.get(submission=one), by=grace, marks=ALL_MET, reason="")
    factories.member(evening, ada)
    mine = answered(ada)
    instructor = factories.UserFactory.create()
    factories.member(evening, instructor, learner_data="editor")
    for user, seen in ((instructor, False), (grace, True)):
        page = logged_in(user).get(f"/reviews/{mine.pk}/").content.decode()
        assert ("zanzibar" in page) is seen


def test_a_class_does_not_write_gold_rows_of_the_course(evening: Class, reviews: tuple[Review, Review]) -> None:
    mine, _ = reviews
    instructor = factories.UserFactory.create()
    factories.member(evening, instructor, learner_data="editor")
    services.decide(mine, by=instructor, marks=ALL_MET, reason="")
    mine.refresh_from_db()
    with pytest.raises((Refused, Http404)):
        services.make_gold(mine, by=instructor, role="calibration")


def test_a_decision_is_in_the_log_of_the_class(evening: Class, reviews: tuple[Review, Review], grace: User) -> None:
    for review in reviews:
        services.decide(review, by=grace, marks=ALL_MET, reason="")
    noted = StaffAction.objects.filter(what=StaffAction.What.GRADE_DECIDED)
    assert {one.details.get("class") for one in noted} == {evening.pk, None}


def test_an_approved_regrade_stands_in_the_log_of_each_class(
    course: Course, evening: Class, ada: User, bob: User, grace: User, explain: Challenge
) -> None:
    other, outside = factories.a_class(course, title="Another"), factories.UserFactory.create()
    for of_class, user in ((evening, ada), (other, bob)):
        factories.member(of_class, user)
    for user in (ada, bob, outside):
        cases.final(user, NONE_MET)
    run = services.start_regrade(explain, by=grace)
    for _item in run.items.all():
        cases.work_off(ALL_MET)
    assert services.approve(run, by=grace, lower=False) == {"adopted": 3}
    for of_class in (evening, other):
        [entry] = audit.entries(of_class, audit.actions(of_class, what="regrade_approved"))
        assert entry.action.details == {"class": of_class.pk, "regrade": run.pk, "lower": False, "done": {"adopted": 1}}
        assert entry.action.user_id == grace.pk
    whole = next(one for one in StaffAction.objects.filter(what="regrade_approved") if "class" not in one.details)
    assert whole.details["done"] == {"adopted": 3}


def test_an_attempt_withdraws_those_of_its_own_class_only(
    course: Course, evening: Class, ada: User, explain: Challenge
) -> None:
    """Another class would lose its attempt, and this one would read of it."""
    factories.member(evening, ada)
    first = answered(ada)
    assert [one.submission for one in services.earlier_attempts(ada, explain)] == [first.submission]
    other = factories.a_class(course, title="Another")
    factories.member(other, ada)
    longer = {"kind": "free_text", "answer": f"{factories.FREE_TEXT['answer']} A look-up costs a search."}
    given = {"idempotency_key": "of-another-class", "of_class": other.pk}
    second, _ = submissions.submit(ada, explain, longer, **given)
    factories.grade(second, 0.65, provisional=True, review=("provisional",), result={"marks": []})
    with pytest.raises(Refused) as refused:
        submissions.submit(
            ada,
            explain,
            longer | {"answer": f"{longer['answer']} Twice."},
            idempotency_key="again",
            of_class=evening.pk,
        )
    assert refused.value.code == "earlier_waits"
    assert set(Review.objects.waiting().values_list("submission", flat=True)) == {first.submission_id, second.pk}
    Class.objects.filter(pk=evening.pk).update(ends_at=timezone.now())
    assert [one.submission for one in services.earlier_attempts(ada, explain)] == [second]


def test_earlier_answers_at_the_desk_are_of_the_class_even_behind_newer_ones(
    evening: Class, ada: User, settings: Any
) -> None:
    settings.IN_FLIGHT = 100
    member = factories.member(evening, ada)
    before = answered(ada).submission
    Member.objects.filter(pk=member.pk).update(state="left", left_at=timezone.now())
    texts = [f"{factories.FREE_TEXT['answer']} {number}." for number in range(4)]
    for text in texts[:3]:
        factories.submit(ada, "explain", {"kind": "free_text", "answer": text}, withdraw_earlier=True)
    last = {"kind": "free_text", "answer": texts[3]}
    newest = factories.submit(ada, "explain", last, withdraw_earlier=True)
    assert evidence.earlier_attempts(newest, evening.pk) == [before]
    assert before not in evidence.earlier_attempts(newest)
