"""The forms with which people set the dates of a class, give more time or attempts, and ask who can submit when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.classes import date_rules, times
from gradus.classes.access import PlaceOrCourse
from gradus.classes.date_rules import DATES, Target, Values
from gradus.classes.models import GRANTED_MAX, REASON_CHARS, Class, DateRule, Label, Member
from gradus.classes.policy import Step
from gradus.courses.models import Challenge
from gradus.teach.forms import SeenForm, ServiceForm, ZonedForm, text
from gradus.teach.local_times import LocalTimeField, parsed, shown_in
from gradus.teach.widgets import NamesSelect

COURSE = "course"
# A learner in the list of a form; more are found by searching.
LISTED = 200


def key_of(place: PlaceOrCourse) -> str:
    """Returns what stands for a place in an address, such as `lesson-4`."""
    if place is None:
        return COURSE
    return f"{'challenge' if isinstance(place, Challenge) else 'lesson'}-{place.pk}"


def place_choices(places: Iterable[PlaceOrCourse]) -> list[tuple[str, str]]:
    def title(place: PlaceOrCourse) -> str:
        if place is None:
            return _("The whole course")
        return (
            f"\u00a0\u00a0{place.title}"
            if isinstance(place, Challenge)
            else _("Lesson: %(title)s") % {"title": place.title}
        )

    return [(key_of(place), title(place)) for place in places]


class StepsField(forms.CharField):
    """Lines with a time and a credit in percent, such as `2026-10-05 23:59 50`. The word `none` says that there are
    none, and without a line nothing is said."""

    NONE = "none"
    WRONG = gettext_lazy("Write in each line a time and the credit in percent, such as 2026-10-05 23:59 50.")

    def __init__(self, **given: Any) -> None:
        super().__init__(
            required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), max_length=2000, **given
        )

    def clean(self, value: Any) -> list[Step] | None:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if not lines:
            return None
        return [] if [line.casefold() for line in lines] == [self.NONE] else [self._step(line) for line in lines]

    def _step(self, line: str) -> Step:
        found = re.fullmatch(r"(\S+(?:[ T]\S+)?)\s+([0-9]{1,3}(?:\.[0-9]{1,2})?)\s*%?", line)
        until = parsed(found[1]) if found else None
        if found is None or until is None:
            raise forms.ValidationError(self.WRONG, code="invalid")
        return Step(until, float(found[2]) / 100)


class DatesForm(SeenForm, ZonedForm):
    """What is said about one place for some people. What stays empty is as it is for others or for the whole course."""

    release_at = LocalTimeField(label=gettext_lazy("Opens"), required=False)
    no_release_at = forms.BooleanField(label=gettext_lazy("It is open from the beginning"), required=False)
    early = StepsField(
        label=gettext_lazy("Early credit"),
        help_text=gettext_lazy(
            "Until a time, an attempt counts more: one line for each time, such as 2026-10-01 23:59 110."
        ),
    )
    due_at = LocalTimeField(label=gettext_lazy("Due"), required=False)
    no_due_at = forms.BooleanField(label=gettext_lazy("There is no due date"), required=False)
    late = StepsField(
        label=gettext_lazy("Late credit"),
        help_text=gettext_lazy(
            "After the due date an attempt counts this much until a time, such as 2026-10-12 23:59 50."
        ),
    )
    after = forms.FloatField(
        label=gettext_lazy("Credit after that, in percent"),
        required=False,
        min_value=0,
        max_value=100,
        help_text=gettext_lazy(
            "Empty: 0 %, or what holds for others. Attempts can still be handed in until it closes."
        ),
    )
    close_at = LocalTimeField(
        label=gettext_lazy("Closes"),
        required=False,
        help_text=gettext_lazy("From then on nothing can be submitted. It can still be read and run."),
    )
    no_close_at = forms.BooleanField(label=gettext_lazy("It never closes"), required=False)
    extended_to = LocalTimeField(
        label=gettext_lazy("More time until"),
        required=False,
        help_text=gettext_lazy("Nothing here is due or closes earlier for them, also where other dates are set."),
    )
    reason = text(
        gettext_lazy("Reason"),
        REASON_CHARS,
        help_text=gettext_lazy(
            "For those who teach. Learners read the reasons of their own dates only in a copy of the own data."
        ),
    )

    def __init__(self, target: Target, rule: DateRule | None, data: Any = None) -> None:
        self.target, self.zone = target, target.of_class.timezone
        super().__init__(data, initial=self._initial(rule))
        self.fields["reason"].required = target.member is not None
        if target.member is None and target.label is None:
            del self.fields["extended_to"]

    def _initial(self, rule: DateRule | None) -> dict[str, Any]:
        zone, said = self.target.of_class.zone, date_rules.values_of(rule)

        def lines(steps: Sequence[Step] | None) -> str:
            shown = [f"{shown_in(zone, one.until):%Y-%m-%d %H:%M} {100 * one.credit:g}" for one in steps or ()]
            return StepsField.NONE if steps is not None and not steps else "\n".join(shown)

        return {
            **{name: shown_in(zone, getattr(said, name)) for name in (*DATES, "extended_to")},
            **{f"no_{name}": name in said.cleared for name in DATES},
            "early": lines(said.early),
            "late": lines(said.late),
            "after": None if said.after is None else 100 * said.after,
            "reason": rule.reason if rule else "",
            "seen": date_rules.seen(rule),
        }

    @property
    def values(self) -> Values:
        """What was typed, in UTC."""
        given = self.cleaned_data

        def steps(name: str) -> list[Step] | None:
            if given[name] is None:
                return None
            return [Step(times.read(one.until, self.zone), one.credit) for one in given[name]]

        return Values(
            **{name: given.get(name) for name in (*DATES, "extended_to")},
            cleared=[name for name in DATES if given[f"no_{name}"]],
            early=steps("early"),
            late=steps("late"),
            after=None if given["after"] is None else given["after"] / 100,
        )


def _is_challenge(key: str) -> bool:
    return key.startswith("challenge-")


class PeopleForm(ZonedForm):
    """Gives learners more time, or more attempts. `members` are those that the list of the page offers."""

    WHO_READS = gettext_lazy("For those who teach. The learner reads it only in a copy of the own data.")
    label = forms.ModelChoiceField(
        label=gettext_lazy("For all with the label"),
        queryset=Label.objects.none(),
        required=False,
        empty_label=gettext_lazy("No label"),
    )
    members = forms.ModelMultipleChoiceField(
        label=gettext_lazy("For whom"),
        queryset=Member.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    place = forms.ChoiceField(label=gettext_lazy("For what"), widget=NamesSelect("en", _is_challenge))
    reason = text(
        gettext_lazy("Reason"),
        REASON_CHARS,
        required=True,
        help_text=WHO_READS,
    )

    def __init__(self, of_class: Class, places: Iterable[PlaceOrCourse], data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial, prefix=self.name)
        self.zone, self.places = of_class.timezone, {key_of(one): one for one in places if self.offers(one)}
        chosen: Any = self.fields["members"]
        chosen.queryset = of_class.members.active().learners().by_name()
        label: Any = self.fields["label"]
        label.queryset = of_class.labels.all()
        if not of_class.labels.exists():
            del self.fields["label"]
        place: Any = self.fields["place"]
        place.choices = place_choices(self.places.values())

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if not given.get("members") and not given.get("label") and not self.errors.keys() & {"members", "label"}:
            self.add_error("members", _("Choose at least one learner."))
        return given

    name = ""

    def offers(self, place: PlaceOrCourse) -> bool:
        return True

    @property
    def chosen_place(self) -> PlaceOrCourse:
        return self.places[self.cleaned_data["place"]]


class ExtendForm(PeopleForm):
    name = "extend"
    until = LocalTimeField(
        label=gettext_lazy("New due date"),
        help_text=gettext_lazy(
            "In the zone of the class. Until then attempts count in full. If it would close before, it closes then. "
            "A time that is past repairs late attempts."
        ),
    )
    field_order = ("place", "until", "label", "members", "reason")


class GrantForm(PeopleForm):
    name = "grant"
    attempts = forms.IntegerField(
        label=gettext_lazy("More attempts"),
        min_value=1,
        max_value=GRANTED_MAX,
        help_text=gettext_lazy("They are used when those of a day are used, on any day until the class ends."),
    )
    field_order = ("place", "attempts", "label", "members", "reason")

    def offers(self, place: PlaceOrCourse) -> bool:
        return isinstance(place, Challenge)


class WithdrawForm(ServiceForm):
    """Why granted attempts are withdrawn."""

    reason = text(gettext_lazy("Reason"), REASON_CHARS, required=True, help_text=PeopleForm.WHO_READS)


class WhyForm(ZonedForm):
    """For which challenge and time it is asked whether a member can submit."""

    challenge = forms.ChoiceField(label=gettext_lazy("Challenge"), widget=NamesSelect("en"))
    at = LocalTimeField(label=gettext_lazy("When"), required=False, help_text=gettext_lazy("Empty: now."))

    def __init__(self, of_class: Class, challenges: Sequence[Challenge], data: Any = None) -> None:
        super().__init__(data)
        self.zone = of_class.timezone
        self.challenges = {one.slug: one for one in challenges}
        asked: Any = self.fields["challenge"]
        asked.choices = [(slug, one.title) for slug, one in self.challenges.items()]

    def clean_at(self) -> datetime:
        return self.cleaned_data["at"] or timezone.now()

    @property
    def chosen(self) -> Challenge:
        return self.challenges[self.cleaned_data["challenge"]]
