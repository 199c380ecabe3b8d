"""The page of one question: which answers stand on it, and what recording one of them answers."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from challenges.kinds.rubric import free_text
from challenges.reading import read_course
from gradus.accounts.models import Enrolment, StaffAction, User
from gradus.courses.models import Challenge, Course
from gradus.courses.services import publish
from gradus.reviews import desk, services
from gradus.reviews.models import Review
from gradus.submissions.models import Submission
from gradus.submissions.services import Refused
from tests import factories
from tests.browser.driver.pages import LIBRARY
from tests.conftest import logged_in
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET
from tests.threads import at_once

PAGE = "/reviews/question/explain/"
HTMX = {"HX-Request": "true"}


def chosen(given: dict[str, str] = MARKS, **changes: str) -> dict[str, str]:
    return {
        "action": "decide",
        "reason": "",
        "comment": "",
        **{f"mark-{id}": mark for id, mark in {**given, **changes}.items()},
    }


def with_text(text: str, given: dict[str, str] = MARKS, user: User | None = None) -> Review:
    """An answer with this text that waits."""
    submission = cases.submit(user or factories.UserFactory.create(), text)
    factories.grade(
        submission, cases.score(given), provisional=True, review=("provisional",), result=cases.result(given)
    )
    return Review.objects.get(submission=submission)


def of_another_question(user: User) -> Submission:
    """An answer to a question of the built-in course that waits."""
    answer = {"kind": "free_text", "answer": "The model learns its rows by heart. " * 5}
    submission = factories.submit(user, "read-the-curve", answer)
    factories.grade(submission, 0.2, provisional=True, review=("provisional",), result={"marks": []})
    return submission


def shown(page: str) -> list[int]:
    """The answers on a page, in its order."""
    return [int(pk) for pk in re.findall(r'data-answer="(\d+)"', page)]


def learners(count: int) -> list[User]:
    return factories.UserFactory.create_batch(count)


@pytest.fixture
def reviews(explain: Challenge) -> list[Review]:
    """Three answers that wait, in the order of the queue."""
    given = ({**NONE_MET, "cause": "partial"}, MARKS, ALL_MET)
    return [with_text(f"The weights keep old facts, {n} times.", marks) for n, marks in enumerate(given)]


def test_the_answers_stand_beside_the_question_and_its_rubric(grace_client: Client, reviews: list[Review]) -> None:
    page = grace_client.get(PAGE).content.decode()
    asked = free_text(reviews[0].submission.version.parsed)
    assert shown(page) == [review.pk for review in reviews]
    assert asked.question in page and asked.model_answer in page
    assert all(criterion.text in page for criterion in asked.rubric)
    assert page.count('<mark data-quotes="cause">weights keep old facts</mark>') == 3
    assert "0 of 3 done today" in " ".join(page.split())


def test_a_script_gets_the_recorded_answer_the_progress_and_the_next_one(
    grace: User, grace_client: Client, explain: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "SHOWN", 2)
    first, second, third = (with_text(f"Answer number {n} to this question.") for n in range(3))
    assert shown(grace_client.get(PAGE).content.decode()) == [first.pk, second.pk]
    data = {**chosen(), "shown": [first.pk, second.pk]}
    answer = grace_client.post(f"{PAGE}{first.pk}", data, headers=HTMX)
    piece = answer.content.decode()
    assert answer.status_code == 200 and shown(piece) == [third.pk]
    assert f'class="desk-done" id="answer-{first.pk}"' in piece and "1 of 3 done" in " ".join(piece.split())
    first.refresh_from_db()
    assert (first.decided_by, first.marks) == (grace, MARKS)
    assert first.submission.current.grader == "person"
    for review, left in ((second, [second.pk, third.pk]), (third, [third.pk])):
        data = {**chosen(), "shown": left}
        piece = grace_client.post(f"{PAGE}{review.pk}", data, headers=HTMX).content.decode()
    for page in (piece, grace_client.get(PAGE).content.decode()):
        assert "No answer to this question waits" in page


def test_the_last_answer_leads_to_the_next_question(grace_client: Client, ada: User, explain: Challenge) -> None:
    publish(read_course(LIBRARY))
    for learner in learners(2):
        of_another_question(learner)
    review = cases.waiting(ada)
    data = {**chosen(MARKS), "shown": [review.pk]}
    piece = " ".join(grace_client.post(f"{PAGE}{review.pk}", data, headers=HTMX).content.decode().split())
    assert f"Answer {review.pk} is recorded with 75 of 100 points." in piece
    assert 'Next question: <span lang="en">Read the curve</span> (2 wait)' in piece
    assert 'href="/reviews/question/read-the-curve/"' in piece
    for waits in Review.objects.waiting():
        services.claim(factories.UserFactory.create(is_staff=True), count=1, ids=[waits.pk])
    assert "Next question" not in grace_client.get(PAGE).content.decode()


def test_certainty_stands_beside_an_answer_only_once_it_is_known(
    grace: User, grace_client: Client, ada: User, explain: Challenge
) -> None:
    cases.history(grace, [(0.9, True)] * 39)
    cases.waiting(ada, notes={"certainty": 0.95})
    assert "Its certainty" not in grace_client.get(PAGE).content.decode()
    cache.clear()
    cases.history(grace, [(0.9, True)])
    assert "Its certainty: 100 %" in grace_client.get(PAGE).content.decode()


def test_the_only_reason_of_every_row_of_the_queue_is_told_once(grace_client: Client, explain: Challenge) -> None:
    for learner in learners(3):
        cases.waiting(learner, review=("pilot-mode",))
    reason = "The question is in pilot mode"
    assert grace_client.get("/reviews/").content.decode().count(reason) == 1
    cases.waiting(factories.UserFactory.create(), review=("pilot-mode", "encoded"))
    assert grace_client.get("/reviews/").content.decode().count(reason) == 4


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


def test_a_missing_mark_is_named_beside_its_criterion_and_an_answer_that_no_longer_waits_is_said_to_be_gone(
    grace_client: Client, reviews: list[Review]
) -> None:
    pk = reviews[0].pk
    data = {key: value for key, value in chosen().items() if key != "mark-remedy"}
    answer = grace_client.post(f"{PAGE}{pk}", data, headers=HTMX)
    assert answer.status_code == 422 and f'id="answer-{pk}-mark-remedy_error"' in answer.content.decode()
    reviews[0].refresh_from_db()
    assert reviews[0].decided_at is None
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
    assert "checked" not in page and "data-quotes" not in page and "Built-in checks:" not in page
    blind = {**chosen(ALL_MET), "action": "blind"}
    piece = grace_client.post(f"{PAGE}{audit.pk}", blind, headers=HTMX).content.decode()
    assert shown(piece) == [audit.pk] and "Built-in checks: half" in " ".join(piece.split())
    audit.refresh_from_db()
    assert (audit.blind_marks, audit.decided_at) == (ALL_MET, None)
    grace_client.post(f"{PAGE}{audit.pk}", chosen(MARKS), headers=HTMX)
    audit.refresh_from_db()
    assert (audit.decided_by, audit.marks) == (grace, MARKS)


def test_nobody_else_finds_the_page_and_only_questions_that_people_grade_have_one(
    ada_client: Client, client: Client, grace_client: Client, reviews: list[Review]
) -> None:
    for other, status in ((ada_client, 404), (client, 302)):
        assert other.get(PAGE).status_code == status
        assert other.post(f"{PAGE}{reviews[0].pk}", chosen()).status_code == status
    # A part of a page is not replaced by the page to sign in.
    assert client.post(f"{PAGE}{reviews[0].pk}", chosen(), headers=HTMX).status_code == 401
    assert Review.objects.waiting().count() == 3
    for slug in ("sea-or-sky", "there-is-none"):
        assert grace_client.get(f"/reviews/question/{slug}/").status_code == 404


def test_teachers_see_their_own_courses_alone(course: Course, reviews: list[Review]) -> None:
    teacher = factories.UserFactory.create()
    seat = factories.enrol(teacher, course, factories.TEACHER)
    client = logged_in(teacher)
    assert shown(client.get(PAGE).content.decode()) == [review.pk for review in reviews]
    Enrolment.objects.filter(pk=seat.pk).update(course=Course.objects.create(slug="other", title="Other", digest="x"))
    assert client.get(PAGE).status_code == 404
    assert client.post(f"{PAGE}{reviews[0].pk}", chosen()).status_code == 404


def test_ones_own_answer_is_never_shown(grace: User, grace_client: Client, reviews: list[Review]) -> None:
    own = with_text("My own answer to this question.", user=grace)
    assert own.pk not in shown(grace_client.get(PAGE).content.decode())
    assert "no longer waits" in grace_client.post(f"{PAGE}{own.pk}", chosen(), headers=HTMX).content.decode()
    own.refresh_from_db()
    assert own.decided_at is None


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


@pytest.fixture
def bob_reviews(bob: User) -> Client:
    bob.is_staff = True
    bob.save()
    return logged_in(bob)


def test_two_reviewers_get_different_answers(
    grace_client: Client, bob: User, bob_reviews: Client, reviews: list[Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "SHOWN", 2)
    assert shown(grace_client.get(PAGE).content.decode()) == [reviews[0].pk, reviews[1].pk]
    assert shown(bob_reviews.get(PAGE).content.decode()) == [reviews[2].pk]
    queue = " ".join(bob_reviews.get("/reviews/").content.decode().split())
    assert "2 are with other reviewers." in queue and queue.count("Held by admiral until") == 2
    data = {**chosen(), "shown": [reviews[2].pk]}
    piece = bob_reviews.post(f"{PAGE}{reviews[2].pk}", data, headers=HTMX).content.decode()
    assert "Other reviewers are marking 2." in " ".join(piece.split())
    answer = bob_reviews.post(f"{PAGE}{reviews[0].pk}", chosen(), headers=HTMX)
    assert answer.status_code == 422 and "admiral is marking this answer" in answer.content.decode()


def test_locks_are_renewed_given_back_and_taken_again(
    grace: User, grace_client: Client, bob_reviews: Client, reviews: list[Review]
) -> None:
    ids = [review.pk for review in reviews]
    grace_client.get(PAGE)
    Review.objects.update(locked_until=timezone.now() + timedelta(minutes=1))
    assert grace_client.post(f"{PAGE}locks", {"action": "renew", "shown": ids}).json() == {"held": ids}
    assert Review.objects.filter(locked_by=grace, locked_until__gt=timezone.now() + timedelta(minutes=10)).count() == 3
    Review.objects.filter(pk=ids[0]).update(locked_until=timezone.now() - timedelta(minutes=1))
    assert shown(bob_reviews.get(PAGE).content.decode()) == ids[:1]
    assert grace_client.post(f"{PAGE}locks", {"action": "renew", "shown": ids}).json() == {"held": ids[1:]}
    grace_client.post(f"{PAGE}locks", {"action": "release", "shown": ids})
    assert not Review.objects.filter(locked_by=grace).exists()
    assert bob_reviews.post(f"{PAGE}locks", {"shown": "x"}).json() == {"held": []}


def test_a_reviewer_who_opens_another_page_gives_back_the_answers_of_the_first(
    grace: User, grace_client: Client, explain: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradus.reviews.services.locks.LOCKS_MOST", 2)
    monkeypatch.setattr(desk, "SHOWN", 2)
    made = [with_text(f"Answer number {n} to this question.") for n in range(4)]
    services.claim(grace, ids=[made[2].pk, made[3].pk], count=2)
    assert shown(grace_client.get(PAGE).content.decode()) == [made[0].pk, made[1].pk]
    assert set(Review.objects.held_by(grace)) == {made[0], made[1]}


def test_equal_texts_are_decided_together_each_with_its_own_record(
    grace: User, grace_client: Client, explain: Challenge
) -> None:
    same = [with_text(text) for text in ("Old facts stay in it.", "old  facts stay in it.", "OLD FACTS stay in it.")]
    other, appealed = with_text("Old facts stay in it?"), with_text("Old facts stay in it.")
    services.appeal(appealed.submission, "I named the cause.")
    page = " ".join(grace_client.get(PAGE).content.decode().split())
    assert shown(page) == [appealed.pk, same[0].pk, other.pk]
    assert page.count("Apply to 2 equal texts") == 1 and f'value="{same[1].pk},{same[2].pk}"' in page
    assert "3 repeat the text of another one." in " ".join(grace_client.get("/reviews/").content.decode().split())
    data = {**chosen(), "equal": f"{same[1].pk},{same[2].pk},{other.pk},{appealed.pk}"}
    piece = grace_client.post(f"{PAGE}{same[0].pk}", data, headers=HTMX).content.decode()
    assert "2 equal texts have the same marks now." in " ".join(piece.split())
    decided = Review.objects.filter(decided_by=grace)
    assert set(decided) == set(same) and all(review.marks == MARKS for review in decided)
    assert [review.submission.current.grader for review in decided] == ["person"] * 3
    assert StaffAction.objects.filter(what=StaffAction.What.GRADE_DECIDED).count() == 3


def test_an_equal_text_that_is_not_chosen_or_that_somebody_else_holds_is_left_out(
    grace: User, grace_client: Client, bob: User, bob_reviews: Client, explain: Challenge
) -> None:
    first, second, third, fourth = (with_text("Old facts stay in it.") for _ in range(4))
    services.claim(bob, ids=[third.pk])
    data = {**chosen(), "shown": [first.pk], "equal": f"{second.pk},{third.pk}"}
    piece = grace_client.post(f"{PAGE}{first.pk}", data, headers=HTMX).content.decode()
    assert set(Review.objects.filter(decided_by=grace)) == {first, second}
    assert shown(piece) == [fourth.pk]


def test_equal_texts_of_a_blind_question_are_marked_blind_as_well(
    grace: User, grace_client: Client, explain: Challenge
) -> None:
    first, second = (with_text("Old facts stay in it.") for _ in range(2))
    Review.objects.update(blind=True)
    blind = {**chosen(ALL_MET), "action": "blind", "equal": str(second.pk)}
    piece = grace_client.post(f"{PAGE}{first.pk}", blind, headers=HTMX).content.decode()
    assert shown(piece) == [first.pk] and "Built-in checks: half" in " ".join(piece.split())
    grace_client.post(f"{PAGE}{first.pk}", {**chosen(NONE_MET), "equal": str(second.pk)}, headers=HTMX)
    for review in Review.objects.all():
        assert (review.blind_marks, review.marks, review.decided_by) == (ALL_MET, NONE_MET, grace)


def test_the_queue_is_filtered_by_course_and_question(
    grace: User, grace_client: Client, reviews: list[Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(read_course(LIBRARY))
    other = of_another_question(factories.UserFactory.create())
    built_in, tiny = other.challenge.course.slug, reviews[0].submission.challenge.course.slug
    every = {f"/reviews/{review.pk}/" for review in Review.objects.all()}
    mine = {f"/reviews/{review.pk}/" for review in reviews}
    for query, links, questions in (
        ("", every, {"explain", "read-the-curve"}),
        (f"course={tiny}", mine, {"explain"}),
        (f"course={built_in}&question=", every - mine, {"read-the-curve"}),
        ("question=explain", mine, {"explain"}),
        ("question=nowhere&course=nowhere", every, {"explain", "read-the-curve"}),
        (f"course={built_in}&question=explain", set(), set()),
    ):
        page = grace_client.get(f"/reviews/?{query}").content.decode()
        assert set(re.findall(r"/reviews/\d+/", page)) == links, query
        assert set(re.findall(r"/reviews/question/([a-z-]+)/", page)) == questions, query
    monkeypatch.setattr("gradus.reviews.views.review.PAGE_ROWS", 2)
    assert "?question=explain&amp;page=2" in grace_client.get("/reviews/?question=explain").content.decode()


@pytest.mark.django_db(transaction=True)
def test_reviewers_who_decide_equal_texts_at_once_decide_each_text_once(transactional_db: None, tmp_path: Path) -> None:
    factories.tiny_course(tmp_path / "tiny")
    staff = factories.UserFactory.create_batch(4, is_staff=True)
    equal = [with_text("Old facts stay in it.") for _ in staff]

    def decide(number: int) -> list[int]:
        others = {one.pk for one in equal} - {equal[number].pk}
        mine = Review.objects.get(pk=equal[number].pk)
        texts = {"reason": "", "comment": f"By {number}."}
        try:
            done = services.decide_equal(mine, by=staff[number], marks=MARKS, blind=False, ids=others, **texts)
        except Refused as refusal:
            assert refusal.code == "decided"
            return []
        return [mine.pk, *done]

    decided = [pk for done in at_once(decide, len(staff)) for pk in done]
    assert sorted(decided) == [one.pk for one in equal]
    assert StaffAction.objects.filter(what=StaffAction.What.GRADE_DECIDED).count() == len(equal)
