"""Decides who may see, run and submit a challenge at what time, and how much an attempt counts.

Everything here is pure. `access.py` loads the facts, and pages, the API, the command line, the gradebook and "view as"
all ask `decide`.

Each field of a date rule is decided by itself. A learner's rule beats a label's, and a label's beats everybody's. Of
rules for the same people, one for the challenge beats one for its lesson, which beats one for the whole course. Where
several labels of a learner say something, the learner gets what is better. All intervals are half-open: at `due_at`
exactly an attempt is late, and at `close_at` exactly it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypeVar

Value = TypeVar("Value")
FULL = 1.0
CREDIT_MAX = 2.0


class Who(IntEnum):
    """Whom a rule concerns. A higher value beats a lower one."""

    EVERYBODY = 0
    LABEL = 1
    LEARNER = 2


class Where(IntEnum):
    """What a rule concerns. A higher value beats a lower one for the same people."""

    COURSE = 0
    LESSON = 1
    CHALLENGE = 2


@dataclass(frozen=True)
class Step:
    """Until this moment, and not at it, an attempt counts this share of its points: 1.0 is all of them."""

    until: datetime
    credit: float


Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Rule:
    """What a date rule says for one learner and one challenge. None is said about a field that is None.

    `cleared` names the dates of which it says that there is none. `label` is the key of the label. `early` holds before
    the due date, `late` from it on, and `after` when `late` is over.
    """

    who: Who = Who.EVERYBODY
    where: Where = Where.COURSE
    label: int = 0
    pk: int = 0
    reason: str = ""
    release_at: datetime | None = None
    due_at: datetime | None = None
    close_at: datetime | None = None
    cleared: frozenset[str] = frozenset()
    early: Steps | None = None
    late: Steps | None = None
    after: float | None = None


@dataclass(frozen=True)
class Facts:
    """All that a decision depends on: the rules that concern this learner and challenge, and when the class runs.

    `is_exempt` is true for those who look after the class: no date holds for them. `zone` and `of_class`
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
    """A field with the value that holds, and the rules that say so: several only where labels were combined."""

    field: str
    value: Any
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Schedule:
    """What holds for a learner at a challenge, field by field. No date is None, and without `late` or `after` an
    attempt counts nothing from the due date on."""

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
        """Returns the share that an attempt submitted at this moment counts, whether or not it may be submitted."""
        if not self.is_late(at):
            return min(CREDIT_MAX, max([FULL, *_current(self.early, at)]))
        return min(FULL, max([0.0, self.after, *_current(self.late, at)]))


@dataclass(frozen=True)
class Decision:
    """What a learner may do with a challenge at one moment.

    `reason` is the code of the refusal where `submits` is false. `credit` is the share that an attempt of this moment
    counts. It does not depend on release and close, so that an attempt which was accepted keeps its credit when these
    are moved. `changes_at` is the next moment at which any of this changes. `opens_at` is the moment from which the
    challenge is seen: the later one of `release_at` and the begin of the class.
    """

    sees: bool = True
    runs: bool = True
    submits: bool = True
    credit: float = FULL
    is_late: bool = False
    reason: str = ""
    opens_at: datetime | None = None
    release_at: datetime | None = None
    due_at: datetime | None = None
    close_at: datetime | None = None
    changes_at: datetime | None = None
    credit_then: float | None = None
    applied: tuple[Applied, ...] = ()
    zone: str = "UTC"
    of_class: int = 0


OPEN = Decision()


def decide(facts: Facts, at: datetime) -> Decision:
    """Returns what the facts allow at the moment `at`, which has a time zone."""
    return decide_each(facts, [at])[0]


def decide_each(facts: Facts, moments: Iterable[datetime]) -> list[Decision]:
    """Returns the decision for each moment; the rules are combined only once."""
    if facts.is_exempt:
        return [OPEN for _ in moments]
    schedule = combine(facts.rules)
    return [_decide(facts, schedule, at) for at in moments]


def combine(rules: Sequence[Rule]) -> Schedule:
    """Returns what rules for one learner and one challenge say together, with the rules that said it."""
    applied: list[Applied] = []
    for name, better in BETTER.items():
        speaking = _speaking(rules, name)
        if speaking:
            value = _value(speaking[0], name)
            for rule in speaking[1:]:
                value = better(value, _value(rule, name))
            applied.append(Applied(name, value, tuple(r for r in speaking if _value(r, name) == value) or speaking))
    return Schedule(**{one.field: one.value for one in applied}, applied=tuple(applied))


def _decide(facts: Facts, schedule: Schedule, at: datetime) -> Decision:
    core = _core(facts, schedule, at)
    moments = sorted(one for one in _moments(facts, schedule) if one > at)
    changes_at = next((one for one in moments if _core(facts, schedule, one) != core), None)
    sees, submits, credit, is_late, reason = core
    return Decision(
        sees=sees,
        runs=sees,
        submits=submits,
        credit=credit,
        is_late=is_late,
        reason=reason,
        opens_at=max((one for one in (schedule.release_at, facts.begins_at) if one is not None), default=None),
        release_at=schedule.release_at,
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
    """Returns why nothing can be submitted at this moment, or an empty text."""
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
    """Returns the credit of the first step that is not over, in a list of one, or nothing if all are over."""
    ahead = [step for step in steps if at < step.until]
    return [min(ahead, key=lambda step: (step.until, -step.credit)).credit] if ahead else []


# How a rule's fields are read, and which of two values is better for the learner.


def _says(rule: Rule, name: str) -> bool:
    return name in rule.cleared or getattr(rule, name) is not None


def _value(rule: Rule, name: str) -> Any:
    return None if name in rule.cleared else getattr(rule, name)


def _speaking(rules: Sequence[Rule], name: str) -> tuple[Rule, ...]:
    """Returns the rules that decide a field: one, or one for each label of the learner that says something."""
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
    """Returns steps that give at each moment the higher credit of the two."""
    ends = sorted({step.until for step in one + other})
    begin, more = datetime.min.replace(tzinfo=UTC), list[Step]()
    for end in ends:
        # What holds just before an end has held since the end before it.
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
