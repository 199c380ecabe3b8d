"""The forms with which people set the dates of a class, give more time or attempts, and ask who can submit when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.classes import access, date_rules, times
from gradus.classes.access import PlaceOrCourse
from gradus.classes.date_rules import DATES, STEPS_MAX, TIMES, Target
from gradus.classes.models import GRANTED_MAX, REASON_CHARS, Class, DateRule, Label, Member
from gradus.classes.policy import Step, Values
from gradus.courses.models import Challenge
from gradus.teach.forms import SeenForm, ServiceForm, ZonedForm, text
from gradus.teach.local_times import FORMATS, LocalTimeField, parsed, shown_in
from gradus.teach.widgets import NamesSelect

COURSE = "course"
# A learner in the list of a form; more are found by searching.
LISTED = 200
# Lines for steps that the form offers at least, and how much of a typed time or credit is kept.
SPARE_STEPS, STEP_CHARS = 2, 40


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

    return [("", _("Choose a lesson or a challenge")), *((key_of(place), title(place)) for place in places)]


@dataclass(frozen=True)
class SentStep:
    """A line of a `StepsField` as it was typed: until when an attempt counts how many percent."""

    until: str = ""
    credit: str = ""


class StepsWidget(forms.Widget):
    """Reads the lines of a `StepsField`, and whether there is no step at all. `_steps.html` shows them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[SentStep] | str:
        if data.get(f"{name}_none"):
            return StepsField.NONE
        found = [
            SentStep(*(str(data.get(f"{name}_{n}_{part}", "")).strip()[:STEP_CHARS] for part in ("until", "credit")))
            for n in range(STEPS_MAX)
        ]
        while found and found[-1] == SentStep():
            found.pop()
        return found


class StepsField(forms.Field):
    """Lines with a time and a credit in percent. `NONE` says that there are none, and without a line nothing is said.

    `limits` are the least and the most credit of a step.
    """

    NONE = "none"
    widget = StepsWidget

    def __init__(self, *, limits: tuple[float, float], **given: Any) -> None:
        super().__init__(required=False, **given)
        self.limits = limits

    def clean(self, value: Any) -> list[Step] | None:
        if value == self.NONE:
            return []
        found: list[Step] = []
        wrong: list[str] = []
        for number, line in enumerate(value, 1):
            if line == SentStep():
                continue
            try:
                step = self._step(line)
                if text := date_rules.wrong_step(step, found[-1] if found else None, self.limits):
                    raise forms.ValidationError(text)
            except forms.ValidationError as error:
                text = error.messages[0]
                wrong.append(date_rules.in_line(number, text[0].lower() + text[1:]))
            else:
                found.append(step)
        if wrong:
            raise forms.ValidationError(wrong)
        return found or None

    def _step(self, line: SentStep) -> Step:
        if not line.credit:
            raise forms.ValidationError(_("write how many percent an attempt counts until then, such as 50."))
        if not line.until:
            raise forms.ValidationError(_("choose the date and the time until which an attempt counts this much."))
        if not re.fullmatch(r"[0-9]{1,3}([.,][0-9]{1,2})?\s*%?", line.credit):
            raise forms.ValidationError(
                _("“%(sent)s” is not a percentage. Write a number such as 50.") % {"sent": line.credit}
            )
        credit = float(line.credit.rstrip("% ").replace(",", "."))
        if (until := parsed(line.until)) is None:
            said = _("“%(sent)s” is not a date with a time. Write one such as 2026-10-05 23:59.")
            raise forms.ValidationError(said % {"sent": line.until})
        return Step(until, credit / 100)


class DatesForm(SeenForm, ZonedForm):
    """What is said about one place for some people. What stays empty is as it is for others or for the whole course."""

    release_at = LocalTimeField(label=gettext_lazy("Opens"), required=False)
    no_release_at = forms.BooleanField(label=gettext_lazy("It is open from the beginning"), required=False)
    early = StepsField(
        label=gettext_lazy("Early credit"),
        limits=date_rules.EARLY,
        help_text=gettext_lazy("Until a time before it is due, an attempt can count more, such as 110 %."),
    )
    due_at = LocalTimeField(label=gettext_lazy("Due"), required=False)
    no_due_at = forms.BooleanField(label=gettext_lazy("There is no due date"), required=False)
    late = StepsField(
        label=gettext_lazy("Late credit"),
        limits=date_rules.LATE,
        help_text=gettext_lazy(
            "After the due date, an attempt can count in part, such as 50 % for a week, then 20 % for another one."
        ),
    )
    after = forms.FloatField(
        label=gettext_lazy("Credit after that, in percent"),
        required=False,
        min_value=0,
        max_value=100,
        help_text=gettext_lazy(
            "After the due date and all lines above. Empty: 0 %, unless the dates of the lesson, the course or "
            "everybody say otherwise. Attempts can still be handed in until it closes."
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
        help_text=gettext_lazy(
            "For them, nothing here is due or closes before this time, even where other dates are set."
        ),
    )
    reason = text(
        gettext_lazy("Reason"),
        REASON_CHARS,
        help_text=gettext_lazy(
            "Only those who teach see it on the site. A learner's copy of all own data has it, too."
        ),
    )

    def __init__(self, target: Target, rule: DateRule | None, data: Any = None) -> None:
        self.target, self.rule, self.zone = target, rule, target.of_class.timezone
        super().__init__(data, initial=self._initial(rule))
        self.fields["reason"].required = target.member is not None
        if target.member is None and target.label is None:
            del self.fields["extended_to"]

    def _initial(self, rule: DateRule | None) -> dict[str, Any]:
        zone, values = self.target.of_class.zone, access.values_of(rule)

        def lines(steps: Sequence[Step] | None) -> list[SentStep] | str:
            if steps is not None and not steps:
                return StepsField.NONE
            return [
                SentStep(f"{shown_in(zone, one.until):{FORMATS[0]}}", f"{100 * one.credit:.15g}") for one in steps or ()
            ]

        return {
            **{name: shown_in(zone, getattr(values, name)) for name in TIMES},
            **{f"no_{name}": name in values.cleared for name in DATES},
            "early": lines(values.early),
            "late": lines(values.late),
            "after": None if values.after is None else 100 * values.after,
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
            return [Step(self._until(name, one.until), one.credit) for one in given[name]]

        return Values(
            **{name: given.get(name) for name in TIMES},
            cleared=[name for name in DATES if given[f"no_{name}"]],
            early=steps("early"),
            late=steps("late"),
            after=None if given["after"] is None else given["after"] / 100,
        )

    def _until(self, name: str, typed: datetime) -> datetime:
        """Returns the time in UTC. One that came back as it was shown stays exactly."""
        kept = getattr(access.values_of(self.rule), name) or ()
        shown = {f"{shown_in(self.target.of_class.zone, one.until):{FORMATS[0]}}": one.until for one in kept}
        return shown.get(f"{typed:{FORMATS[0]}}") or times.read(typed, self.zone)

    def step_lines(self, name: str) -> list[tuple[int, SentStep]]:
        """Returns the lines of a field as the page shows them, with empty ones for more."""
        value = self[name].value()
        lines = [] if value == StepsField.NONE else list(value or ())
        lines += [SentStep()] * (max(SPARE_STEPS - len(lines), 1) if len(lines) < STEPS_MAX else 0)
        return list(enumerate(lines))

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The fields in their order, those with steps with their lines."""
        return [
            {"field": one, "steps": self.step_lines(one.name), "is_none": one.value() == StepsField.NONE}
            if isinstance(one.field, StepsField)
            else {"field": one}
            for one in self.visible_fields()
        ]


def _is_challenge(key: str) -> bool:
    return key.startswith("challenge-")


class MembersField(forms.ModelMultipleChoiceField[Member]):
    """Refuses a number that no column holds as one that is not offered: SQLite fails when it is asked for it."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            longest = {"value": max(value, key=len)}
            raise forms.ValidationError(self.error_messages["invalid_choice"], "invalid_choice", longest) from None


class PeopleForm(ZonedForm):
    """Gives learners more time, or more attempts. `members` are those that the list of the page offers."""

    WHO_READS = gettext_lazy(
        "Only those who teach see it on the site. The learner is not told; a copy of all own data has it."
    )
    label = forms.ModelChoiceField(
        label=gettext_lazy("For all with the label"),
        queryset=Label.objects.none(),
        required=False,
        empty_label=gettext_lazy("No label"),
        widget=NamesSelect(),
    )
    members = MembersField(
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
            "In the zone of the class. Until then attempts count in full. If it would close earlier, it closes then. "
            "With a time in the past, attempts from before that time that were late count in full."
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
