"""Comments for learners, and the snippets that reviewers keep for them."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.reviews import services
from gradus.reviews.models import Review, Snippet
from gradus.submissions.services import Refused
from tests import factories
from tests.conftest import logged_in
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS
from tests.reviews.desk.test_desk import HTMX, PAGE, chosen, with_text

COMMENT = "Name the cause <b>first</b>.\nThen the remedy."


@pytest.fixture
def review(ada: User, explain: Challenge) -> Review:
    return cases.waiting(ada)


@pytest.mark.parametrize("path", [PAGE + "{pk}", "/reviews/{pk}/"])
def test_the_learner_reads_the_comment_with_the_marks_and_never_the_reason_for_staff(
    grace_client: Client, ada_client: Client, review: Review, path: str
) -> None:
    given = {**chosen(), "comment": f"  {COMMENT} ", "reason": "Looks like a copy."}
    grace_client.post(path.format(pk=review.pk), given)
    review.refresh_from_db()
    assert review.comment == COMMENT
    page = ada_client.get(f"/submissions/{review.submission.uuid}/").content.decode()
    assert "Name the cause &lt;b&gt;first&lt;/b&gt;.<br>Then the remedy." in page
    mine = ada_client.get("/profile/my-data.json").getvalue().decode()
    assert "Name the cause <b>first</b>.\\nThen the remedy." in mine
    assert "Looks like a copy." not in page and "Looks like a copy." not in mine
    shown = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert "The comment for the learner:" in shown


@pytest.mark.parametrize(("comment", "said"), [("x" * 2001, "2000 characters"), ("a\x01b", "U+0001")])
def test_a_comment_that_cannot_be_stored_is_refused_beside_its_field(
    grace: User, grace_client: Client, review: Review, comment: str, said: str
) -> None:
    answer = grace_client.post(f"{PAGE}{review.pk}", {**chosen(), "comment": comment}, headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 422 and said in text and f'id="answer-{review.pk}-comment_error"' in text
    with pytest.raises(Refused):
        services.decide(review, by=grace, marks=MARKS, reason="", comment=comment)
    review.refresh_from_db()
    assert review.decided_at is None


def test_the_database_never_changes_the_comment_of_a_decision(grace: User, review: Review) -> None:
    services.decide(review, by=grace, marks=MARKS, reason="", comment=COMMENT)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(comment="Another one.")


@pytest.mark.parametrize("path", [PAGE + "{pk}", "/reviews/{pk}/"])
def test_a_comment_on_a_blind_review_waits_for_the_decision(grace_client: Client, review: Review, path: str) -> None:
    Review.objects.update(blind=True)
    address = path.format(pk=review.pk)
    page = grace_client.post(
        address, {**chosen(ALL_MET), "action": "blind", "comment": "See my note."}, follow=True
    ).content.decode()
    assert "See my note.</textarea>" in page
    grace_client.post(address, {**chosen(), "comment": "See my note."})
    review.refresh_from_db()
    assert (review.blind_marks, review.marks, review.comment) == (ALL_MET, MARKS, "See my note.")


def test_a_comment_goes_with_blind_marks_that_the_machine_gave_too_and_to_equal_texts(
    grace_client: Client, explain: Challenge
) -> None:
    first, second = (with_text("Old facts stay in it.") for _ in range(2))
    Review.objects.update(blind=True)
    given = {**chosen(), "action": "blind", "comment": "Well done.", "equal": str(second.pk)}
    grace_client.post(f"{PAGE}{first.pk}", given, headers=HTMX)
    assert [(one.marks, one.comment) for one in Review.objects.all()] == [(MARKS, "Well done.")] * 2


def test_snippets_are_added_changed_and_deleted(grace: User, grace_client: Client, course: Course) -> None:
    grace_client.post("/reviews/snippets/", {"name": "Cause", "text": COMMENT, "course": course.slug})
    snippet = grace.snippets.get()
    assert (snippet.name, snippet.text, snippet.course) == ("Cause", COMMENT, course)
    assert "Name the cause &lt;b&gt;first" in grace_client.get("/reviews/snippets/").content.decode()
    grace_client.post(f"/reviews/snippets/{snippet.pk}", {"name": "Cause first", "text": "Name it.", "course": ""})
    snippet.refresh_from_db()
    assert (snippet.name, snippet.text, snippet.course) == ("Cause first", "Name it.", None)
    grace_client.post(f"/reviews/snippets/{snippet.pk}", {"action": "delete"})
    assert not Snippet.objects.exists()


def test_a_comment_is_kept_as_a_snippet_beside_its_field(grace: User, grace_client: Client, review: Review) -> None:
    data = {**chosen(), "comment": "Say first why the weights keep old facts."}
    piece = grace_client.post("/reviews/snippets/", data, headers=HTMX).content.decode()
    assert grace.snippets.get().name == "Say first why the weights keep"
    assert 'data-snippet="Say first why the weights keep old facts."' in piece
    again = grace_client.post("/reviews/snippets/", data, headers=HTMX)
    assert again.status_code == 422 and "Give this one another name." in again.content.decode()
    review.refresh_from_db()
    assert review.decided_at is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text": " "}, "Write the text of the snippet."),
        ({"text": "x" * 2001}, "2,000 are allowed"),
        ({"text": "a", "name": "x" * 61}, "60 are allowed"),
        ({"text": "a\x01b"}, "U+0001"),
        ({"text": "another", "name": "taken"}, "Give this one another name."),
    ],
)
def test_a_refused_snippet_keeps_what_was_typed(
    grace: User, grace_client: Client, course: Course, given: dict[str, str], said: str
) -> None:
    services.keep_snippet(grace, text="one", name="taken")
    answer = grace_client.post("/reviews/snippets/", {"name": "", **given})
    assert answer.status_code == 422 and said in answer.content.decode()
    assert grace.snippets.count() == 1


def test_a_page_offers_ones_own_snippets_of_its_course_and_there_is_a_limit(
    grace: User, bob: User, grace_client: Client, review: Review, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Course.objects.create(slug="other", title="Other", digest="x")
    services.keep_snippet(grace, text="For every course.")
    services.keep_snippet(grace, text="For this course.", course=course)
    services.keep_snippet(grace, text="For another course.", course=other)
    services.keep_snippet(bob, text="By somebody else.")
    for path in (PAGE, f"/reviews/{review.pk}/"):
        page = grace_client.get(path).content.decode()
        assert "For every course." in page and "For this course." in page
        assert "For another course." not in page and "By somebody else." not in page
    monkeypatch.setattr("gradus.reviews.services.snippets.SNIPPETS_MOST", 3)
    with pytest.raises(Refused, match="Delete one first"):
        services.keep_snippet(grace, text="A fourth one.")


def test_nobody_reads_or_changes_the_snippets_of_others(
    grace: User, ada_client: Client, bob: User, course: Course
) -> None:
    snippet = services.keep_snippet(grace, text="Mine.")
    factories.enrol(bob, course, factories.TEACHER)
    teacher = logged_in(bob)
    assert "Mine." not in teacher.get("/reviews/snippets/").content.decode()
    for client in (teacher, ada_client):
        assert client.post(f"/reviews/snippets/{snippet.pk}", {"action": "delete"}).status_code == 404
    assert ada_client.get("/reviews/snippets/").status_code == 404
    assert factories.UserFactory.create().snippets.count() == 0 and grace.snippets.count() == 1
