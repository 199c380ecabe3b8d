"""What pages show of a score that is the worst of several orders of the examples, or that tokens cost a part of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from challenges.kinds import registry as kinds
from challenges.kinds.base import TokenUse
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions.models import Run
from gradus.submissions.states import State

Result = Mapping[str, Any] | None


@dataclass(frozen=True)
class Order:
    """An order of the examples, numbered from 1, with the metric on public samples. The lowest one counts."""

    number: int
    value: float
    is_lowest: bool


def orders_of(result: Result) -> list[Order]:
    """Empty where only one order was tried."""
    values = _public(result).get("orders") or []
    lowest = order_shown(result)
    return [Order(number, value, number == lowest) for number, value in enumerate(values, 1)]


def order_shown(result: Result) -> int:
    """The number of the order whose rows are kept: the first of those with the lowest value; 0 where only one was."""
    values = _public(result).get("orders") or []
    return values.index(min(values)) + 1 if values else 0


def factor_of(result: Result) -> float:
    """What the score was multiplied by; 1 where the challenge has no budget of tokens."""
    return float((_public(result).get("charged") or {}).get("factor", 1.0))


@dataclass(frozen=True)
class Price:
    """The factor of a form that is not sent yet. `last` is the metric of the learner's newest run, and `score` what
    that would score with this form's tokens; both are None where there is none.
    """

    factor: float
    last: float | None = None

    @property
    def score(self) -> float | None:
        return None if self.last is None else self.last * self.factor


def price(challenge: Challenge, user: User | None, kind: str, use: TokenUse | None) -> Price | None:
    """None where the challenge has no budget of tokens, or what is counted is not what the model reads."""
    budget = challenge.spec.metric.tokens
    if budget is None or use is None or kinds.find(kind).is_trained:
        return None
    return Price(budget.factor(use.used), _last(challenge, user, kind))


def _last(challenge: Challenge, user: User | None, kind: str) -> float | None:
    if user is None or challenge.version is None:
        return None
    ended = {"evaluations__is_current": True, "evaluations__state": State.SCORED}
    own = Run.objects.trials().filter(user=user, version=challenge.version, kind=kind, **ended)
    run = own.order_by("-pk").first()
    values = _public(run.current.result).get("metrics", {}) if run else {}
    value = values.get(challenge.spec.metric.name)
    return None if value is None else float(value)


def _public(result: Result) -> dict[str, Any]:
    return (result or {}).get("public") or {}
