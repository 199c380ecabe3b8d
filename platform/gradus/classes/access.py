"""Loads the facts for `policy.decide`, and returns its decisions to pages, API, command line, gradebook and "view as".

A place is a challenge, or a lesson as such, whose text can be opened earlier or later than its challenges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.accounts.token_rules import LEARNER
from gradus.classes import policy
from gradus.classes.membership import Person
from gradus.classes.models import Class, DateRule, Label, Member
from gradus.classes.policy import OPEN, Decision, Facts, Rule, Schedule, Step, Steps, Values, Where, Who
from gradus.classes.times import shown
from gradus.courses.models import Challenge, Course, Lesson
from gradus.refusal import Refused

Place = Challenge | Lesson
# None stands for the course itself.
PlaceOrCourse = Place | None
Asked = TypeVar("Asked", bound=PlaceOrCourse)


@dataclass(frozen=True)
class Viewed:
    """The learner as whom a teacher views the site: a member of a class, or somebody with these labels in it."""

    of_class: Class
    member: Member | None = None
    labels: tuple[Label, ...] = ()


_moment: ContextVar[datetime | None] = ContextVar("moment_of_view", default=None)
_viewed: ContextVar[Viewed | None] = ContextVar("viewed_as", default=None)


def moment() -> datetime:
    """Returns the time for which this request is answered: the time chosen in "view as", or else now."""
    return _moment.get() or timezone.now()


def viewed() -> Viewed | None:
    return _viewed.get()


@contextmanager
def at(chosen: datetime | None) -> Iterator[None]:
    """Makes `moment` return the chosen time within the block. None stands for now."""
    token = _moment.set(chosen)
    try:
        yield
    finally:
        _moment.reset(token)


@contextmanager
def as_learner(chosen: Viewed) -> Iterator[None]:
    """Makes decisions for this learner within the block, regardless of who sends the request."""
    token = _viewed.set(chosen)
    try:
        yield
    finally:
        _viewed.reset(token)


@dataclass(frozen=True)
class _Participant:
    """A person in a class. `labels` is None until the labels are loaded."""

    of_class: Class
    member: int = 0
    labels: frozenset[int] | None = None
    is_exempt: bool = False

    def facts(self, place: PlaceOrCourse, rules: Iterable[DateRule]) -> Facts:
        labels = self.labels or frozenset()
        concerned = (
            one
            for one in rules
            if one.of_class_id == self.of_class.pk
            and (one.member_id is None or one.member_id == self.member)
            and (one.label_id is None or one.label_id in labels)
            and _concerns(one, place)
        )
        whole = self.of_class
        return Facts(
            tuple(map(rule_of, concerned)),
            whole.begins_at,
            whole.ends_at,
            whole.timezone,
            whole.pk,
            is_exempt=self.is_exempt,
        )


def decision_for(user: Person, place: Place, at: datetime | None = None, member: Member | None = None) -> Decision:
    """Returns what a person may do with a challenge, or whether the person sees a lesson, at a time (default: now).

    If the person is in several classes, the most generous decision holds, because each class admits the person. With
    `member`, only the class of that member counts, even if it no longer runs. For a person without a class, everything
    is open.
    """
    return decisions_for(user, [place], at, member)[place]


def decisions_for(
    user: Person, places: Iterable[Place], at: datetime | None = None, member: Member | None = None
) -> dict[Place, Decision]:
    """Returns the decisions of `decision_for` for several challenges and lessons, which may be of several courses.

    It takes one query for a person without a class, and two or three queries for others.
    """
    wanted, when = list(places), at or moment()
    people = [_participant(member, _has_role(user, member.of_class))] if member else _taking_part(user, when)
    if not people:
        return dict.fromkeys(wanted, OPEN)
    rules = _rules(people, wanted)
    people = _with_labels(people, rules)
    return {
        place: _together(
            [policy.decide(one.facts(place, rules), when) for one in people if one.of_class.course_id == _course(place)]
        )
        for place in wanted
    }


def refuse_unless_seen(user: Person, place: Place) -> Decision:
    """Returns the present decision. Raises `Refused` (403) if the person does not see the place yet."""
    decision = decision_for(user, place)
    if not decision.sees:
        raise refusal(decision, place)
    return decision


def refuse_unless_open(user: User, challenge: Challenge, of_class: Class | None, at: datetime) -> None:
    """Raises `Refused` (403) if the person may not submit at that time an attempt that counts for `of_class`."""
    member = None if of_class is None else Member.objects.filter(of_class=of_class, user=user).first()
    if member is not None and of_class is not None:
        # Avoids a query: the row is already loaded.
        member.of_class = of_class
    decision = decision_for(user, challenge, at, member)
    if not decision.submits:
        raise refusal(decision, challenge)


def refusal(decision: Decision, place: Place) -> Refused:
    """Returns the error for a place that is not open at this moment. Its message has the date in the class's zone."""
    opens = decision.opens_at and shown(decision.opens_at, decision.zone)
    closed = decision.close_at and shown(decision.close_at, decision.zone)
    said = {
        "not_released": _("“%(title)s” opens on %(opens)s."),
        "class_not_begun": _("“%(title)s” opens on %(opens)s, because your class has not begun yet."),
        "closed": _("“%(title)s” closed on %(closed)s. You can still read it and run it on the public samples."),
        "class_ended": _("Your class has ended. Attempts no longer count for it."),
    }[decision.reason]
    return Refused(decision.reason, said % {"title": place.title, "opens": opens, "closed": closed}, 403)


def facts_of(members: Iterable[Member], places: Iterable[Asked]) -> dict[tuple[int, Asked], Facts]:
    """Returns the facts for `policy.decide`, by member key and place. Takes two queries.

    The class of each member must be loaded already (`select_related("of_class")`).
    """
    people, wanted = [_participant(member) for member in members], list(places)
    rules = _rules(people, wanted)
    people = _with_labels(people, rules)
    concerned = {place: [one for one in rules if _concerns(one, place)] for place in wanted}
    return {(one.member, place): one.facts(place, concerned[place]) for one in people for place in wanted}


def rules_for(seen_as: Viewed, places: Sequence[PlaceOrCourse]) -> dict[PlaceOrCourse, tuple[Rule, ...]]:
    """Returns the rules that apply at each place to a member, to somebody with these labels, or else to everybody."""
    person = _viewed_as(seen_as)
    rules = _rules([person], places)
    [person] = _with_labels([person], rules)
    return {place: person.facts(place, rules).rules for place in places}


def schedules(seen_as: Viewed, places: Sequence[PlaceOrCourse]) -> dict[PlaceOrCourse, Schedule]:
    """Returns the schedule of each place for the people of `rules_for`."""
    return {place: policy.combine(rules) for place, rules in rules_for(seen_as, places).items()}


def rule_of(row: DateRule) -> Rule:
    """Returns a stored date rule in the form that the policy takes."""
    return Rule(
        who=Who.LEARNER if row.member_id else Who.LABEL if row.label_id else Who.EVERYBODY,
        where=Where.CHALLENGE if row.challenge_id else Where.LESSON if row.lesson_id else Where.COURSE,
        label=row.label_id or 0,
        pk=row.pk,
        reason=row.reason,
        **vars(values_of(row)),
    )


def values_of(row: DateRule | None) -> Values:
    """Returns the values of a stored date rule. `date_rules.stored` is the opposite."""
    if row is None:
        return Values()
    values = {name: getattr(row, name) for name in vars(Values())}
    steps = {name: _steps(values[name]) for name in ("early", "late")}
    return Values(**{**values, **steps, "cleared": frozenset(row.cleared)})


def _steps(rows: Sequence[Mapping[str, object]] | None) -> Steps | None:
    if rows is None:
        return None
    return tuple(Step(datetime.fromisoformat(str(one["until"])), float(str(one["credit"]))) for one in rows)


def _concerns(rule: DateRule, place: PlaceOrCourse) -> bool:
    """Returns True if the rule applies to the place: it is for the place itself, for its lesson or for the course."""
    if place is None:
        return rule.challenge_id is None and rule.lesson_id is None
    if isinstance(place, Challenge):
        return rule.challenge_id == place.pk or (
            rule.challenge_id is None and rule.lesson_id in (None, place.lesson_id)
        )
    return rule.challenge_id is None and rule.lesson_id in (None, place.pk)


def places_of(course: Course) -> list[PlaceOrCourse]:
    """Returns the course as such, then each lesson with its challenges, in the order of the path."""
    found: list[PlaceOrCourse] = [None]
    for lesson in course.lessons.filter(is_current=True).order_by("position"):
        found.append(lesson)
        found += lesson.challenges.filter(is_current=True, version__isnull=False).select_related("version")
    return found


def _course(place: Place) -> int:
    return place.course_id


def _taking_part(user: Person, when: datetime) -> list[_Participant]:
    """Returns the person's participation in each class that has not ended, including classes that have not begun."""
    if (chosen := _viewed.get()) is not None:
        return [] if chosen.of_class.is_over(when) else [_viewed_as(chosen)]
    if not isinstance(user, User) or user.is_guest or not user.is_active:
        return []
    found = Member.objects.active().filter(user=user).select_related("of_class")
    here = [one for one in found if not one.of_class.is_over(when)]
    # `has_role` is cached for the request, so most people cost no further query.
    return [_participant(one, user.has_role and _has_role(user, one.of_class)) for one in here]


def _viewed_as(chosen: Viewed) -> _Participant:
    if chosen.member is not None:
        return _Participant(chosen.of_class, chosen.member.pk)
    return _Participant(chosen.of_class, 0, frozenset(one.pk for one in chosen.labels))


def _participant(member: Member, is_exempt: bool = False) -> _Participant:
    return _Participant(member.of_class, member.pk, is_exempt=is_exempt or member.teaches)


def _has_role(user: Person, of_class: Class) -> bool:
    """Returns True if the person has a role in the course. Dates hide nothing from such a person."""
    return roles.scope_in(user, of_class.course_id) != LEARNER


def _rules(people: Sequence[_Participant], places: Sequence[PlaceOrCourse]) -> list[DateRule]:
    """Returns the rules of these people's classes for these places, without the rules for other members.

    The caller filters by label and lesson, because more conditions would cost more than the rows that they save.
    """
    keys = [one.member for one in people]
    challenges = [one.pk for one in places if isinstance(one, Challenge)]
    whose, where = Q(member=None) | Q(member__in=keys), Q(challenge=None) | Q(challenge__in=challenges)
    of_classes = {one.of_class.pk for one in people}
    return list(DateRule.objects.filter(whose, where, of_class__in=of_classes).order_by("pk"))


def _with_labels(people: Sequence[_Participant], rules: Iterable[DateRule]) -> list[_Participant]:
    """Returns the people with their labels. The labels are loaded only if one of the rules is for a label."""
    if not any(one.label_id for one in rules):
        return list(people)
    labels: dict[int, set[int]] = defaultdict(set)
    asked = [one.member for one in people if one.labels is None]
    for member, label in Member.labels.through.objects.filter(member__in=asked).values_list("member_id", "label_id"):
        labels[member].add(label)
    return [one if one.labels is not None else replace(one, labels=frozenset(labels[one.member])) for one in people]


def _together(decisions: Sequence[Decision]) -> Decision:
    """Returns the most generous decision. Its `changes_at` is the first moment at which any of them changes."""
    if not decisions:
        return OPEN
    best = max(decisions, key=lambda one: (one.sees, one.submits, one.credit))
    changes_at = min((one.changes_at for one in decisions if one.changes_at), default=None)
    return replace(best, changes_at=changes_at, credit_then=best.credit_then if changes_at == best.changes_at else None)
