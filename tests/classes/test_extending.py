"""Extensions among random dates for places, labels and learners: nobody loses time, and those who are chosen get it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradus.accounts.models import User
from gradus.classes import access, dates, policy
from gradus.classes.access import PlaceOrCourse
from gradus.classes.models import Class, DateRule, Label, Member
from gradus.classes.policy import Schedule
from gradus.courses.models import Challenge, Course, Lesson
from tests import factories

pytestmark = pytest.mark.django_db
START = datetime(2040, 3, 1, tzinfo=UTC)
PLACES, PEOPLE = 6, 6
days = st.integers(1, 12)


class Given(NamedTuple):
    """A rule by the numbers of its place and people, and the days of its dates, None for none. 0 clears a date."""

    place: int
    people: int
    due: int | None
    close: int | None
    extended: int | None


rules = st.lists(
    st.builds(
        Given,
        st.integers(0, PLACES - 1),
        st.integers(0, PEOPLE - 1),
        st.none() | st.just(0) | days,
        st.none() | st.just(0) | days,
        st.none() | days,
    ),
    max_size=8,
    unique_by=lambda one: (one.place, one.people),
)


class Group(NamedTuple):
    """A class of four learners with two labels, and places: the course, two lessons and three challenges."""

    of_class: Class
    teacher: User
    places: list[PlaceOrCourse]
    labels: list[Label]
    members: list[Member]

    def people(self, number: int) -> dict[str, Any]:
        everybody: list[dict[str, Any]] = [{}, *({"label": one} for one in self.labels)]
        return [*everybody, *({"member": one} for one in self.members)][number]

    def schedules(self) -> dict[tuple[int, PlaceOrCourse], Schedule]:
        members = list(self.of_class.members.select_related("of_class"))
        facts = access.facts_of(members, [one for one in self.places if isinstance(one, Challenge)])
        return {key: policy.combine(one.rules) for key, one in facts.items()}


@pytest.fixture
def group(course: Course) -> Group:
    teacher = factories.UserFactory.create()
    factories.enrol(teacher, course, factories.TEACHER)
    made = factories.a_class(course)
    labels = [["A"], ["B"], ["A", "B"], []]
    members = [factories.member(made, factories.UserFactory.create(), labels=names) for names in labels]
    first = course.lessons.get()
    second = course.lessons.create(name="more", slug="more", position=2, title="More", minutes=5, spec={})
    third = course.challenges.create(lesson=second, name="third", slug="third", position=1)
    challenges = [*first.challenges.filter(is_current=True)[:2], third]
    return Group(made, teacher, [None, first, second, *challenges], list(made.labels.order_by("name")), members[1:])


def at_place(place: PlaceOrCourse) -> dict[str, Any]:
    return {"lesson": place} if isinstance(place, Lesson) else {"challenge": place} if place else {}


def is_within(challenge: Challenge, place: PlaceOrCourse) -> bool:
    return place is None or place in (challenge, challenge.lesson)


def store(group: Group, said: list[Given]) -> None:
    DateRule.objects.all().delete()
    for one in said:
        moments = {name: START + timedelta(days=day) for name, day in (("due_at", one.due), ("close_at", one.close))
                   if day}  # fmt: skip
        if {"due_at", "close_at"} <= moments.keys():
            moments["close_at"] = max(moments.values())
        if one.extended and one.people:
            moments["extended_to"] = START + timedelta(days=one.extended)
        cleared = [name for name, day in (("due_at", one.due), ("close_at", one.close)) if day == 0]
        people = group.people(one.people)
        DateRule.objects.create(of_class=group.of_class, **at_place(group.places[one.place]), **people, **moments,
                                cleared=cleared, reason="given before" if one.people else "")  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=rules, place=st.integers(0, PLACES - 1), chosen=st.integers(1, PEOPLE - 1), day=days)
def test_everything_in_the_place_is_due_later_and_nothing_changes_for_others(
    group: Group, said: list[Given], place: int, chosen: int, day: int
) -> None:
    store(group, said)
    until, people = START + timedelta(days=day), group.people(chosen)
    where = group.places[place]
    before = group.schedules()
    if "label" in people:
        theirs = set(people["label"].members.values_list("pk", flat=True))
        done = dates.extend(group.of_class, by=group.teacher, until=until, reason="ill", **people, **at_place(where))
    else:
        theirs = {people["member"].pk}
        done = dates.extend(
            group.of_class, [people["member"]], by=group.teacher, until=until, reason="ill", **at_place(where)
        )
    after = group.schedules()
    for (member, challenge), then in after.items():
        now = before[member, challenge]
        assert isinstance(challenge, Challenge)
        if member not in theirs or not is_within(challenge, where):
            assert then == now
            continue
        assert then.due_at == (None if now.due_at is None else max(now.due_at, until))
        assert (then.close_at is None) is (now.close_at is None)
        assert now.close_at is None or then.close_at >= max(now.close_at, until, then.due_at or until)
    assert {one.pk for one in (*done.moved, *done.untouched)} == theirs
    moved = {one.pk for one in done.moved}
    for (member, challenge), then in after.items():
        now = before[member, challenge]
        assert (then.due_at, then.close_at) == (now.due_at, now.close_at) or member in moved
