"""What stands behind a judge call: the log of calls (also the cache), and budgets in tokens a day.

Implements `workers.judge.JudgeStore`. The site does not know the graders, so whoever makes a store says with which
class it answers.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from gradus.reviews.models import Budget, JudgeCall
from gradus.submissions.models import Evaluation

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Reply = TypeVar("Reply")


class OverBudgetError(Exception):
    """Rolls back what was taken off the other budgets."""


class Store(Generic[Reply]):
    """Of one evaluation. `answer` makes a reply from `reply`, `problem`, `model` and `call_id`."""

    def __init__(self, evaluation: Evaluation, answer: Callable[..., Reply]) -> None:
        self.evaluation = evaluation
        self.answer = answer
        self.day = today()

    def cached(self, key: str) -> Reply | None:
        """An earlier usable reply to exactly the same call, so that the same answer gets the same grade."""
        call = JudgeCall.objects.filter(key=key, problem="", reply__isnull=False).order_by("pk").first()
        if call is None:
            return None
        return self.answer(reply=call.reply, problem="", model=call.model, call_id=call.pk)

    def log(self, record: "DataclassInstance") -> int:
        """Appends; fields are those of `JudgeCall`."""
        values: dict[str, Any] = asdict(record)
        values["problem"] = values["problem"][:200]
        return JudgeCall.objects.create(evaluation=self.evaluation, **values).pk

    def reserve(self, tokens: int) -> bool:
        """Takes `tokens` off every budget that applies, or off none and returns False."""
        self.day = today()
        try:
            with transaction.atomic():
                for scope, allowed in self.budgets():
                    _take(scope, self.day, allowed, tokens)
        except OverBudgetError:
            return False
        return True

    def settle(self, reserved: int, spent: int) -> None:
        """Gives back what was reserved and not spent; on the day of the reservation."""
        scopes = [scope for scope, _ in self.budgets()]
        Budget.objects.filter(scope__in=scopes, day=self.day).update(
            spent=Least(Greatest(F("spent") - reserved + spent, 0), F("allowed"))
        )

    def budgets(self) -> list[tuple[str, int]]:
        """Scope and tokens a day, in one order everywhere, so that two workers cannot wait for each other."""
        owner = self.evaluation.submission or self.evaluation.run
        assert owner is not None
        found = [
            (f"challenge:{owner.version.challenge.slug}", settings.JUDGE_TOKENS["challenge"]),
            ("site", settings.JUDGE_TOKENS["site"]),
        ]
        if owner.user_id is not None:
            found.append((f"user:{owner.user_id}", settings.JUDGE_TOKENS["user"]))
        return found


def today() -> date:
    return timezone.now().date()


def _take(scope: str, day: date, allowed: int, tokens: int) -> None:
    Budget.objects.get_or_create(scope=scope, day=day, defaults={"allowed": allowed})
    within = Budget.objects.filter(scope=scope, day=day, spent__lte=F("allowed") - tokens)
    if within.update(spent=F("spent") + tokens) != 1:
        raise OverBudgetError
