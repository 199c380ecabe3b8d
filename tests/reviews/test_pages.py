from __future__ import annotations

import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client

from challenges.kinds.rubric import free_text
from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.courses.models import Challenge, Course
from gradus.reviews import queue
from gradus.reviews.evidence import Piece, pieces
from gradus.reviews.models import Review
from gradus.reviews.review_reasons import WORDS
from gradus.reviews.services import appeal
from gradus.submissions import services
from gradus.submissions.models import Submission
from tests import factories
from tests.conftest import logged_in
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NEAR, NONE_MET


def chosen(**changes: str) -> dict[str, str]:
    return {"action": "decide", "reason": "", **{f"mark-{id}": mark for id, mark in {**MARKS, **changes}.items()}}


@pytest.fixture
def review(ada: User, explain: Challenge) -> Review:
    return cases.waiting(ada)


@pytest.fixture
def teacher(course: Course) -> Client:
    user = factories.UserFactory.create(pseudonym="teacher")
    factories.enrol(user, course, factories.TEACHER)
    return logged_in(user)


def test_all_others_find_nothing(ada_client: Client, guest_client: Client, client: Client, review: Review) -> None:
    for address in ("/reviews/", f"/reviews/{review.pk}/"):
        assert ada_client.get(address).status_code == 404
        for signed_out in (guest_client, client):
            assert signed_out.get(address).headers["Location"] == f"/accounts/login/?next={address}"
    assert ada_client.post(f"/reviews/{review.pk}/", chosen()).status_code == 404
    for signed_out in (guest_client, client):
        assert signed_out.post(f"/reviews/{review.pk}/", chosen()).status_code == 302
    review.refresh_from_db()
    assert review.decided_at is None


def test_course_staff_see_their_course(teacher: Client, review: Review) -> None:
    listed = teacher.get("/reviews/").content.decode()
    assert f"/reviews/{review.pk}/" in listed and "enchantress" not in listed
    assert teacher.get(f"/reviews/{review.pk}/").status_code == 200
    Enrolment.objects.update(course=Course.objects.create(slug="other", title="Other", digest="x"))
    assert f"/reviews/{review.pk}/" not in teacher.get("/reviews/").content.decode()
    assert teacher.get(f"/reviews/{review.pk}/").status_code == 404


def test_ones_own_answer_is_not_there(grace: User, grace_client: Client, explain: Challenge) -> None:
    own = cases.waiting(grace)
    assert f"/reviews/{own.pk}/" not in grace_client.get("/reviews/").content.decode()
    assert grace_client.post(f"/reviews/{own.pk}/", chosen()).status_code == 404
    own.refresh_from_db()
    assert own.decided_at is None


def test_appeals_stand_first_then_the_lowest_score(ada: User, bob: User, grace: User, explain: Challenge) -> None:
    high, low = cases.waiting(ada, ALL_MET), cases.waiting(bob, NONE_MET)
    assert list(queue.waiting_for(grace)) == [low, high]
    appeal(high.submission, "Please look.")
    assert list(queue.waiting_for(grace)) == [high, low]


def test_a_reviewer_sees_all_that_is_needed(grace_client: Client, review: Review) -> None:
    appeal(review.submission, "I named the cause.")
    text = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    spec = review.submission.version.parsed
    assert '<mark data-quotes="cause">weights keep old facts</mark>' in text
    assert free_text(spec).model_answer is not None and free_text(spec).model_answer in text
    assert all(criterion.text in text for criterion in free_text(spec).rubric)
    assert NEAR["answer"] in text
    assert str(WORDS["encoded"]) in text and "no judge is set up" in text and "no_endpoint" not in text
    assert "I named the cause." in text
    checked = [part.split(">")[0] for part in text.split("<input")[1:] if "checked" in part.split(">")[0]]
    assert len(checked) == 3 and 'value="partial"' in checked[0]


def test_a_mark_that_the_machine_could_not_tell_is_chosen_by_nobody(
    grace_client: Client, ada: User, explain: Challenge
) -> None:
    unsure = cases.waiting(ada, {**MARKS, "cause": "cannot_tell"})
    page = grace_client.get(f"/reviews/{unsure.pk}/").content.decode()
    assert page.count("checked") == 2
    assert 'value="accept"' not in page
    data = {key: value for key, value in chosen().items() if key != "mark-cause"}
    assert grace_client.post(f"/reviews/{unsure.pk}/", data).status_code == 422
    unsure.refresh_from_db()
    assert unsure.decided_at is None


def graded(submission: Submission) -> tuple[str, float, str | None]:
    evaluation = Submission.objects.get(pk=submission.pk).current
    return evaluation.grader, evaluation.score.shown, evaluation.score.verified_by


def test_a_person_changes_marks_once(grace: User, grace_client: Client, review: Review) -> None:
    response = grace_client.post(f"/reviews/{review.pk}/", {**chosen(cause="met"), "reason": "It is named."})
    assert response["Location"] == "/reviews/"
    review.refresh_from_db()
    assert (review.decided_by, review.reason, review.marks["cause"]) == (grace, "It is named.", "met")
    again = grace_client.post(f"/reviews/{review.pk}/", chosen(cause="not_met"))
    assert again.status_code == 422 and "Somebody else" in again.content.decode()
    assert "Decided by admiral" in grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert graded(review.submission) == ("person", 1.0, "person")


def test_accepting_takes_the_machines_marks(grace_client: Client, review: Review) -> None:
    grace_client.post(f"/reviews/{review.pk}/", {"action": "accept", "reason": ""})
    review.refresh_from_db()
    assert review.marks == MARKS
    assert graded(review.submission) == ("person", 0.74, "person")


def test_the_next_answer_follows(grace_client: Client, ada: User, bob: User, explain: Challenge) -> None:
    first, second = (f"/reviews/{cases.waiting(user, marks).pk}/" for user, marks in ((ada, NONE_MET), (bob, ALL_MET)))
    assert f'href="{second}" data-review-next' in grace_client.get(first).content.decode()
    assert grace_client.post(first, chosen())["Location"] == second


def test_an_answer_is_text_and_never_markup(grace_client: Client, bob: User, explain: Challenge) -> None:
    payload = {"kind": "free_text", "answer": "<script>alert(1)</script> weights keep old facts, so one looks them up"}
    submission = factories.submit(bob, "explain", payload)
    factories.grade(submission, 0.4, provisional=True)
    page = grace_client.get(f"/reviews/{Review.objects.get().pk}/").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("quotes", "expected"),
    [
        ([], [Piece("abcabc", False)]),
        (["b"], [Piece("a", False), Piece("b", True), Piece("ca", False), Piece("b", True), Piece("c", False)]),
        (["ab", "bc"], [Piece("abcabc", True)]),
        (["abcabc", "x", ""], [Piece("abcabc", True)]),
    ],
)
def test_evidence_is_marked(quotes: list[str], expected: list[Piece]) -> None:
    assert pieces("abcabc", quotes) == expected
    assert pieces("", quotes) == []


def test_staff_see_what_was_copied_and_how_much_and_the_learner_does_not(
    grace_client: Client, bob_client: Client, bob: User, explain: Challenge
) -> None:
    source = cases.waiting(factories.UserFactory.create())
    learner = f"learner:{source.submission_id}"
    rule = f"copied-from: {learner}, 62 %"
    raw = {"private": {"copied": {learner: 0.62, "solution": 0.08}}}
    name = storages["private"].save("raw/copied/1.json", ContentFile(json.dumps(raw).encode()))
    submission = factories.submit(bob, "explain", factories.FREE_TEXT)
    factories.grade(submission, 0.5, provisional=True, review=(rule,), raw=name, result=cases.result())
    review = Review.objects.get(submission=submission)
    page = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert "62 % of the runs of five words in the answer also stand in another learner&#x27;s earlier answer" in page
    assert f'<a href="/reviews/{source.pk}/">Answer {source.pk}</a>' in page
    assert '<span class="num">8&nbsp;%</span> with the solution' in page
    seen = bob_client.get(f"/submissions/{submission.uuid}/").content.decode()
    assert "62 %" not in seen
    assert "another learner" not in seen


def test_an_answer_that_builds_on_an_earlier_one_stands_beside_it_without_a_name(
    grace_client: Client, ada: User, bob: User, explain: Challenge
) -> None:
    answers = {"first": ada, "of-bob": bob, "second": ada}
    for name, user in answers.items():
        text = f"This is the answer {name}."
        payload = {"kind": "free_text", "answer": text}
        submission, _is_new = services.submit(user, explain, payload, idempotency_key=name, withdraw_earlier=True)
        factories.grade(submission, 0.5, provisional=True, review=("provisional",), result=cases.result())
    review = Review.objects.get(submission=submission)
    for path in (f"/reviews/{review.pk}/", "/reviews/question/explain/"):
        page = grace_client.get(path).content.decode()
        beside = page.split("earlier-attempt", 1)[1].split("</details>")[0]
        assert "earlier attempt of" in beside and "This is the answer first." in beside
        assert page.count("earlier attempt of") == 1
        assert ada.username not in beside and ada.pseudonym not in beside


def test_a_problem_with_the_judge_is_told_once(grace_client: Client, ada: User, explain: Challenge) -> None:
    review = cases.waiting(ada, review=("no-judge: no_endpoint",))
    page = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert page.lower().count("no judge is set up") == 1


def test_a_claim_that_is_not_made_is_told_as_not_made_and_has_no_quote(
    grace_client: Client, ada: User, explain: Challenge
) -> None:
    given = {**cases.NONE_MET, "no-myth": "met"}
    made = [{**one, "points": 0.0, "evidence": []} for one in cases.marks(given)]
    made[2]["evidence"] = ["weights keep old facts"]
    review = cases.waiting(ada, given, result={**cases.result(given), "marks": made})
    page = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert "met (the answer does not claim it)" in page
    assert "it earns points only together with another criterion" in page
    assert "<mark" not in page


def test_a_viewer_of_learner_data_reads_and_has_nothing_to_decide_with(course: Course, ada: User, bob: User) -> None:
    review = cases.waiting(ada)
    factories.enrol(bob, course, Scope(learner_data=LearnerData.VIEWER))
    client = logged_in(bob)
    listed = client.get("/reviews/").content.decode()
    assert f"/reviews/{review.pk}/" in listed and "Mark this question" not in listed
    shown = client.get(f"/reviews/{review.pk}/")
    text = shown.content.decode()
    assert "look-up reads the newest ones" in text and "It does not let you decide" in text
    assert 'value="decide"' not in text and 'name="comment"' not in text
    review.refresh_from_db()
    assert review.locked_by is None
    for path in ("/reviews/question/explain/", "/reviews/question/explain/bulk/"):
        assert client.get(path).headers["Location"] == "/reviews/?question=explain"
    assert "Start a shadow run" not in client.get("/reviews/regrades/").content.decode()
    refused = client.post(f"/reviews/{review.pk}/", {"action": "decide", **chosen()})
    review.refresh_from_db()
    assert "it needs learner_data:editor" in refused.content.decode()
    assert refused.status_code == 422 and review.decided_at is None
