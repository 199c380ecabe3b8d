"""Stores calls to the judge, which also serve as a cache, and enforces budgets.

Those of a day, in tokens and money, are set for the site, and those in calls and money for a course or a class.

It implements `workers.judge.client.JudgeStore`. The site must not import the graders, so the caller passes the class of
the replies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least

from challenges.characters import cleaned
from gradus.courses import days
from gradus.reviews.models import Budget, JudgeCall
from gradus.stored_json import is_unreadable
from gradus.submissions.budgets import quotas
from gradus.submissions.models import Evaluation, Quota

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Reply = TypeVar("Reply")


class OverBudgetError(Exception):
    """A budget is used up. Raising it rolls back what was taken from the other budgets."""


@dataclass(frozen=True)
class Limits:
    """The limits of one budget on one day. `micros` is None if there is no limit on money."""

    scope: str
    day: date
    tokens: int
    micros: int | None

    @classmethod
    def of(cls, kind: str, scope: str, zone: str) -> Limits:
        return cls(scope, days.today(zone), settings.JUDGE_TOKENS[kind], settings.JUDGE_MONEY[kind])


class Store(Generic[Reply]):
    """The store for one evaluation. `answer` makes a reply from `reply`, `problem`, `model` and `call_id`."""

    def __init__(self, evaluation: Evaluation, answer: Callable[..., Reply]) -> None:
        self.evaluation = evaluation
        self.answer = answer
        self.reserved: list[Limits] = []
        self.held: list[int] = []
        self.made = 0

    def cached(self, key: str) -> Reply | None:
        """Returns an earlier usable reply to an equal call, or None. So equal answers get equal grades."""
        call = JudgeCall.objects.filter(key=key, problem="", reply__isnull=False).order_by("pk").first()
        if call is None or is_unreadable(call.reply):
            return None
        return self.answer(reply=call.reply, problem="", model=call.model, call_id=call.pk)

    def log(self, record: DataclassInstance) -> int:
        """Stores a call. The fields of `record` but `asks` are those of `JudgeCall`. Returns the id of the row."""
        values: dict[str, Any] = cleaned(asdict(record))
        values.pop("asks", None)
        values["problem"] = values["problem"][:200]
        self.made += 1
        return JudgeCall.objects.create(evaluation=self.evaluation, **values).pk

    def reserve(self, tokens: int, micros: int = 0) -> bool:
        """Takes tokens and money from every budget that applies. Returns False, and takes nothing, if one is used up.

        `micros` are millionths of the currency's unit, and 0 if the price is unknown.
        """
        self.reserved, self.made = self.budgets(), 0
        needed: dict[str, int] = {Quota.What.CALLS: quotas.JUDGE_CALLS, Quota.What.MONEY: micros}
        try:
            with transaction.atomic():
                for limits in self.reserved:
                    _take(limits, tokens, micros)
                self.held = quotas.hold(self.evaluation, needed)
        except (OverBudgetError, quotas.OverQuotaError):
            return False
        return True

    def limits_money(self) -> bool:
        """Returns True if the course or the class has a budget in money, which calls of unknown cost would overrun."""
        attempt = self.evaluation.submission
        if attempt is None:
            return False
        about = Quota.objects.in_force().about(attempt.challenge.course_id, attempt.of_class_id)
        return about.filter(what=Quota.What.MONEY).exists()

    def settle(self, reserved: int, spent: int, reserved_micros: int = 0, spent_micros: int = 0) -> None:
        """Returns what was reserved but not spent to the budgets, on the days of the reservation.

        The calls that were logged since then count towards the budgets of course and class.
        """
        money = Greatest(F("spent_micros") - reserved_micros + spent_micros, 0)
        keys = [Q(scope=limits.scope, day=limits.day) for limits in self.reserved or self.budgets()]
        budgets = Budget.objects.filter(reduce(or_, keys))
        budgets.filter(allowed_micros=None).update(spent_micros=money)
        budgets.exclude(allowed_micros=None).update(spent_micros=Least(money, F("allowed_micros")))
        budgets.update(spent=Least(Greatest(F("spent") - reserved + spent, 0), F("allowed")))
        used: dict[str, int] = {Quota.What.CALLS: self.made, Quota.What.MONEY: spent_micros}
        quotas.settle(self.evaluation, self.held, used)
        self.held, self.made = [], 0

    def budgets(self) -> list[Limits]:
        """Returns the budgets that apply, always in one order, so that two workers cannot block each other.

        The days of a question and a learner begin at midnight in the course's time zone, the site's in TIME_ZONE.
        """
        owner = self.evaluation.submission or self.evaluation.run
        assert owner is not None
        challenge = owner.version.challenge
        zone = challenge.lesson.course.timezone
        limits = [
            Limits.of("challenge", f"challenge:{challenge.slug}", zone),
            Limits.of("site", "site", settings.TIME_ZONE),
        ]
        if owner.user_id is not None:
            limits.append(Limits.of("user", f"user:{owner.user_id}", zone))
        return limits


def _take(limits: Limits, tokens: int, micros: int) -> None:
    key = {"scope": limits.scope, "day": limits.day}
    Budget.objects.get_or_create(**key, defaults={"allowed": limits.tokens, "allowed_micros": limits.micros})
    affordable = Q(allowed_micros=None) | Q(spent_micros__lte=F("allowed_micros") - micros)
    within = Budget.objects.filter(affordable, **key, spent__lte=F("allowed") - tokens)
    if within.update(spent=F("spent") + tokens, spent_micros=F("spent_micros") + micros) != 1:
        raise OverBudgetError
