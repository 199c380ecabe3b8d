"""Budgets of courses and classes for training, calls to the judge and money: who sets them, and how they are kept.

What work may need at most is held before it begins, in one conditional UPDATE, so that two who ask at once never get
more than is left. When the work ends, what it held goes back and what was measured is added. Attempts are counted by
`limits.py`, with the budget as one of its limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class
from gradus.courses import days, locks
from gradus.courses.models import Challenge, Course
from gradus.refusal import Refused, wrong
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Quota, QuotaHold, QuotaUse, Slot, Submission

What = Quota.What
OF_JUDGE = (What.CALLS, What.MONEY)
# What one question to the judge may need: a second call may ask for a repaired reply.
JUDGE_CALLS = 2
# The share from which a budget is said to be nearly used up.
NEARLY = 0.8
# Larger numbers are slips, and the database could not hold all of them.
MOST = 10**15


@dataclass(frozen=True)
class State:
    """A budget in the period that runs. All numbers are in its unit; see `Quota`."""

    quota: Quota
    used: int
    held: int

    @property
    def left(self) -> int:
        return max(0, self.quota.allowed - self.used - self.held)

    @property
    def percent(self) -> int:
        """The used or held share in percent, also above 100."""
        return 100 * (self.used + self.held) // self.quota.allowed if self.quota.allowed else 100

    @property
    def is_nearly_used(self) -> bool:
        return self.percent >= 100 * NEARLY


class OverQuotaError(Exception):
    """A budget has less left than is needed. Raising it rolls back what was held of others."""

    def __init__(self, state: State) -> None:
        super().__init__(str(state.quota))
        self.state = state


def states(course: int, of_class: int | None, what: Collection[str] = tuple(What)) -> list[State]:
    """Returns the budgets in force of a course and of one of its classes, in two queries."""
    found = Quota.objects.in_force().about(course, of_class).filter(what__in=what)
    return _with_use(found.select_related("course", "of_class__course"))


def nearly_used() -> list[State]:
    """Returns the budgets in force of the site that are nearly used up, the most used first."""
    some = Q(uses__used__gte=F("allowed") * NEARLY - F("uses__held"))
    found = Quota.objects.in_force().filter(some).distinct().select_related("course", "of_class__course")
    return sorted((one for one in _with_use(found) if one.is_nearly_used), key=lambda one: -one.percent)


def _with_use(quotas: Iterable[Quota]) -> list[State]:
    kept = list(quotas)
    uses = {(one.quota_id, one.period): one for one in QuotaUse.objects.filter(quota__in=kept)} if kept else {}
    found = [(quota, uses.get((quota.pk, quota.running))) for quota in kept]
    return [State(quota, use.used if use else 0, use.held if use else 0) for quota, use in found]


# --- work -------------------------------------------------------------------------------------------------------


def hold(evaluation: Evaluation, needed: Mapping[str, int]) -> list[int]:
    """Holds what the work of an attempt's evaluation needs at most, of every budget, in the caller's transaction.

    Args:
        needed: By `Quota.What`, in its unit.

    Returns:
        The keys of the rows that hold it, for `settle`.

    Raises:
        OverQuotaError: one of the budgets has less left. The caller rolls back.
    """
    attempt = evaluation.submission
    if attempt is None:
        return []
    about = Quota.objects.in_force().about(attempt.challenge.course_id, attempt.of_class_id)
    # The lock makes who sets a budget wait for work that begins now, and count it.
    quotas = about.filter(what__in=needed).select_for_update(no_key=True, of=("self",))
    holds = []
    for quota in quotas.select_related("course", "of_class__course"):
        use, _made = QuotaUse.objects.get_or_create(quota=quota, period=quota.running)
        amount = needed[quota.what]
        within = QuotaUse.objects.filter(pk=use.pk, held__lte=quota.allowed - amount - F("used"))
        if within.update(held=F("held") + amount) != 1:
            use.refresh_from_db()
            raise OverQuotaError(State(quota, use.used, use.held))
        holds.append(QuotaHold.objects.create(use=use, evaluation=evaluation, amount=amount).pk)
    return holds


@transaction.atomic
def settle(evaluation: Evaluation, holds: Collection[int], spent: Mapping[str, int]) -> None:
    """Gives back what these rows held, and adds what was spent to the budgets in force, by `Quota.What`.

    Work that began before a budget was set holds nothing of it, and is counted in the period that runs.
    """
    counted = set()
    rows = QuotaHold.objects.filter(pk__in=holds).select_related("use__quota").order_by("use__quota")
    for row in rows:
        counted.add(row.use.quota_id)
        if QuotaHold.objects.filter(pk=row.pk).delete()[0]:
            amount = spent.get(row.use.quota.what, 0)
            QuotaUse.objects.filter(pk=row.use_id).update(held=F("held") - row.amount, used=F("used") + amount)
    attempt = evaluation.submission
    if attempt is None or not any(spent.values()):
        return
    late = Quota.objects.in_force().about(attempt.challenge.course_id, attempt.of_class_id).filter(what__in=spent)
    for quota in late.exclude(pk__in=counted).select_related("course", "of_class__course"):
        use, _made = QuotaUse.objects.get_or_create(quota=quota, period=quota.running)
        QuotaUse.objects.filter(pk=use.pk).update(used=F("used") + spent[quota.what])


def hold_training(evaluation: Evaluation) -> None:
    """Holds the longest time that the training of a new attempt may take, in the caller's transaction.

    Raises:
        Refused: 429, a budget has less left.
    """
    if evaluation.lane != Lane.TRAIN or evaluation.submission is None:
        return
    needed = training_seconds(evaluation.submission)
    try:
        hold(evaluation, {What.TRAINING: needed})
    except OverQuotaError as error:
        raise _refused(error.state, needed) from None


def training_seconds(submission: Submission) -> int:
    return kinds.find(submission.kind).seconds(submission.challenge.spec)


def end(evaluation: Evaluation) -> None:
    """Gives back what an evaluation that has just ended held, and adds the time that its training took.

    What a worker that died held for a call to the judge goes back, too: such a call is not known to have cost anything.
    """
    if evaluation.submission_id is None or evaluation.lane not in (Lane.TRAIN, Lane.JUDGE):
        return
    spent: dict[str, int] = {}
    if evaluation.lane == Lane.TRAIN:
        began, ended = evaluation.started_at, evaluation.finished_at
        spent[What.TRAINING] = _seconds(ended - began) if began and ended else 0
    holds = QuotaHold.objects.filter(evaluation=evaluation).values_list("pk", flat=True)
    settle(evaluation, list(holds), spent)


def _seconds(time: timedelta) -> int:
    return max(0, round(time.total_seconds()))


def _refused(state: State, needed: int) -> Refused:
    quota = state.quota
    values = {
        "allowed": quota.allowed // 60,
        "left": state.left // 60,
        "needed": -(-needed // 60),
        "title": quota.of_class.title if quota.of_class else "",
    }
    said = [
        _(
            "The training time of your class “%(title)s” is not enough: of %(allowed)s minutes, %(left)s are left, "
            "and a training for this challenge may take up to %(needed)s."
        )
        if quota.of_class
        else _(
            "The training time of this course is not enough: of %(allowed)s minutes, %(left)s are left, and a "
            "training for this challenge may take up to %(needed)s."
        )
    ]
    if state.held:
        said.append(_("Trainings that have not ended hold a part of it, and give back what they do not need."))
    said.append(anew(quota))
    said.append(_("Runs on public samples are still free."))
    anew_at = quota.begins_anew
    wait = days.seconds_to(anew_at, quota.zone) if anew_at else None
    return Refused("training_budget", " ".join(said) % values, 429, retry_after=wait)


def anew(quota: Quota) -> str:
    """Returns the sentence that says when the budget begins anew."""
    day = quota.begins_anew
    if day is None:
        return _("It does not begin anew; the people who run the course can raise it.")
    values = {"day": date_format(day, "DATE_FORMAT"), "zone": quota.zone}
    return _("It begins anew on %(day)s at midnight (%(zone)s).") % values


def told(challenge: Challenge, track: str, of_class: int | None) -> list[str]:
    """Returns what a learner reads about the budgets that an attempt on the track would use, one sentence for each."""
    kind = kinds.find(track)
    if kind.is_judged:
        found = states(challenge.course_id, of_class, OF_JUDGE)
        spent = [one for one in found if one.left < (JUDGE_CALLS if one.quota.what == What.CALLS else 1)]
        said = _("The budget for the judge is used up, so a person grades your answer.")
        return [f"{said} {anew(one.quota)}" for one in spent[:1]]
    if kind.lane != Lane.TRAIN:
        return []
    return [_time_left(one) for one in states(challenge.course_id, of_class, [What.TRAINING])]


def _time_left(state: State) -> str:
    quota, minutes = state.quota, {"left": state.left // 60, "allowed": state.quota.allowed // 60}
    if quota.of_class:
        said = _("Training time of your class “%(title)s”: %(left)s of %(allowed)s minutes are left.")
        return said % {**minutes, "title": quota.of_class.title} + " " + anew(quota)
    return _("Training time of this course: %(left)s of %(allowed)s minutes are left.") % minutes + " " + anew(quota)


# --- setting ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wish:
    """What a budget shall be from now on. `allowed` is in the unit of `Quota`; None is no budget."""

    what: Quota.What
    allowed: int | None
    period: Quota.Period = Quota.Period.DAY


def version(found: Iterable[Quota]) -> str:
    """Returns what a form carries, so that nobody overwrites a budget that somebody else has set meanwhile."""
    return ",".join(str(one.pk) for one in found)


@transaction.atomic
def set_budgets(place: Course | Class, wishes: Collection[Wish], *, by: User, seen: str | None = None) -> int:
    """Sets the budgets of a course or a class. Returns how many have changed; a budget not named stays as it is.

    What was used in the period that runs counts at once, and so does the work that has not ended.

    Args:
        seen: What `version` said when the person looked, or None to set them whatever they are.

    Raises:
        Http404, Refused: 403, only an owner of the course may; 409 `changed_meanwhile`; 422, a number is out of range.
    """
    course = place if isinstance(place, Course) else place.course
    roles.refuse_unless(by, course, roles.OWNS)
    for wish in wishes:
        if wish.allowed is not None and not 0 <= wish.allowed <= MOST:
            raise wrong(wish.what, _("Enter a smaller number, and not less than 0."), "range")
    locks.hold_course(course.pk)
    where: dict[str, Any] = {"course": place} if isinstance(place, Course) else {"of_class": place}
    before = {one.what: one for one in Quota.objects.in_force().filter(**where).select_for_update(no_key=True)}
    if seen is not None and seen != version(before.values()):
        said = _("Somebody else changed a budget in the meantime. Look at how it is now, and save again if need be.")
        raise Refused("changed_meanwhile", said, 409)
    changed = [wish for wish in wishes if _differs(before.get(wish.what), wish)]
    for wish in changed:
        old = before.get(wish.what)
        if old is not None:
            old.ended_at = timezone.now()
            old.save(update_fields=["ended_at"])
        new = None
        if wish.allowed is not None:
            new = Quota.objects.create(**where, what=wish.what, period=wish.period, allowed=wish.allowed)
            _count(new)
        details = {} if isinstance(place, Course) else {"class": place.pk}
        staff.note(StaffAction.What.BUDGET_SET, place, by=by, **details, before=_plain(old), after=_plain(new))
    return len(changed)


def _differs(old: Quota | None, wish: Wish) -> bool:
    if old is None:
        return wish.allowed is not None
    return (old.allowed, old.period) != (wish.allowed, wish.period)


def _plain(quota: Quota | None) -> dict[str, Any]:
    return {quota.what: f"{quota.allowed} {quota.get_period_display()}"} if quota else {}


def _count(quota: Quota) -> None:
    """Counts what was used in the period that runs, and holds what open trainings may need."""
    if quota.what == What.ATTEMPTS:
        _count_attempts(quota)
        return
    holds = []
    if quota.what == What.TRAINING:
        waiting = Evaluation.objects.open().filter(_of(quota), lane=Lane.TRAIN).select_related("submission__challenge")
        needs = [(one, training_seconds(one.submission)) for one in waiting if one.submission]
        holds = [QuotaHold(evaluation=one, amount=seconds) for one, seconds in needs]
    held = sum(one.amount for one in holds)
    use = QuotaUse.objects.create(quota=quota, period=quota.running, used=measured(quota), held=held)
    for one in holds:
        one.use = use
    QuotaHold.objects.bulk_create(holds)


def _count_attempts(quota: Quota) -> None:
    """Takes a slot of the new limit for each attempt of today that has none, as far as the limit allows."""
    limit = limits.CLASS_ATTEMPTS if quota.of_class_id else limits.COURSE_ATTEMPTS
    scope = f"of_class {quota.of_class_id}" if quota.of_class_id else f"course {quota.course_id}"
    today = Slot.objects.filter(period=quota.running)
    used: dict[int, set[int]] = defaultdict(set)
    for user, number in today.of(limit).filter(scope=scope).values_list("user", "number"):
        used[user].add(number)
    counted = today.of(limits.ATTEMPTS).filter(_of(quota))
    counted = counted.exclude(submission__in=today.of(limit).values("submission"))
    for submission, user in counted.order_by("pk").values_list("submission", "user"):
        free = next(number for number in count(1) if number not in used[user])
        if free > quota.allowed:
            continue
        used[user].add(free)
        values = {"scope": scope, "period": quota.running, "number": free, "allowed": quota.allowed}
        Slot.objects.create(limit=limit.name, user_id=user, submission_id=submission, **values)


def _of(quota: Quota) -> Q:
    """The condition for evaluations and slots of attempts that the budget is about."""
    if quota.of_class_id:
        return Q(submission__of_class=quota.of_class_id)
    return Q(submission__challenge__course=quota.course_id)


def measured(quota: Quota) -> int:
    """Returns what was used since the period began, in the unit of the budget, as the rows say."""
    since, rows = quota.began, Evaluation.objects.filter(_of(quota))
    if quota.what == What.TRAINING:
        ended = rows.filter(lane=Lane.TRAIN, started_at__isnull=False, finished_at__isnull=False)
        if since is not None:
            ended = ended.filter(finished_at__gte=since)
        spent = ended.aggregate(all=Sum(F("finished_at") - F("started_at")))["all"]
        return _seconds(spent) if spent else 0
    # The calls are the reverse side of a table of `reviews`.
    called = rows.filter(judge_calls__created_at__gte=since) if since else rows
    sums = called.aggregate(calls=Count("judge_calls"), money=Sum("judge_calls__cost_micros", default=0))
    return int(sums[quota.what])
