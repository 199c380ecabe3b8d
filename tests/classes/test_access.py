"""What the policy is asked with: the rules of a person's classes, loaded with a fixed number of queries."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import access
from gradus.classes.access import Viewed
from gradus.classes.models import Class, DateRule, Grant, Member
from gradus.classes.policy import OPEN
from gradus.courses.models import Challenge, Course
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course)


@pytest.fixture
def challenge(course: Course) -> Challenge:
    return Challenge.objects.shown().filter(course=course).first()


@pytest.fixture
def ann(evening: Class) -> Member:
    return factories.member(evening, factories.UserFactory())


@pytest.fixture
def other_course() -> Course:
    """A course with one challenge."""
    made = Course.objects.create(slug="another-course", title="Another course")
    lesson = made.lessons.create(name="one", slug="another-one", position=1, title="One", minutes=5, spec={})
    made.challenges.create(lesson=lesson, name="only", slug="another-only", position=1)
    return made


def rule(of_class: Class, **fields) -> DateRule:
    return DateRule.objects.create(of_class=of_class, **fields)


def test_without_a_class_everything_is_open_after_one_query(challenge, evening, django_assert_num_queries):
    rule(evening, close_at=timezone.now() - DAY)
    user = factories.UserFactory()
    with django_assert_num_queries(1):
        assert access.decision_for(user, challenge) == OPEN
    with django_assert_num_queries(0):
        assert access.decision_for(None, challenge) == OPEN


def test_each_member_gets_the_rules_of_the_own_labels_and_person(challenge, evening, ann):
    now = timezone.now()
    ben = factories.member(evening, factories.UserFactory(), labels=["Extra time"])
    rule(evening, due_at=now - DAY)
    rule(evening, label=ben.labels.get(), due_at=now + DAY)
    assert access.decision_for(ann.user, challenge).is_late
    assert not access.decision_for(ben.user, challenge).is_late
    rule(evening, member=ann, lesson=challenge.lesson, due_at=now + 2 * DAY, reason="ill")
    decision = access.decision_for(ann.user, challenge)
    assert (decision.due_at, decision.applied[0].rules[0].reason) == (now + 2 * DAY, "ill")
    assert access.decision_for(ben.user, challenge).due_at == now + DAY


def test_the_number_of_queries_does_not_grow_with_the_challenges(course, evening, ann, django_assert_max_num_queries):
    rule(evening, due_at=timezone.now() + DAY)
    rule(evening, label=evening.labels.create(name="B"), due_at=timezone.now() + 2 * DAY)
    places = [*Challenge.objects.filter(course=course), *course.lessons.all()]
    with django_assert_max_num_queries(4):
        found = access.decisions_for(ann.user, places)
    assert set(found) == set(places)


def test_a_rule_of_a_challenge_does_not_hold_for_its_lesson(challenge, evening, ann):
    rule(evening, challenge=challenge, release_at=timezone.now() + DAY)
    assert not access.decision_for(ann.user, challenge).sees
    assert access.decision_for(ann.user, challenge.lesson).sees


def test_the_most_generous_of_several_classes_lets_a_person_in(course, challenge, evening, ann):
    other = factories.a_class(course, title="Morning group")
    factories.member(other, ann.user)
    rule(evening, release_at=timezone.now() + DAY)
    assert access.decision_for(ann.user, challenge).sees
    assert not access.decision_for(ann.user, challenge, member=ann).sees


def test_a_class_that_is_over_holds_nobody_any_more_but_decides_about_its_own_attempts(challenge, evening, ann):
    yesterday = timezone.now() - DAY
    rule(evening, release_at=yesterday - 9 * DAY, due_at=yesterday - 2 * DAY, late=[], after=0.5)
    Class.objects.filter(pk=evening.pk).update(ends_at=yesterday)
    ann = Member.objects.select_related("of_class").get(pk=ann.pk)
    assert access.decision_for(ann.user, challenge) == OPEN
    assert access.decision_for(ann.user, challenge, member=ann).reason == "class_ended"
    moments = [yesterday - 3 * DAY, yesterday - 2 * DAY]
    before, late = (access.decision_for(ann.user, challenge, moment, ann) for moment in moments)
    assert [(one.credit, one.is_late) for one in (before, late)] == [(1.0, False), (0.5, True)]


def test_before_a_class_begins_its_members_see_nothing(challenge, evening, ann):
    Class.objects.filter(pk=evening.pk).update(begins_at=timezone.now() + DAY)
    assert access.decision_for(ann.user, challenge).reason == "class_not_begun"


@pytest.mark.parametrize("level", [LearnerData.VIEWER, LearnerData.EDITOR])
def test_no_date_hides_anything_from_those_who_teach(course, challenge, evening, level):
    rule(evening, release_at=timezone.now() + DAY)
    assistant = factories.member(evening, factories.UserFactory(), learner_data=level)
    assert access.decision_for(assistant.user, challenge) == OPEN
    author = factories.UserFactory()
    factories.enrol(author, course, factories.TEACHER)
    factories.member(evening, author)
    assert access.decision_for(author, challenge) == OPEN


def test_whoever_left_is_held_by_no_date(challenge, evening, ann):
    rule(evening, release_at=timezone.now() + DAY)
    Member.objects.filter(pk=ann.pk).update(state="left", left_at=timezone.now())
    assert access.decision_for(ann.user, challenge).sees


def test_another_time_and_another_learner_can_be_asked_for(challenge, evening, ann):
    now = timezone.now()
    label = evening.labels.create(name="Late starters")
    rule(evening, release_at=now + DAY)
    rule(evening, label=label, release_at=now + 3 * DAY)
    teacher = User(pk=0)
    with access.as_learner(Viewed(evening, ann)):
        assert not access.decision_for(teacher, challenge).sees
        with access.at(now + 2 * DAY):
            assert access.decision_for(teacher, challenge).sees
    with access.as_learner(Viewed(evening, labels=(label,))), access.at(now + 2 * DAY):
        assert not access.decision_for(teacher, challenge).sees
    assert access.viewed() is None


def test_facts_of_all_members_need_two_queries(course, evening, ann, django_assert_num_queries):
    ben = factories.member(evening, factories.UserFactory(), labels=["B"])
    rule(evening, label=ben.labels.get(), due_at=timezone.now() - DAY)
    rule(evening, member=ann, due_at=timezone.now() + DAY, reason="ill")
    people = list(evening.members.select_related("of_class"))
    places = list(Challenge.objects.filter(course=course))
    with django_assert_num_queries(2):
        facts = access.facts_of(people, places)
    assert len(facts) == len(people) * len(places)
    assert [len(facts[one.pk, places[0]].rules) for one in (ann, ben)] == [1, 1]


class TestTheDatabaseRefuses:
    def refused(self, of_class: Class, **fields) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            rule(of_class, **fields)

    def test_two_rules_for_the_same(self, evening, challenge):
        rule(evening, challenge=challenge)
        self.refused(evening, challenge=challenge)
        rule(evening)
        self.refused(evening)

    def test_dates_out_of_order(self, evening):
        now = timezone.now()
        self.refused(evening, release_at=now, due_at=now)
        self.refused(evening, due_at=now, close_at=now - DAY)
        self.refused(evening, release_at=now, close_at=now)

    def test_a_credit_that_is_no_share(self, evening):
        self.refused(evening, after=1.5)
        self.refused(evening, after=-0.1)

    def test_a_rule_of_one_member_without_a_reason(self, evening, ann):
        self.refused(evening, member=ann)

    def test_two_places_or_two_groups_at_once(self, evening, challenge, ann):
        self.refused(evening, challenge=challenge, lesson=challenge.lesson)
        self.refused(evening, member=ann, label=evening.labels.create(name="A"), reason="x")

    def test_what_is_of_another_class_or_course(self, course, evening, other_course):
        other = factories.a_class(course)
        self.refused(evening, label=other.labels.create(name="A"))
        self.refused(evening, member=factories.member(other, factories.UserFactory()), reason="x")
        foreign = other_course.challenges.get()
        self.refused(evening, challenge=foreign)
        self.refused(evening, lesson=foreign.lesson)

    def test_a_grant_without_a_reason_or_attempts_and_a_change_of_one(self, evening, ann, challenge):
        given = {"member": ann, "challenge": challenge, "attempts": 2, "reason": "the page was down"}
        for wrong in ({"attempts": 0}, {"attempts": 101}, {"reason": ""}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Grant.objects.create(**{**given, **wrong})
        made = Grant.objects.create(**given)
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.filter(pk=made.pk).update(attempts=9)
