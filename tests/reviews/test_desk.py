"""The page of one question: which answers stand on it, and what recording one of them answers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from challenges.kinds.rubric import free_text
from gradus.accounts.models import Enrolment, User
from gradus.courses.models import Challenge, Course
from gradus.reviews import desk, services
from gradus.reviews.models import Review
from tests import factories
from tests.conftest import logged_in
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET

PAGE = "/reviews/question/explain/"
HTMX = {"HX-Request": "true"}


def chosen(given: dict[str, str] = MARKS, **changes: str) -> dict[str, str]:
    return {"action": "decide", "reason": "", **{f"mark-{id}": mark for id, mark in {**given, **changes}.items()}}


def shown(page: str) -> list[int]:
    """The answers on a page, in its order."""
    return [int(pk) for pk in re.findall(r'data-answer="(\d+)"', page)]


def learners(count: int) -> list[User]:
    return factories.UserFactory.create_batch(count)


@pytest.fixture
def reviews(explain: Challenge) -> list[Review]:
    """Three answers that wait, in the order of the queue."""
    given = ({**NONE_MET, "cause": "partial"}, MARKS, ALL_MET)
    return [cases.waiting(user, marks) for user, marks in zip(learners(3), given, strict=True)]


def test_the_answers_stand_beside_the_question_and_its_rubric(grace_client: Client, reviews: list[Review]) -> None:
    page = grace_client.get(PAGE).content.decode()
    asked = free_text(reviews[0].submission.version.parsed)
    assert shown(page) == [review.pk for review in reviews]
    assert asked.question in page and asked.model_answer in page
    assert all(criterion.text in page for criterion in asked.rubric)
    assert '<mark data-quotes="cause">weights keep old facts</mark>' in page
    assert "0 of 3 done" in " ".join(page.split())


def test_a_script_gets_the_recorded_answer_the_progress_and_the_next_one(
    grace: User, grace_client: Client, explain: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "SHOWN", 2)
    first, second, third = (cases.waiting(user) for user in learners(3))
    assert shown(grace_client.get(PAGE).content.decode()) == [first.pk, second.pk]
    data = {**chosen(), "shown": [first.pk, second.pk]}
    answer = grace_client.post(f"{PAGE}{first.pk}", data, headers=HTMX)
    piece = answer.content.decode()
    assert answer.status_code == 200 and shown(piece) == [third.pk]
    assert f'class="desk-done" id="answer-{first.pk}"' in piece and "1 of 3 done" in " ".join(piece.split())
    first.refresh_from_db()
    assert (first.decided_by, first.marks) == (grace, MARKS)
    assert first.submission.current.grader == "person"


def test_the_last_answer_says_that_no_other_waits(grace_client: Client, ada: User, explain: Challenge) -> None:
    review = cases.waiting(ada)
    data = {**chosen(), "shown": [review.pk]}
    piece = grace_client.post(f"{PAGE}{review.pk}", data, headers=HTMX).content.decode()
    assert "No answer to this question waits" in piece
    assert "No answer to this question waits" in grace_client.get(PAGE).content.decode()


def test_without_scripts_the_page_comes_back_at_the_next_answer(grace_client: Client, reviews: list[Review]) -> None:
    first, second, third = reviews
    answer = grace_client.post(f"{PAGE}{second.pk}", chosen())
    assert answer["Location"] == f"{PAGE}#answer-{third.pk}"
    assert shown(grace_client.get(PAGE).content.decode()) == [first.pk, third.pk]
    assert grace_client.post(f"{PAGE}{third.pk}", chosen())["Location"] == f"{PAGE}#answer-{first.pk}"
    assert grace_client.post(f"{PAGE}{first.pk}", chosen())["Location"] == PAGE


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refused_answer_keeps_its_marks_and_says_why(
    grace_client: Client, reviews: list[Review], bob: User, headers: dict[str, str]
) -> None:
    bob.is_staff = True
    bob.save()
    services.decide(reviews[1], by=bob, marks=ALL_MET, reason="")
    answer = grace_client.post(f"{PAGE}{reviews[1].pk}", chosen(NONE_MET), headers=headers)
    text = answer.content.decode()
    assert answer.status_code == 422 and "Somebody else has just decided this review." in text
    article = text.split(f'id="answer-{reviews[1].pk}"')[1].split("</article>")[0]
    checked = [part.split(">")[0] for part in article.split("<input")[1:] if "checked" in part.split(">")[0]]
    assert len(checked) == 3 and all('value="not_met"' in one for one in checked)
    reviews[1].refresh_from_db()
    assert reviews[1].marks == ALL_MET


def test_a_missing_mark_is_named_beside_its_criterion(grace_client: Client, reviews: list[Review]) -> None:
    data = {key: value for key, value in chosen().items() if key != "mark-remedy"}
    answer = grace_client.post(f"{PAGE}{reviews[0].pk}", data, headers=HTMX)
    assert answer.status_code == 422 and f'id="answer-{reviews[0].pk}-mark-remedy_error"' in answer.content.decode()
    reviews[0].refresh_from_db()
    assert reviews[0].decided_at is None


def test_an_answer_that_no_longer_waits_is_said_to_be_gone(grace_client: Client, reviews: list[Review]) -> None:
    pk = reviews[0].pk
    reviews[0].delete()
    assert "no longer waits" in grace_client.post(f"{PAGE}{pk}", chosen(), headers=HTMX).content.decode()
    page = grace_client.post(f"{PAGE}{pk}", chosen(), follow=True).content.decode()
    assert "no longer waits" in page and shown(page) == [reviews[1].pk, reviews[2].pk]


def test_an_audit_is_blind_on_this_page_too(grace: User, grace_client: Client, ada: User, explain, settings) -> None:
    settings.AUDIT_SHARE_NEW = 1.0
    cases.final(ada)
    audit = Review.objects.get()
    page = grace_client.get(PAGE).content.decode()
    assert shown(page) == [audit.pk]
    assert "checked" not in page and "data-quotes" not in page and "Machine:" not in page
    blind = {**chosen(ALL_MET), "action": "blind"}
    piece = grace_client.post(f"{PAGE}{audit.pk}", blind, headers=HTMX).content.decode()
    assert shown(piece) == [audit.pk] and "Machine: half" in " ".join(piece.split())
    audit.refresh_from_db()
    assert (audit.blind_marks, audit.decided_at) == (ALL_MET, None)
    grace_client.post(f"{PAGE}{audit.pk}", chosen(MARKS), headers=HTMX)
    audit.refresh_from_db()
    assert (audit.decided_by, audit.marks) == (grace, MARKS)


def test_nobody_else_finds_the_page(ada_client: Client, client: Client, reviews: list[Review]) -> None:
    for other in (ada_client, client):
        assert other.get(PAGE).status_code == 404
        assert other.post(f"{PAGE}{reviews[0].pk}", chosen()).status_code == 404
    assert Review.objects.waiting().count() == 3


def test_teachers_see_their_own_courses_alone(course: Course, reviews: list[Review]) -> None:
    teacher = factories.UserFactory.create()
    seat = Enrolment.objects.create(user=teacher, course=course, role=Enrolment.Role.STAFF)
    client = logged_in(teacher)
    assert shown(client.get(PAGE).content.decode()) == [review.pk for review in reviews]
    Enrolment.objects.filter(pk=seat.pk).update(course=Course.objects.create(slug="other", title="Other", digest="x"))
    assert client.get(PAGE).status_code == 404
    assert client.post(f"{PAGE}{reviews[0].pk}", chosen()).status_code == 404


def test_ones_own_answer_is_never_shown(grace: User, grace_client: Client, reviews: list[Review]) -> None:
    own = cases.waiting(grace)
    assert own.pk not in shown(grace_client.get(PAGE).content.decode())
    assert "no longer waits" in grace_client.post(f"{PAGE}{own.pk}", chosen(), headers=HTMX).content.decode()
    own.refresh_from_db()
    assert own.decided_at is None


@pytest.mark.parametrize("slug", ["sea-or-sky", "there-is-none"])
def test_only_questions_that_people_grade_have_a_page(grace_client: Client, course: Course, slug: str) -> None:
    assert grace_client.get(f"/reviews/question/{slug}/").status_code == 404


def test_answers_to_another_version_come_on_a_page_of_their_own(
    grace: User, grace_client: Client, reviews: list[Review], explain: Challenge
) -> None:
    version = explain.version
    assert version is not None
    version.pk, version.digest, version.version = None, "f" * 64, "9.0.0"
    version.save()
    reviews[2].evaluation.graded_version = version
    reviews[2].evaluation.save(update_fields=["graded_version"])
    assert shown(grace_client.get(PAGE).content.decode()) == [reviews[0].pk, reviews[1].pk]
    for review in reviews[:2]:
        data = {**chosen(), "shown": [one.pk for one in reviews[:2] if one.decided_at is None]}
        piece = grace_client.post(f"{PAGE}{review.pk}", data, headers=HTMX).content.decode()
        review.refresh_from_db()
    assert "1 answer to another version of this question still waits" in " ".join(piece.split())
    assert shown(grace_client.get(PAGE).content.decode()) == [reviews[2].pk]


def decided(user: User, explain: Challenge, seconds: list[float]) -> None:
    """Decisions of a person with these seconds between them, the last one now."""
    at = timezone.now()
    for gap in [0.0, *seconds]:
        at -= timedelta(seconds=gap)
        review = cases.waiting(factories.UserFactory.create())
        Review.objects.filter(pk=review.pk).update(decided_at=at, decided_by=user, marks=MARKS)


def test_the_time_left_is_told_by_ones_own_decisions_then_by_all(
    grace: User, bob: User, explain: Challenge, reviews: list[Review]
) -> None:
    assert desk.progress(grace, explain).minutes is None
    decided(bob, explain, [60, 60, 60, 60, 60])
    assert desk.progress(grace, explain).minutes == 3
    # A pause and the decisions of one press are not the time of a decision.
    decided(grace, explain, [20, 20, 0.1, 3600, 20, 20, 20])
    assert desk.progress(grace, explain).minutes == 1
    assert desk.progress(bob, explain, waiting=3).minutes == 3
    assert desk.progress(grace, explain).done == 14
