"""Who teaches one class reviews the answers that count for it, and no others."""

from __future__ import annotations

import pytest
from django.http import Http404
from django.test import Client

from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class
from gradus.refusal import Refused
from gradus.reviews import queue, services
from gradus.reviews.models import Review
from tests import factories
from tests.conftest import logged_in
from tests.reviews.cases import ALL_MET


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
