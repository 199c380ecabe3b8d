"""Decides whether a learner may see, run and submit a challenge at a time, and how much an attempt counts.

All functions are pure. `access.py` loads the facts. Pages, the API, the command line and "view as" all call `decide`;
the gradebook asks for the schedule behind it.

Each field of a date rule is decided by itself. A learner's rule beats a label's, and a label's beats everybody's. Of
rules for the same people, one for the challenge beats one for its lesson, which beats one for the whole course. If the
rules of several labels decide a field, the learner gets the better value. All intervals are half-open: at `due_at`
exactly an attempt is late, and at `close_at` exactly it is refused.

An extension is no such field. It holds for its place and everything in it, whatever other rules say there, and moves a
due or closing date only if it would come earlier. So an extension takes no time from anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypeVar

Value = TypeVar("Value")
FULL = 1.0
CREDIT_MAX = 2.0


class Who(IntEnum):
    """The people to whom a rule applies. A higher value has priority."""

    EVERYBODY = 0
    LABEL = 1
    LEARNER = 2


class Where(IntEnum):
    """The place to which a rule applies. Among rules for the same people, a higher value has priority."""

    COURSE = 0
    LESSON = 1
    CHALLENGE = 2


@dataclass(frozen=True)
class Step:
    """A credit for attempts before `until`. It is a share of the points; 1.0 is all of them."""

    until: datetime
    credit: float


Steps = tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a date rule. Times are aware. The rule does not decide a field that is None.

    `cleared` names the dates that it removes. `early` holds before the due date, `late` from the due date on, and
    `after` after the last step of `late`. `extended_to` is the end of an extension.
    """

    release_at: datetime | None = None
    due_at: datetime | None = None
    close_at: datetime | None = None
    cleared: Collection[str] = frozenset()
    early: Sequence[Step] | None = None
    late: Sequence[Step] | None = None
    after: float | None = None
    extended_to: datetime | None = None

    @property
    def says_nothing(self) -> bool:
        return not self.cleared and self == Values(cleared=self.cleared)


@dataclass(frozen=True)
class Rule(Values):
    """A date rule that applies to one learner and one challenge. `label` is the key of the label."""

    who: Who = Who.EVERYBODY
    where: Where = Where.COURSE
    label: int = 0
    pk: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Facts:
    """The input of a decision: the rules that apply to a learner and a challenge, and when the class runs.

    `is_exempt` is true for teachers of the class, to whom no dates apply. `zone` and `of_class`
    are the time zone and the key of the class.
    """

    rules: tuple[Rule, ...] = ()
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str = "UTC"
    of_class: int = 0
    is_exempt: bool = False


@dataclass(frozen=True)
class Applied:
    """A field with its value and the rules that decided it. There are several only if labels were combined."""

    field: str
    value: Any
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Schedule:
    """The dates and credits of a learner at a challenge, after all rules are combined.

    A date is None if there is no such date. Without `late` and `after`, an attempt counts 0 from the due date on."""

    release_at: datetime | None = None
    due_at: datetime | None = None
    close_at: datetime | None = None
    early: Steps = ()
    late: Steps = ()
    after: float = 0.0
    applied: tuple[Applied, ...] = ()

    def is_late(self, at: datetime) -> bool:
        return self.due_at is not None and at >= self.due_at

    def credit(self, at: datetime) -> float:
        """Returns the share of the points that an attempt of this moment earns, even if it could not be submitted."""
        if not self.is_late(at):
            return min(CREDIT_MAX, max([FULL, *_current(self.early, at)]))
        return min(FULL, max([0.0, self.after, *_current(self.late, at)]))


@dataclass(frozen=True)
class Decision:
    """The decision what a learner may do with a challenge at one moment. Who sees it may also run it.

    `reason` is the code of the refusal where `submits` is false. `credit` is the share of the points that an attempt of
    this moment earns. It does not depend on when it opens and closes, so that an accepted attempt keeps its credit
    if these are moved. `changes_at` is the next moment at which one of these values changes. `opens_at` is the moment
    from which the learner sees the challenge: the later one of its release and the begin of the class.
    """

    sees: bool = True
    submits: bool = True
    credit: float = FULL
    is_late: bool = False
    reason: str = ""
    opens_at: datetime | None = None
    due_at: datetime | None = None
    close_at: datetime | None = None
    changes_at: datetime | None = None
    credit_then: float | None = None
    applied: tuple[Applied, ...] = ()
    zone: str = "UTC"
    of_class: int = 0


OPEN = Decision()


def decide(facts: Facts, at: datetime) -> Decision:
    """Returns the decision at the moment `at`, which must be aware."""
    return OPEN if facts.is_exempt else _decide(facts, combine(facts.rules), at)


def combine(rules: Sequence[Rule]) -> Schedule:
    """Combines all rules for one learner and one challenge into a schedule, which names the deciding rules."""
    applied: dict[str, Applied] = {}
    for name, better in BETTER.items():
        speaking = _speaking(rules, name)
        if speaking:
            value = _value(speaking[0], name)
            for rule in speaking[1:]:
                value = better(value, _value(rule, name))
            applied[name] = Applied(name, value, tuple(r for r in speaking if _value(r, name) == value) or speaking)
    _extend(applied, rules)
    return Schedule(**{name: one.value for name, one in applied.items()}, applied=tuple(applied.values()))


def _extend(applied: dict[str, Applied], rules: Sequence[Rule]) -> None:
    """Moves the due date to the latest extension if it is earlier, and a closing date that would then be before it."""
    until = max((rule.extended_to for rule in rules if rule.extended_to is not None), default=None)
    if until is None:
        return
    extensions = tuple(rule for rule in rules if rule.extended_to == until)
    for name in ("due_at", "close_at"):
        now = applied[name].value if name in applied else None
        if now is None:
            continue
        if now < until:
            applied[name] = Applied(name, until, extensions)
        # It must not close before a due date that is later than the extension.
        until = max(until, now)


def _decide(facts: Facts, schedule: Schedule, at: datetime) -> Decision:
    core = _core(facts, schedule, at)
    moments = sorted(one for one in _moments(facts, schedule) if one > at)
    changes_at = next((one for one in moments if _core(facts, schedule, one) != core), None)
    sees, submits, credit, is_late, reason = core
    return Decision(
        sees=sees,
        submits=submits,
        credit=credit,
        is_late=is_late,
        reason=reason,
        opens_at=max((one for one in (schedule.release_at, facts.begins_at) if one is not None), default=None),
        due_at=schedule.due_at,
        close_at=schedule.close_at,
        changes_at=changes_at,
        credit_then=None if changes_at is None else _core(facts, schedule, changes_at)[2],
        applied=schedule.applied,
        zone=facts.zone,
        of_class=facts.of_class,
    )


def _core(facts: Facts, schedule: Schedule, at: datetime) -> tuple[bool, bool, float, bool, str]:
    reason = _reason(facts, schedule, at)
    sees = reason in {"", "closed", "class_ended"}
    return sees, not reason, schedule.credit(at), schedule.is_late(at), reason


def _reason(facts: Facts, schedule: Schedule, at: datetime) -> str:
    """Returns the error code with which a submission at this moment is refused, or "" if it is accepted."""
    if facts.begins_at is not None and at < facts.begins_at:
        return "class_not_begun"
    if facts.ends_at is not None and at >= facts.ends_at:
        return "class_ended"
    if schedule.release_at is not None and at < schedule.release_at:
        return "not_released"
    if schedule.close_at is not None and at >= schedule.close_at:
        return "closed"
    return ""


def _moments(facts: Facts, schedule: Schedule) -> set[datetime]:
    dates = [facts.begins_at, facts.ends_at, schedule.release_at, schedule.due_at, schedule.close_at]
    return {one for one in dates if one is not None} | {step.until for step in schedule.early + schedule.late}


def _current(steps: Steps, at: datetime) -> list[float]:
    """Returns a list with the credit of the first step that has not ended, or an empty list if all have ended."""
    ahead = [step for step in steps if at < step.until]
    return [min(ahead, key=lambda step: (step.until, -step.credit)).credit] if ahead else []


# The following functions read the fields of a rule and choose the better of two values for the learner.


def _says(rule: Rule, name: str) -> bool:
    return name in rule.cleared or getattr(rule, name) is not None


def _value(rule: Rule, name: str) -> Any:
    return None if name in rule.cleared else getattr(rule, name)


def _speaking(rules: Sequence[Rule], name: str) -> tuple[Rule, ...]:
    """Returns the rules that decide a field: one rule, or one for each label of the learner with a rule about it."""
    saying = [rule for rule in rules if _says(rule, name)]
    if not saying:
        return ()
    who = max(rule.who for rule in saying)
    by_label: dict[int, Rule] = {}
    for rule in sorted((rule for rule in saying if rule.who == who), key=lambda rule: (rule.where, rule.pk)):
        by_label[rule.label] = rule
    return tuple(by_label.values())


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)


def _more(one: Steps, other: Steps) -> Steps:
    """Returns steps whose credit at each moment is the higher one of the two given lists of steps."""
    ends = sorted({step.until for step in one + other})
    begin, more = datetime.min.replace(tzinfo=UTC), list[Step]()
    for end in ends:
        # The credits are constant between two ends, so it is enough to look at the begin of each interval.
        more.append(Step(end, max(_current(one, begin) + _current(other, begin))))
        begin = end
    return tuple(more)


BETTER: dict[str, Callable[[Any, Any], Any]] = {
    "release_at": _earlier,
    "due_at": _later,
    "close_at": _later,
    "early": _more,
    "late": _more,
    "after": max,
}
