"""The policy of dates: properties that hold for all rules at all times, and the examples a teacher would name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.classes import policy
from gradus.classes.policy import OPEN, Facts, Rule, Step, Where, Who, decide

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DATES = ("release_at", "due_at", "close_at")


def hour(number: int) -> datetime:
    return START + number * HOUR


moments = st.integers(0, 24).map(hour)
credits = st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0, 1.1, 2.0])
steps = st.lists(st.builds(Step, moments, credits), max_size=3).map(tuple)


@st.composite
def rules(draw: st.DrawFn, who: Who | None = None, label: int | None = None) -> Rule:
    level = draw(st.sampled_from(Who)) if who is None else who
    number = draw(st.integers(1, 3)) if label is None else label
    return Rule(
        who=level,
        where=draw(st.sampled_from(Where)),
        label=number if level is Who.LABEL else 0,
        pk=draw(st.integers(1, 1000)),
        cleared=draw(st.frozensets(st.sampled_from(DATES))),
        **{name: draw(st.none() | moments) for name in DATES},
        early=draw(st.none() | steps),
        late=draw(st.none() | steps),
        after=draw(st.none() | credits),
    )


def unique(many: list[Rule]) -> tuple[Rule, ...]:
    """At most one rule for the same people and place, as the database has it."""
    return tuple({(one.who, one.where, one.label): one for one in many}.values())


several = st.lists(rules(), max_size=6).map(unique)
facts = st.builds(Facts, several, st.none() | moments, st.none() | moments)


@given(facts, moments)
def test_every_combination_has_a_decision_that_makes_sense(known: Facts, at: datetime) -> None:
    decision = decide(known, at)
    assert 0 <= decision.credit <= 2
    assert decision.submits is (decision.reason == "")
    assert decision.sees or not decision.submits
    assert decision.is_late or decision.credit >= 1
    assert not decision.is_late or decision.credit <= 1


@given(facts, moments)
def test_nothing_changes_before_the_stated_moment_and_something_at_it(known: Facts, at: datetime) -> None:
    def told(moment: datetime) -> tuple[object, ...]:
        one = decide(known, moment)
        return one.sees, one.submits, one.credit, one.is_late, one.reason

    now = decide(known, at)
    until = now.changes_at or hour(60)
    between = at
    while between < until:
        assert told(between) == told(at)
        between += timedelta(minutes=30)
    assert told(until - timedelta(microseconds=1)) == told(at)
    if now.changes_at:
        assert told(now.changes_at) != told(at)
        assert decide(known, now.changes_at).credit == now.credit_then


@given(several, moments, moments)
def test_what_is_seen_stays_seen_and_what_is_closed_stays_closed(
    said: tuple[Rule, ...], one: datetime, other: datetime
) -> None:
    first, then = sorted([one, other])
    before, after = decide(Facts(said), first), decide(Facts(said), then)
    assert after.sees or not before.sees
    assert after.is_late or not before.is_late
    if before.reason == "closed":
        assert after.reason == "closed"


ordered = st.lists(st.tuples(moments, credits), max_size=3, unique_by=lambda pair: pair[0]).map(
    lambda pairs: tuple(
        Step(until, credit)
        for until, credit in zip(
            sorted(until for until, _ in pairs), sorted((credit for _, credit in pairs), reverse=True), strict=True
        )
    )
)


@given(rules(), ordered, ordered, moments, moments)
def test_waiting_never_gives_more_credit(
    rule: Rule, early: policy.Steps, late: policy.Steps, one: datetime, other: datetime
) -> None:
    said = Facts((replace(rule, early=early, late=late, after=0.25),))
    first, then = sorted([one, other])
    assert decide(said, first).credit >= decide(said, then).credit


@given(several, rules(who=Who.LABEL, label=9), moments)
def test_a_further_label_takes_nothing_from_what_other_labels_give(
    said: tuple[Rule, ...], further: Rule, at: datetime
) -> None:
    """Where a label speaks about every field, a second one can only add to it."""
    whole = Rule(Who.LABEL, Where.COURSE, 8, release_at=hour(2), due_at=hour(10), close_at=hour(20), early=(), late=(),
                 after=0.0)  # fmt: skip
    before = decide(Facts((*said, whole)), at)
    after = decide(Facts((*said, whole, further)), at)
    assert after.sees >= before.sees
    assert after.submits >= before.submits
    assert after.credit >= before.credit
    assert after.is_late <= before.is_late


@given(several, rules(who=Who.LEARNER), moments)
def test_what_a_rule_for_one_learner_says_holds_field_by_field(said: tuple[Rule, ...], own: Rule, at: datetime) -> None:
    others = tuple(one for one in said if one.who is not Who.LEARNER)
    before, after = policy.combine(others), policy.combine((*others, own))
    for name in policy.BETTER:
        says = name in own.cleared or getattr(own, name) is not None
        expected = (None if name in own.cleared else getattr(own, name)) if says else getattr(before, name)
        assert getattr(after, name) == expected


@given(several, moments)
def test_the_order_in_which_rules_are_loaded_does_not_matter(said: tuple[Rule, ...], at: datetime) -> None:
    def outcome(order: tuple[Rule, ...]) -> object:
        return replace(decide(Facts(order), at), applied=())

    assert outcome(said) == outcome(said[::-1])


@given(facts, moments)
def test_no_date_holds_for_those_who_look_after_the_class(known: Facts, at: datetime) -> None:
    assert decide(replace(known, is_exempt=True), at) == OPEN


PLAN = Rule(
    release_at=hour(0),
    early=(Step(hour(5), 1.1),),
    due_at=hour(10),
    late=(Step(hour(12), 0.8), Step(hour(14), 0.5)),
    after=0.1,
    close_at=hour(20),
)


@pytest.mark.parametrize(
    ("at", "sees", "submits", "credit", "reason"),
    [
        (hour(0) - timedelta(microseconds=1), False, False, 1.1, "not_released"),
        (hour(0), True, True, 1.1, ""),
        (hour(5), True, True, 1.0, ""),
        (hour(10) - timedelta(microseconds=1), True, True, 1.0, ""),
        (hour(10), True, True, 0.8, ""),
        (hour(12), True, True, 0.5, ""),
        (hour(14), True, True, 0.1, ""),
        (hour(20), True, False, 0.1, "closed"),
    ],
)
def test_intervals_are_half_open(at: datetime, sees: bool, submits: bool, credit: float, reason: str) -> None:
    decision = decide(Facts((PLAN,)), at)
    assert (decision.sees, decision.submits, decision.credit, decision.reason) == (sees, submits, credit, reason)


def test_without_rules_everything_is_open_and_counts_in_full() -> None:
    assert decide(Facts(), hour(3)) == OPEN


def test_an_attempt_counts_nothing_after_a_due_date_of_which_nothing_else_is_said() -> None:
    decision = decide(Facts((Rule(due_at=hour(3)),)), hour(3))
    assert (decision.submits, decision.is_late, decision.credit) == (True, True, 0.0)


def test_the_class_has_a_begin_and_an_end() -> None:
    known = Facts((), hour(3), hour(9))
    assert decide(known, hour(2)).reason == "class_not_begun"
    assert not decide(known, hour(2)).sees
    assert decide(known, hour(3)).submits
    ended = decide(known, hour(9))
    assert (ended.reason, ended.sees) == ("class_ended", True)


def test_a_learner_beats_a_label_and_a_label_beats_everybody_whatever_the_place() -> None:
    everybody = Rule(Who.EVERYBODY, Where.CHALLENGE, due_at=hour(1))
    label = Rule(Who.LABEL, Where.LESSON, 1, due_at=hour(2))
    learner = Rule(Who.LEARNER, Where.COURSE, due_at=hour(3))
    assert policy.combine([everybody]).due_at == hour(1)
    assert policy.combine([label, everybody]).due_at == hour(2)
    assert policy.combine([everybody, learner, label]).due_at == hour(3)


def test_of_rules_for_the_same_people_the_closest_place_holds() -> None:
    said = [Rule(where=where, due_at=hour(where)) for where in Where]
    assert policy.combine(said).due_at == hour(Where.CHALLENGE)
    assert [one.rules[0].where for one in policy.combine(said).applied] == [Where.CHALLENGE]


def test_of_several_labels_the_better_one_holds_for_each_field() -> None:
    section = Rule(Who.LABEL, Where.CHALLENGE, 1, due_at=hour(5), late=(Step(hour(7), 0.9),))
    extra_time = Rule(Who.LABEL, Where.COURSE, 2, due_at=hour(9), late=(Step(hour(20), 0.5),), after=0.1)
    both = policy.combine([section, extra_time])
    assert both.due_at == hour(9)
    assert both.late == (Step(hour(7), 0.9), Step(hour(20), 0.5))
    assert {one.field: {rule.label for rule in one.rules} for one in both.applied} == {
        "due_at": {2}, "late": {1, 2}, "after": {2},
    }  # fmt: skip


def test_a_rule_can_say_that_there_is_no_date() -> None:
    said = [Rule(due_at=hour(5), close_at=hour(6)), Rule(Who.LABEL, label=1, cleared=frozenset({"due_at"}))]
    both = policy.combine(said)
    assert (both.due_at, both.close_at) == (None, hour(6))
    assert policy.combine([*said, Rule(Who.LABEL, label=2, due_at=hour(4))]).due_at is None
