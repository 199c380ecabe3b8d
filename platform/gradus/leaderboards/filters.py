"""Which entries of a leaderboard a page lists, as its address says: those of friends, of an approach, or of a week."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.spec import Challenge
from gradus.accounts.models import User
from gradus.classes import access
from gradus.courses import days
from gradus.friends.services import circle
from gradus.leaderboards.approaches import approaches
from gradus.leaderboards.ranking import Only

WEEKS = 8
FRIENDS = "friends"


def weeks() -> list[tuple[str, datetime]]:
    """Returns the last eight ISO weeks, the one that runs first, each by its name and the moment of its beginning."""
    today = days.today(timezone.get_current_timezone_name())
    mondays = [today - timedelta(days=today.weekday(), weeks=back) for back in range(WEEKS)]
    zone = timezone.get_current_timezone()
    return [(f"{monday:%G-W%V}", datetime.combine(monday, time.min, zone)) for monday in mondays]


class BoardFilter(forms.Form):
    """The entries to list. An address that names no known choice lists all of them, and is told so beside the field."""

    people = forms.ChoiceField(label=gettext_lazy("Learners"), required=False)
    approach = forms.ChoiceField(label=gettext_lazy("Approach"), required=False)
    week = forms.ChoiceField(label=gettext_lazy("Reached in"), required=False)

    def __init__(self, spec: Challenge, track: str, data: Any, viewer: User | None) -> None:
        super().__init__(data)
        # Nobody sees who the friends of the learner are as whom they look at the site.
        self.account = viewer if viewer and not viewer.is_guest and access.viewed() is None else None
        self.approaches = approaches(spec, track)
        self.weeks = dict(weeks())
        of_weeks = [(name, _title(begins)) for name, begins in self.weeks.items()]
        self._offer("people", _("Everybody"), [(FRIENDS, _("My friends and I"))])
        self._offer("approach", _("All approaches"), list(self.approaches.items()))
        self._offer("week", _("Any week"), of_weeks)
        if len(self.approaches) < 2:
            del self.fields["approach"]
        if self.account is None:
            del self.fields["people"]

    def _offer(self, name: str, every: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", every), *choices]

    def only(self) -> Only:
        """Returns the chosen entries."""
        chosen = self.cleaned_data if self.is_valid() else {}
        begins = self.weeks.get(chosen.get("week") or "")
        # A week of wall time: it has an hour more or less where clocks change.
        reached = (begins, begins + timedelta(weeks=1)) if begins else None
        people = circle(self.account) if self.account and chosen.get("people") == FRIENDS else None
        return Only(chosen.get("approach") or "", reached, people)

    def kept(self) -> dict[str, str]:
        """Returns the part of the address that chooses."""
        return {name: value for name, value in self.cleaned_data.items() if value} if self.is_valid() else {}


def _title(monday: datetime) -> str:
    told = {"week": monday.isocalendar().week, "date": date_format(monday, "DATE_FORMAT")}
    return _("Week %(week)s, from %(date)s") % told
