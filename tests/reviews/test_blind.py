"""Double blind as a choice of a question: reviewers mark each answer before the machine's marks are shown."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import Scope
from gradus.courses.models import Challenge, Course
from gradus.reviews import accuracy, desk, queue, services
from gradus.reviews.models import Review
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS


@pytest.fixture
def blind(explain: Challenge, grace: User) -> None:
    services.mark_question_blind(explain, by=grace, blind=True)


def form(given: dict[str, str], action: str) -> dict[str, str]:
    return {"action": action, "reason": "", **{f"mark-{id}": mark for id, mark in given.items()}}


@pytest.fixture(params=["question", "audit"])
def hidden(request: pytest.FixtureRequest, ada: User, explain: Challenge, settings: Settings) -> Review:
    """A review that is marked blind, by the choice of its question or because it was drawn."""
    if request.param == "audit":
        settings.AUDIT_SHARE_NEW = 1.0
        cases.final(ada)
        return Review.objects.get()
    request.getfixturevalue("blind")
    return cases.waiting(ada)


def test_no_page_shows_the_machines_marks_before_ones_own_nor_the_learner(
    hidden: Review, ada: User, grace_client: Client
) -> None:
    assert hidden.is_blind and hidden.place not in (0.0, hidden.predicted)
    queue_page = grace_client.get("/reviews/").content.decode()
    page = grace_client.get(f"/reviews/{hidden.pk}/").content.decode()
    assert f"/reviews/{hidden.pk}/" in queue_page and "provisional" not in queue_page
    assert "0.75" not in queue_page and "0.74" not in queue_page
    assert "This answer is marked blind." in page or hidden.kind == "audit"
    for trace in ("<mark>", "0.75", "0.74", "s score", "<dt>Machine</dt>", "checked", 'value="accept"', "no judge"):
        assert trace not in page
    assert factories.FREE_TEXT["answer"] in page.replace("<br>", "\n")
    for text in (queue_page, page):
        assert ada.pseudonym not in text and ada.email not in text and ada.username not in text


def test_own_marks_come_first_and_are_kept_where_they_differ(hidden: Review, grace: User, grace_client: Client) -> None:
    path = f"/reviews/{hidden.pk}/"
    for action in ("accept", "decide"):
        assert grace_client.post(path, form(MARKS, action)).status_code == 422
    assert grace_client.post(path, form(ALL_MET, "blind"))["Location"] == path
    hidden.refresh_from_db()
    assert (hidden.blind_marks, hidden.is_blind, hidden.decided_at) == (ALL_MET, False, None)
    assert hidden.submission.current.grader == "ai"
    page = grace_client.get(path).content.decode()
    assert "<mark>weights keep old facts</mark>" in page and "are stored for the figures" in page
    decided = {**MARKS, "cause": "not_met"}
    grace_client.post(path, {**form(decided, "decide"), "reason": "It is only hinted at."})
    hidden.refresh_from_db()
    assert (hidden.marks, hidden.blind_marks, hidden.decided_by) == (decided, ALL_MET, grace)
    assert hidden.submission.current.score.person == grace
    (pair,) = accuracy.decisions(grace)
    assert pair.person == ALL_MET
    assert len(accuracy.audits(grace)) == (hidden.kind == "audit")


def test_equal_marks_decide_it(hidden: Review, grace: User, grace_client: Client) -> None:
    grace_client.post(f"/reviews/{hidden.pk}/", form(MARKS, "blind"))
    hidden.refresh_from_db()
    assert (hidden.blind_marks, hidden.blind_by, hidden.decided_by) == (MARKS, grace, grace)
    assert (hidden.submission.current.grader, hidden.submission.current.score.shown) == ("person", 0.74)


def test_the_database_lets_nobody_decide_it_unseen(blind: None, ada: User, grace: User) -> None:
    review = cases.waiting(ada)
    with pytest.raises(IntegrityError, match="a_blind_review_is_marked_blind_first"), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(decided_at=review.opened_at, decided_by=grace)


def test_the_choice_holds_for_what_waits_except_for_what_somebody_marks_now(
    ada: User, bob: User, explain: Challenge, grace: User
) -> None:
    first, second = cases.waiting(ada), cases.waiting(bob)
    services.claim(grace, ids=[second.pk])
    services.mark_question_blind(explain, by=grace, blind=True)
    assert dict(Review.objects.values_list("pk", "blind")) == {first.pk: True, second.pk: False}
    Review.objects.filter(pk=first.pk).update(reasons=["provisional", "bulk-check"])
    third = cases.waiting(factories.UserFactory.create())
    services.mark_question_blind(explain, by=grace, blind=False)
    assert dict(Review.objects.values_list("pk", "blind")) == {first.pk: True, second.pk: False, third.pk: False}
    third.refresh_from_db()
    assert third.place == third.predicted
    noted = StaffAction.objects.filter(what=StaffAction.What.QUESTION_CHANGED).order_by("pk")
    assert [one.details for one in noted] == [{"blind": True}, {"blind": False}]


def test_marks_that_were_given_blind_stay_when_the_choice_ends(
    blind: None, ada: User, explain: Challenge, grace: User
) -> None:
    review = services.mark_blind(cases.waiting(ada), by=grace, marks=ALL_MET)
    services.mark_question_blind(explain, by=grace, blind=False)
    review.refresh_from_db()
    assert (review.blind, review.blind_marks) == (True, ALL_MET)


@pytest.mark.parametrize(("role", "may"), [(factories.AUTHOR, True), (factories.TEACHER, False), (Scope(), False)])
def test_only_who_may_edit_the_course_chooses(
    course: Course, explain: Challenge, bob: User, role: Scope, may: bool
) -> None:
    factories.enrol(bob, course, role)
    if may:
        assert services.mark_question_blind(explain, by=bob, blind=True).blind
        return
    with pytest.raises(Refused) as refused:
        services.mark_question_blind(explain, by=bob, blind=True)
    assert refused.value.status == 403


@pytest.mark.parametrize("given", [MARKS, ALL_MET])
def test_an_appeal_against_what_was_accepted_in_bulk_is_decided(
    ada: User, grace: User, explain: Challenge, given: dict[str, str]
) -> None:
    accepted = cases.waiting(ada)
    services.decide(accepted, by=grace, marks=MARKS, reason="", in_bulk=True)
    services.mark_question_blind(explain, by=grace, blind=True)
    appeal = services.appeal(accepted.submission, "It names the cause.")
    again = queue.waiting_for(grace).get()
    services.mark_blind(again, by=grace, marks=given)
    if given != MARKS:
        services.decide(again, by=grace, marks=given, reason="")
    appeal.refresh_from_db()
    accepted.submission.refresh_from_db()
    assert appeal.outcome == ("kept" if given == MARKS else "raised")
    assert accepted.submission.current.score.shown == (0.74 if given == MARKS else 1.0)


def test_marks_given_with_the_machines_in_view_do_not_count_as_blind(
    ada: User, bob: User, grace: User, explain: Challenge
) -> None:
    drawn, seen = cases.waiting(ada), cases.waiting(bob)
    Review.objects.filter(pk=drawn.pk).update(blind=True, reasons=["provisional", "bulk-check"])
    drawn.refresh_from_db()
    assert desk.equal_to(grace, seen) == desk.equal_to(grace, drawn) == []
    assert {one.pk for one in desk.answers(grace, explain)} == {drawn.pk, seen.pk}
    how = {"by": grace, "reason": "", "comment": "", "ids": [drawn.pk, seen.pk]}
    assert services.decide_equal(seen, marks=MARKS, blind=False, **how) == []
    drawn.refresh_from_db()
    assert (drawn.blind_marks, drawn.decided_at) == (None, None)


def test_blind_marks_hold_for_equal_texts_that_are_blind_as_well(
    blind: None, ada: User, bob: User, grace: User
) -> None:
    first, second = cases.waiting(ada), cases.waiting(bob)
    how = {"by": grace, "reason": "", "comment": "", "ids": [second.pk]}
    assert services.decide_equal(first, marks=ALL_MET, blind=True, **how) == []
    assert services.decide_equal(first, marks=ALL_MET, blind=False, **how) == [second.pk]
    second.refresh_from_db()
    assert (second.blind_marks, second.blind_by) == (ALL_MET, grace)


def test_earlier_attempts_of_what_waits_are_hidden_as_well(
    ada: User, grace: User, grace_client: Client, explain: Challenge
) -> None:
    earlier, later = cases.waiting(ada), cases.waiting(ada)
    services.mark_question_blind(explain, by=grace, blind=True)
    for review in (earlier, later):
        review.refresh_from_db()
        assert review.is_blind
        page = grace_client.get(f"/reviews/{review.pk}/").content.decode()
        assert "<mark>" not in page and "0.74" not in page and "checked" not in page
        assert ('value="blind"' in page) == (review == later)
