"""The budgets of a course or a class as the pages about use show them, and the form with which an owner sets them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.submissions.budgets import quotas
from gradus.submissions.budgets.quotas import State, Wish
from gradus.submissions.models import Quota
from gradus.teach.forms import ServiceForm

What, Period = Quota.What, Quota.Period
# How many of the unit that is stored are one of the unit that people read: minutes, and units of money.
UNITS = {What.ATTEMPTS: 1, What.TRAINING: 60, What.CALLS: 1, What.MONEY: 1_000_000}
ATTEMPTS_MOST, MINUTES_MOST, CALLS_MOST = 1000, 10_000_000, 1_000_000_000


@dataclass(frozen=True)
class Line:
    """A budget in words. `state` is None where there is none."""

    name: str
    what: str
    state: State | None

    @property
    def allowed(self) -> str:
        if self.state is None:
            return _("No budget")
        quota = self.state.quota
        if quota.what == What.ATTEMPTS:
            return _("%(number)s a day for each learner") % {"number": quota.allowed}
        values = {"amount": _amount(quota.what, quota.allowed), "period": quota.get_period_display()}
        return _("%(amount)s %(period)s") % values

    @property
    def left(self) -> str:
        """What is used, held and left, in one sentence. Of attempts, each learner has an own budget."""
        if self.state is None or self.what == What.ATTEMPTS:
            return ""
        state = self.state
        values = {
            "used": _amount(self.what, state.used),
            "held": _amount(self.what, state.held),
            "left": _amount(self.what, state.left),
            "percent": state.percent,
        }
        if state.held:
            return (
                _("%(used)s used (%(percent)s %%), %(held)s held for work that has not ended, %(left)s left.") % values
            )
        return _("%(used)s used (%(percent)s %%), %(left)s left.") % values

    @property
    def anew(self) -> str:
        return quotas.anew(self.state.quota) if self.state and self.what != What.ATTEMPTS else ""


def _amount(what: str, stored: int) -> str:
    value = Decimal(stored) / UNITS[What(what)]
    if what == What.TRAINING:
        return _("%(number)s minutes") % {"number": number_format(value, 0 if value == int(value) else 1)}
    if what == What.MONEY:
        return number_format(value, 2 if value * 100 == int(value * 100) else 4)
    return number_format(value, 0)


def lines(states: Iterable[State]) -> list[Line]:
    """Returns a line for each thing that can be limited."""
    by_what = {one.quota.what: one for one in states}
    return [Line(str(what.label), what, by_what.get(what)) for what in What]


def _number(label: Any, most: int, help_text: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=most, help_text=help_text)


def _period(label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=Period.choices, required=False)


class BudgetsForm(ServiceForm):
    """All budgets of a course or a class. What is empty is not limited by it."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    attempts = _number(
        gettext_lazy("Attempts a day for each learner"),
        ATTEMPTS_MOST,
        gettext_lazy("For all challenges together. What a challenge allows still holds: the smaller number decides."),
    )
    training = _number(
        gettext_lazy("Minutes of training"),
        MINUTES_MOST,
        gettext_lazy("Of everybody together. An attempt that may need more than what is left is refused."),
    )
    training_period = _period(gettext_lazy("Period of the minutes of training"))
    calls = _number(
        gettext_lazy("Calls to the judge"),
        CALLS_MOST,
        gettext_lazy("When they are used up, a person grades further answers."),
    )
    calls_period = _period(gettext_lazy("Period of the calls to the judge"))
    money = forms.DecimalField(
        label=gettext_lazy("Money for the judge"),
        required=False,
        min_value=0,
        max_digits=12,
        decimal_places=4,
        help_text=gettext_lazy(
            "In the currency of the judge's prices. When it is used up, or where a price is unknown, a person grades "
            "further answers."
        ),
    )
    money_period = _period(gettext_lazy("Period of the money for the judge"))

    def __init__(self, states: Iterable[State], data: Any = None) -> None:
        self.lines = lines(states)
        found = [line.state.quota for line in self.lines if line.state]
        initial: dict[str, Any] = {"seen": quotas.version(sorted(found, key=lambda one: one.pk))}
        for quota in found:
            value = Decimal(quota.allowed) / UNITS[What(quota.what)]
            initial[quota.what] = value.normalize() if quota.what == What.MONEY else int(value)
            initial[f"{quota.what}_period"] = quota.period
        super().__init__(data, initial=initial, auto_id="budget-%s")
        self.label_suffix = ""

    def groups(self) -> list[tuple[Line, Any, Any]]:
        """Returns each line with its field and the field of its period."""
        return [
            (line, self[line.what], self[f"{line.what}_period"] if line.what != What.ATTEMPTS else None)
            for line in self.lines
        ]

    def wishes(self) -> list[Wish]:
        found = []
        for what in What:
            value, period = self.cleaned_data[what], self.cleaned_data.get(f"{what}_period") or Period.DAY
            found.append(Wish(what, None if value is None else round(value * UNITS[what]), Period(period)))
        return found
