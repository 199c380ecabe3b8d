"""What a course or a class has used: attempts, training time, calls to the judge and money; and what limits it.

Everything here was measured. What a call cost is known only where the price of its model is known; other calls are
counted apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, F, Min, Q, QuerySet, Sum

from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from gradus.accounts.models import User
from gradus.classes.models import Class, Grant, Member
from gradus.courses import days
from gradus.courses.models import Challenge, Course
from gradus.reviews.models import Budget, JudgeCall
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Slot, Submission

Group = tuple[int | None, int]
"""The keys of a class, `None` for attempts that count for none, and of a person."""

# People whom the page lists; the file has all of them.
LISTED = 25


@dataclass
class Use:
    """What one group of attempts has used.

    `minutes` is the time from the first start to the end of each job of a training worker. `costs` has the sum of each
    currency in its unit. `unpriced` are the calls to the judge whose cost is not known.
    """

    today: int = 0
    attempts: int = 0
    people: int = 0
    trainings: int = 0
    minutes: float = 0.0
    calls: int = 0
    tokens: int = 0
    unpriced: int = 0
    costs: dict[str, float] = field(default_factory=dict)

    @property
    def money(self) -> list[tuple[str, float]]:
        return sorted(self.costs.items())


@dataclass(frozen=True)
class Scope:
    """The attempts that a page is about: those of a course, or those that count for one class of it."""

    course: Course
    of_class: Class | None = None

    @cached_property
    def challenges(self) -> list[int]:
        """The keys of the challenges of the course: with them, a database finds attempts in an index alone."""
        return list(Challenge.objects.filter(course=self.course).values_list("pk", flat=True))

    def attempts(self, path: str = "") -> Q:
        """Returns the condition for rows whose attempt is at `path`, such as `submission__`."""
        of_course = Q(**{f"{path}challenge__in": self.challenges})
        return of_course if self.of_class is None else of_course & Q(**{f"{path}of_class": self.of_class})

    @property
    def midnight(self) -> datetime:
        """When the day of the limits began."""
        zone = self.course.timezone
        return datetime.combine(days.today(zone), datetime.min.time(), ZoneInfo(zone))


def measured(scope: Scope) -> dict[Group, Use]:
    """Returns the use by class and person, in few queries. `by` sums it up for each class or person."""
    found: dict[Group, Use] = defaultdict(Use)
    counts = {"today": Count("pk", filter=Q(created_at__gte=scope.midnight)), "attempts": Count("pk")}
    for key, row in _grouped(Submission.objects.filter(scope.attempts()), "", **counts):
        use = found[key]
        use.people, use.today, use.attempts = 1, row["today"], row["attempts"]
    ended = Evaluation.objects.filter(
        scope.attempts("submission__"), lane=Lane.TRAIN, started_at__isnull=False, finished_at__isnull=False
    )
    spent = Sum(F("finished_at") - F("started_at"))
    for key, row in _grouped(ended, "submission__", jobs=Count("submission"), spent=spent):
        use = found[key]
        use.trainings, use.minutes = row["jobs"], row["spent"].total_seconds() / 60
    calls = JudgeCall.objects.filter(scope.attempts("evaluation__submission__"), evaluation__lane=Lane.JUDGE)
    sums = {
        "calls": Count("pk"),
        "tokens": Sum(F("prompt_tokens") + F("completion_tokens"), default=0),
        "unpriced": Count("pk", filter=Q(cost_micros=None)),
        "micros": Sum("cost_micros"),
    }
    for key, row in _grouped(calls, "evaluation__submission__", "currency", **sums):
        use = found[key]
        use.calls += row["calls"]
        use.tokens += row["tokens"]
        use.unpriced += row["unpriced"]
        if row["micros"] is not None:
            use.costs[row["currency"]] = use.costs.get(row["currency"], 0.0) + row["micros"] / 1e6
    return dict(found)


def _grouped(rows: QuerySet[Any], path: str, *more: str, **sums: Any) -> Iterator[tuple[Group, dict[str, Any]]]:
    """Yields the class and the person, whose attempts are at `path`, with the sums over their rows."""
    names = (f"{path}of_class", f"{path}user")
    for row in rows.order_by().values(*names, *more).annotate(**sums):
        yield (row[names[0]], row[names[1]]), row


def by(uses: Mapping[Group, Use], group: Literal["of_class", "user"]) -> dict[int | None, Use]:
    """Returns the use of each class, `None` for attempts that count for none, or of each person."""
    parts: dict[int | None, list[Use]] = defaultdict(list)
    for (of_class, user), use in uses.items():
        parts[of_class if group == "of_class" else user].append(use)
    return {key: total(some) for key, some in parts.items()}


def total(uses: Collection[Use]) -> Use:
    """Returns the sum. Each of `uses` is of another person, or of one person in several classes."""
    made = Use(people=len(uses))
    for use in uses:
        for name in ("today", "attempts", "trainings", "minutes", "calls", "tokens", "unpriced"):
            setattr(made, name, getattr(made, name) + getattr(use, name))
        for currency, amount in use.costs.items():
            made.costs[currency] = made.costs.get(currency, 0.0) + amount
    return made


def most_first(uses: dict[int | None, Use]) -> list[tuple[int | None, Use]]:
    """Returns the groups with most attempts first. Money of different currencies cannot be compared."""
    return sorted(uses.items(), key=lambda one: (-one[1].attempts, -one[1].minutes, -one[1].calls, one[0] or 0))


@dataclass(frozen=True)
class OfChallenge:
    """The limits of one challenge today.

    `at_limit` counts the learners of the scope who have used all their attempts of today. Of the judge's budget,
    `tokens` and `money` are what is used and what is allowed by all who learn here, `None` where nothing limits it.
    """

    challenge: Challenge
    attempts_a_day: int
    at_limit: int
    tokens: tuple[int, int] | None
    money: tuple[float, float | None] | None

    @property
    def tokens_left(self) -> int:
        return max(0, self.tokens[1] - self.tokens[0]) if self.tokens else 0

    @property
    def money_left(self) -> float | None:
        if self.money is None or self.money[1] is None:
            return None
        return max(0.0, self.money[1] - self.money[0])


def of_challenges(scope: Scope) -> list[OfChallenge]:
    """Returns what limits each challenge of the course today, and what is left."""
    day = days.today(scope.course.timezone)
    found = list(Challenge.objects.shown().filter(course=scope.course).order_by("lesson__position", "position"))
    taken = Slot.objects.of(limits.ATTEMPTS).filter(scope.attempts("submission__"), period=day.isoformat())
    counted = taken.order_by().values("submission__challenge", "user").annotate(used=Count("pk"), most=Min("allowed"))
    at_limit = Counter(row["submission__challenge"] for row in counted if row["used"] >= row["most"])
    budgets = {one.scope: one for one in Budget.objects.filter(scope__in=map(_budgets_name, found), day=day)}
    return [
        OfChallenge(
            one,
            one.spec.limits.attempts_per_day,
            at_limit[one.pk],
            *(_used_of(budgets.get(_budgets_name(one))) if kinds.find(one.kind).is_judged else (None, None)),
        )
        for one in found
    ]


def _budgets_name(challenge: Challenge) -> str:
    return f"challenge:{challenge.slug}"


def _used_of(budget: Budget | None) -> tuple[tuple[int, int], tuple[float, float | None]]:
    """Returns the used and the allowed tokens, and the same of money. Before the first call there is no row."""
    if budget is None:
        micros = settings.JUDGE_MONEY["challenge"]
        return (0, settings.JUDGE_TOKENS["challenge"]), (0.0, None if micros is None else micros / 1e6)
    allowed = None if budget.allowed_micros is None else budget.allowed_micros / 1e6
    return (budget.spent, budget.allowed), (budget.spent_micros / 1e6, allowed)


def granted(of_class: Class) -> tuple[int, int]:
    """Returns how many attempts the class was granted beyond the daily ones, and how many of them are used."""
    grants = Grant.objects.in_force().filter(member__of_class=of_class)
    used = Slot.objects.of(limits.GRANTED_ATTEMPTS).filter(submission__of_class=of_class)
    return int(grants.aggregate(all=Sum("attempts", default=0))["all"]), used.count()


def people_of(scope: Scope, uses: list[tuple[int | None, Use]]) -> list[tuple[str, Use]]:
    """Returns each account's name beside its use: the one in the class, or the pseudonym."""
    keys = [key for key, _use in uses if key is not None]
    names: dict[int | None, str] = {one.pk: one.name_on_boards for one in User.objects.filter(pk__in=keys)}
    if scope.of_class is not None:
        members = Member.objects.filter(of_class=scope.of_class, user__in=keys).select_related("user")
        names |= {one.user_id: one.name for one in members}
    return [(names.get(key, ""), use) for key, use in uses]


def classes_of(uses: list[tuple[int | None, Use]]) -> list[tuple[Class | None, Use]]:
    """Returns each class beside its use. None stands for attempts that count for no class."""
    found = Class.objects.in_bulk([key for key, _use in uses if key is not None])
    return [(found[key] if key is not None else None, use) for key, use in uses]


def rows_of(people: list[tuple[str, Use]]) -> list[list[Any]]:
    """Returns the lines of the file: the headings, and one line for each person."""
    currencies = sorted({currency for _name, use in people for currency in use.costs})
    head = ["name", "attempts_today", "attempts", "trainings", "training_minutes", "judge_calls", "judge_tokens",
            "judge_calls_without_price", *(f"judge_cost_{one or 'unknown'}".lower() for one in currencies)]  # fmt: skip
    lines = [
        [name, use.today, use.attempts, use.trainings, round(use.minutes, 2), use.calls, use.tokens, use.unpriced,
         *(use.costs.get(one) for one in currencies)]
        for name, use in people
    ]  # fmt: skip
    return [head, *lines]
