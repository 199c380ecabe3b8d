"""The leaderboard of a class: who sees it, and that it ranks attempts for this class alone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.classes.models import Class, Member, ReleaseRule
from gradus.courses.models import Course
from gradus.submissions.models import Slot, Submission
from tests import factories
from tests.conftest import logged_in


@pytest.fixture
def evening(course: Course, ada: User, bob: User) -> Class:
    made = factories.a_class(course, board="members")
    for one in (ada, bob):
        factories.member(made, one)
    return made


@pytest.fixture
def tess(evening: Class) -> User:
    person = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.member(evening, person, learner_data=LearnerData.VIEWER)
    return person


def attempt(user: User, of_class: Class | None, score: float, private_score: float | None = None) -> Submission:
    made = factories.submit(user, of_class=of_class.pk if of_class else None)
    factories.grade(made, score, private_score=private_score)
    Slot.objects.all().delete()
    return made


def ranks(user: User, of_class: Class) -> list[tuple[int, str, float]]:
    """Returns the rows of the page, which are also those of the API."""
    client = logged_in(user)
    page = client.get(f"/leaderboards/sea-or-sky/?class={of_class.pk}").context["board"].rows
    rows = client.get(f"/api/v1/challenges/sea-or-sky/leaderboard?class={of_class.pk}").json()["rows"]
    found = [(row.rank, row.pseudonym, row.score) for row in page]
    assert found == [(row["rank"], row["pseudonym"], row["score"]) for row in rows]
    return found


def status(user: User, of_class: Class) -> int:
    return logged_in(user).get(f"/leaderboards/sea-or-sky/?class={of_class.pk}").status_code


def test_only_attempts_for_the_class_count(evening: Class, ada: User, bob: User) -> None:
    other = factories.a_class(evening.course, title="Other", board="members")
    factories.member(other, ada)
    attempt(ada, other, 0.9)
    attempt(ada, evening, 0.5)
    attempt(ada, evening, 0.3)
    attempt(bob, evening, 0.7)
    stranger = factories.UserFactory.create()
    attempt(stranger, None, 0.95)
    assert ranks(ada, evening) == [(1, bob.pseudonym, 0.7), (2, ada.pseudonym, 0.5)]
    assert ranks(ada, other) == [(1, ada.pseudonym, 0.9)]
    page = logged_in(ada).get("/leaderboards/sea-or-sky/")
    assert stranger.pseudonym in page.content.decode()
    assert f"class={evening.pk}" in page.content.decode()


def test_who_has_left_has_no_rank(evening: Class, ada: User, bob: User) -> None:
    attempt(bob, evening, 0.7)
    Member.objects.filter(user=bob).update(state="left", left_at=timezone.now())
    assert ranks(ada, evening) == []


def test_a_withheld_grade_is_ranked_for_those_who_teach_alone(evening: Class, ada: User, bob: User, tess: User) -> None:
    attempt(bob, evening, 0.7)
    ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
    attempt(ada, evening, 0.6)
    assert ranks(bob, evening) == [(1, bob.pseudonym, 0.7)]
    assert ranks(ada, evening) == [(1, bob.pseudonym, 0.7)]
    assert [row[1] for row in ranks(tess, evening)] == [bob.pseudonym, ada.pseudonym]


@pytest.mark.parametrize(("board", "seen"), [("off", (404, 404)), ("staff", (404, 200)), ("members", (200, 200))])
def test_the_class_says_who_sees_it(
    evening: Class, ada: User, tess: User, grace: User, board: str, seen: tuple[int, int]
) -> None:
    Class.objects.filter(pk=evening.pk).update(board=board)
    assert (status(ada, evening), status(tess, evening)) == seen
    stranger = factories.UserFactory.create()
    assert status(stranger, evening) == 404
    address = f"/api/v1/challenges/sea-or-sky/leaderboard?class={evening.pk}"
    assert logged_in(stranger).get(address).status_code == 404
    assert logged_in(ada).get(address).status_code == seen[0]


def test_a_class_of_another_course_has_none_here(evening: Class, ada: User, tmp_path) -> None:
    for wanted in ("999999", "x", ""):
        assert logged_in(ada).get(f"/leaderboards/sea-or-sky/?class={wanted}").status_code == 404


def test_a_frozen_board_of_a_class_ranks_by_the_private_part(
    evening: Class, ada: User, bob: User, course: Course
) -> None:
    attempt(ada, evening, 0.7, private_score=0.4)
    attempt(bob, evening, 0.5, private_score=0.6)
    Course.objects.filter(pk=course.pk).update(frozen_at=timezone.now())
    assert ranks(ada, evening) == [(1, bob.pseudonym, 0.6), (2, ada.pseudonym, 0.4)]


@pytest.mark.parametrize(("board", "answer"), [("staff", 404), ("members", 200)])
def test_a_token_that_may_not_see_answers_shows_no_withheld_grade(
    evening: Class, tess: User, ada: User, board: str, answer: int
) -> None:
    Class.objects.filter(pk=evening.pk).update(board=board)
    ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
    attempt(ada, evening, 0.7)
    address = f"/api/v1/challenges/sea-or-sky/leaderboard?class={evening.pk}"
    for scope, status, rows in ((Scope(), answer, 0), (Scope(learner_data=LearnerData.VIEWER), 200, 1)):
        headers = {"Authorization": f"Bearer {ApiToken.issue(tess, 'board', scope)[1]}"}
        found = Client().get(address, headers=headers)
        assert found.status_code == status
        assert len(found.json().get("rows", [])) == rows
