"""How a class is doing: who has not begun, who is stuck, which challenge loses people, and what the week brought."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from gradus.gradebook.progress import progress
from gradus.submissions.models import Slot, Submission
from tests import factories
from tests.conftest import logged_in


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course)


@pytest.fixture
def ann(evening: Class, ada: User) -> Member:
    return factories.member(evening, ada, first_name="Ann", last_name="Example")


@pytest.fixture
def ben(evening: Class, bob: User) -> Member:
    return factories.member(evening, bob, first_name="Ben", last_name="Other")


@pytest.fixture
def tess(evening: Class) -> User:
    person = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.member(evening, person, learner_data=LearnerData.EDITOR)
    return person


def attempts(user: User, evening: Class | None, *scores: float, days_ago: float = 0) -> None:
    """Graded attempts with these scores. The pass mark is 0.6."""
    for score in scores:
        made = factories.submit(user, of_class=evening.pk if evening else None)
        factories.grade(made, score)
        Submission.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(days=days_ago))
        Slot.objects.all().delete()


def test_who_has_no_attempt_for_the_class_has_not_begun(evening: Class, ann: Member, ben: Member, ada: User) -> None:
    attempts(ada, evening, 0.1)
    waiting = factories.member(evening, email="new@example.org")
    assert set(progress(evening).not_begun) == {ben, waiting}


@pytest.mark.parametrize(
    ("scores", "is_stuck"),
    [
        ((0.3, 0.3, 0.2, 0.3, 0.1, 0.3), True),
        ((0.3, 0.3, 0.2, 0.3, 0.1), False),
        ((0.0, 0.0, 0.0, 0.0, 0.0), True),
        ((0.3, 0.3, 0.2, 0.3, 0.1, 0.4), False),
        ((0.9, 0.3, 0.2, 0.3, 0.1, 0.3), False),
    ],
)
def test_five_attempts_without_a_gain_are_stuck(
    evening: Class, ann: Member, ada: User, scores: tuple[float, ...], is_stuck: bool
) -> None:
    attempts(ada, evening, *scores)
    found = progress(evening).stuck
    assert [(one.member, one.challenge.slug) for one in found] == ([(ann, "sea-or-sky")] if is_stuck else [])


def test_a_challenge_loses_who_has_begun_and_not_passed(
    evening: Class, ann: Member, ben: Member, ada: User, bob: User
) -> None:
    attempts(ada, evening, 0.1, 0.2, 0.9, 0.1)
    attempts(bob, evening, 0.1)
    (loss,) = progress(evening).losses
    assert (loss.begun, loss.passed, loss.lost, loss.tries) == (2, 1, (ben,), 3)


def test_the_last_week_stands_beside_the_one_before(evening: Class, ann: Member, ada: User) -> None:
    attempts(ada, evening, 0.1, days_ago=10)
    attempts(ada, evening, 0.9, 0.2, days_ago=3)
    found = progress(evening)
    assert (found.week.attempts, found.week.active, found.week.passes, found.week.joined) == (2, 1, 1, 1)
    assert (found.week_before.attempts, found.week_before.passes) == (1, 0)


def test_attempts_of_others_and_for_other_classes_do_not_count(
    evening: Class, ann: Member, ben: Member, ada: User, bob: User
) -> None:
    other = factories.a_class(evening.course, title="Other")
    factories.member(other, ada)
    attempts(ada, other, 0.9)
    attempts(bob, evening, 0.9)
    Member.objects.filter(pk=ben.pk).update(state="left", left_at=timezone.now())
    found = progress(evening)
    assert (found.learners, found.not_begun, found.losses) == (1, (ann,), ())
    assert found.week.attempts == 0


def test_more_learners_ask_no_more_of_the_database(
    evening: Class, ann: Member, ben: Member, ada: User, bob: User, tess: User
) -> None:
    client, address = logged_in(tess), f"/teach/classes/{evening.pk}/progress/"
    attempts(ada, evening, *[0.1] * 6)
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(address)
    attempts(bob, evening, *[0.1] * 6)
    for number in range(20):
        factories.member(evening, factories.UserFactory.create(), first_name=f"N{number}")
    with CaptureQueriesContext(
        connection,
    ) as many:
        assert client.get(address).status_code == 200
    assert len(many) == len(few)


def test_each_line_leads_to_what_one_can_do(evening: Class, ann: Member, ben: Member, ada: User, tess: User) -> None:
    attempts(ada, evening, *[0.1] * 6)
    client, address = logged_in(tess), f"/teach/classes/{evening.pk}/progress/"
    page = client.get(address).content.decode()
    root = f"/teach/classes/{evening.pk}"
    assert f'href="{root}/grades/{ann.pk}/sea-or-sky/"' in page
    place = f"challenge-{factories.challenge('sea-or-sky').pk}"
    assert f"{root}/dates/more/?member={ann.pk}&amp;place={place}" in page
    assert f"{root}/view-as/?who=member-{ben.pk}" in page
    assert client.get(f"{root}/grades/{ann.pk}/sea-or-sky/").status_code == 200
    more = client.get(f"{root}/dates/more/?member={ann.pk}&place={place}").content.decode()
    assert f'<option value="{place}" selected' in more.replace(' lang="en"', "")


@pytest.mark.parametrize(("group", "who"), [("not-begun", "ben"), ("stuck", "ann"), ("sea-or-sky", "ann")])
def test_a_group_gets_a_label_to_write_to(
    evening: Class, ann: Member, ben: Member, ada: User, tess: User, group: str, who: str
) -> None:
    attempts(ada, evening, *[0.1] * 6)
    client = logged_in(tess)
    response = client.post(f"/teach/classes/{evening.pk}/progress/write", {"group": group})
    label = evening.labels.get()
    assert response.url == f"/teach/classes/{evening.pk}/announcements/?label={label.pk}"
    assert list(label.members.all()) == [{"ann": ann, "ben": ben}[who]]
    assert client.get(response.url).context["form"].initial["label"] == label
    # Who belongs to the group no longer loses the label.
    label.members.set([ann, ben])
    client.post(f"/teach/classes/{evening.pk}/progress/write", {"group": group})
    assert list(label.members.all()) == [{"ann": ann, "ben": ben}[who]]


def test_an_assistant_reads_and_does_not_write_and_a_learner_finds_nothing(
    evening: Class, ann: Member, ben: Member, ada: User, bob: User
) -> None:
    Member.objects.filter(pk=ben.pk).update(learner_data=LearnerData.VIEWER)
    address = f"/teach/classes/{evening.pk}/progress/"
    assert logged_in(bob).get(address).status_code == 200
    assert logged_in(bob).post(f"{address}write", {"group": "not-begun"}).status_code == 403
    assert logged_in(ada).get(address).status_code == 404
    assert not evening.labels.exists()
