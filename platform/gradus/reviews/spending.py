"""Sums up the judge's calls and their costs for staff. Unknown costs are counted separately, never added as zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.courses import days
from gradus.courses.models import Challenge
from gradus.reviews.models import Budget, JudgeCall

MONTH = timedelta(days=30)
PERIODS = (
    (gettext_lazy("Last 24 hours"), timedelta(days=1)),
    (gettext_lazy("Last 7 days"), timedelta(days=7)),
    (gettext_lazy("Last 30 days"), MONTH),
)
LISTED = 12


@dataclass(frozen=True)
class CallTotals:
    """Sums over a group of calls. `costs` are amounts by currency; `unpriced` counts the calls with an unknown cost."""

    name: str
    calls: int
    unusable: int
    sent: int
    received: int
    seconds: float
    costs: list[tuple[str, float]]
    unpriced: int


@dataclass(frozen=True)
class BudgetUse:
    """How much of one of today's budgets is used.

    Money is in the currency's unit; `money_allowed` is None if there is no limit.
    """

    scope: str
    tokens: int
    tokens_allowed: int
    money: float
    money_allowed: float | None

    @property
    def name(self) -> str:
        """What the budget is for, as its scope says it: `site`, `user:1` or `challenge:x`."""
        kind, _colon, of = self.scope.partition(":")
        if kind == "user":
            return _("One learner (number %(number)s)") % {"number": of}
        return _("One question (%(name)s)") % {"name": of} if kind == "challenge" else _("The whole site")

    @property
    def share(self) -> float:
        """The used share in [0, 1]: that of tokens or of money, whichever is larger."""
        money = self.money / self.money_allowed if self.money_allowed else 0.0
        return max(self.tokens / self.tokens_allowed if self.tokens_allowed else 1.0, money)


def by_period(now: datetime | None = None) -> list[CallTotals]:
    """Returns the calls of the last day, week and month."""
    now = now or timezone.now()
    return [_totals(str(name), JudgeCall.objects.filter(created_at__gte=now - length)) for name, length in PERIODS]


def by_model(now: datetime | None = None) -> list[CallTotals]:
    """Returns the calls of the last 30 days by model, the most used model first."""
    recent = JudgeCall.objects.filter(created_at__gte=(now or timezone.now()) - MONTH)
    models = recent.values_list("model").annotate(n=Count("pk")).order_by("-n", "model")
    return [_totals(model, recent.filter(model=model)) for model, _ in models[:LISTED]]


def budgets() -> list[BudgetUse]:
    """Returns the budgets of today: the site's first, then those of which the largest share is used."""
    used = [
        BudgetUse(
            budget.scope,
            budget.spent,
            budget.allowed,
            budget.spent_micros / 1e6,
            None if budget.allowed_micros is None else budget.allowed_micros / 1e6,
        )
        for budget in Budget.objects.filter(_of_today())
    ]
    return sorted(used, key=lambda one: (one.scope != "site", -one.share, one.scope))[:LISTED]


def _of_today() -> Q:
    """Selects the budgets of today. The day of questions and learners is the one in the course's time zone."""
    zones = dict(Challenge.objects.values_list("slug", "lesson__course__timezone"))
    by_day: dict[date, list[str]] = defaultdict(list)
    for slug, zone in zones.items():
        by_day[days.today(zone)].append(f"challenge:{slug}")
    selected = Q(scope="site", day=days.today(settings.TIME_ZONE)) | Q(scope__startswith="user:", day__in=list(by_day))
    for day, scopes in by_day.items():
        selected |= Q(scope__in=scopes, day=day)
    return selected


def has_money_limit() -> bool:
    """Returns True if one of the budgets limits money."""
    return any(limit is not None for limit in settings.JUDGE_MONEY.values())


def _totals(name: str, calls: QuerySet[JudgeCall]) -> CallTotals:
    total: Mapping[str, Any] = calls.aggregate(
        calls=Count("pk"),
        unusable=Count("pk", filter=~Q(problem="")),
        sent=Sum("prompt_tokens", default=0),
        received=Sum("completion_tokens", default=0),
        seconds=Avg("seconds", default=0.0),
        unpriced=Count("pk", filter=Q(cost_micros=None)),
    )
    priced = calls.exclude(cost_micros=None).values_list("currency").annotate(micros=Sum("cost_micros"))
    return CallTotals(
        name=name, costs=[(currency, micros / 1e6) for currency, micros in priced.order_by("currency")], **total
    )
