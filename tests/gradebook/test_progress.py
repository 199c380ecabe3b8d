"""How a class is doing: who has not begun, who is stuck, which challenge loses people, and what the week brought."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from statistics import median

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge, Course
from gradus.gradebook import queries
from gradus.gradebook.progress import STUCK, WEEK, progress
from gradus.submissions.models import Evaluation, Score, Slot, Submission
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
    assert (loss.begun, loss.passed, loss.lost, loss.percent, loss.tries) == (2, 1, (ben,), 50, 3)
    assert "sea-or-sky" not in {one.slug for one in progress(evening).untouched}
    assert len(progress(evening).untouched) == len(queries.challenges_of(evening)) - 1


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
    assert client.get(response.url).context["form"].initial["label"] == label.pk
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


@pytest.mark.parametrize("drawn", [0, *(pytest.param(drawn, marks=pytest.mark.slow) for drawn in (1, 2, 3))])
def test_the_database_counts_what_a_look_at_each_attempt_does(
    evening: Class, ann: Member, ben: Member, ada: User, bob: User, drawn: int
) -> None:
    random, now = Random(drawn), timezone.now()
    for number in range(60):
        user, slug = random.choice([ada, bob]), random.choice(["sea-or-sky", "ticket"])
        challenge = factories.challenge(slug)
        assert challenge.version is not None
        made = Submission.objects.create(
            user=user, challenge=challenge, version=challenge.version, kind=challenge.kind, payload={},
            payload_sha256="", idempotency_key=f"k{number}", of_class=evening, annulled=random.random() < 0.1,
            # Some were made in the same moment, of which the one that came first counts as earlier.
            created_at=now - timedelta(days=random.randrange(20)),
        )  # fmt: skip
        is_graded = random.random() < 0.9
        ended = Evaluation.objects.create(submission=made, state="scored" if is_graded else "failed", lane="fast")
        if is_graded:
            shown = random.choice([0.0, 0.0, 0.3, 0.3, 0.5, *([0.9] * (drawn > 1))])
            values = {"value": shown, "shown": shown, "passed": shown > 0.6, "verified_by": "code"}
            Score.objects.create(evaluation=ended, provisional=False, **values)
    found = progress(evening, at=now)
    for begin, week in ((now - WEEK, found.week), (now - 2 * WEEK, found.week_before)):
        rows = Submission.objects.filter(created_at__gte=begin, created_at__lt=begin + WEEK)
        assert (week.attempts, week.active) == (rows.count(), len({one.user_id for one in rows}))
    stuck, passes = set(), []
    for loss in found.losses:
        tries = {}
        for member in (ann, ben):
            graded, best, since, passed_after = 0, 0.0, 0, None
            for score in scores_in_order(member, loss.challenge):
                graded, since = graded + 1, since + 1
                if score.shown > best:
                    best, since = score.shown, 0
                if score.passed and passed_after is None:
                    passed_after = graded
                    assert score.evaluation.submission is not None
                    passes.append(score.evaluation.submission.created_at)
            tries[member] = passed_after
            if since >= STUCK and passed_after is None:
                stuck.add((member, loss.challenge, graded, since, best))
        known = [one for one in tries.values() if one is not None]
        assert (loss.passed, loss.tries) == (len(known), median(known) if known else None)
        assert set(loss.lost) == {member for member, after in tries.items() if after is None}
    assert {(one.member, one.challenge, one.attempts, one.since, one.best) for one in found.stuck} == stuck
    assert len(found.losses) == 2 and found.week.passes == sum(now - WEEK <= at < now for at in passes)


def scores_in_order(member: Member, challenge: Challenge) -> list[Score]:
    attempts = Submission.objects.filter(user=member.user, challenge=challenge, annulled=False)
    rows = [Score.objects.filter(evaluation__submission=one).first() for one in attempts.order_by("created_at", "pk")]
    return [one for one in rows if one is not None]
