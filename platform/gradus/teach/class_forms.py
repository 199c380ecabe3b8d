"""The forms with which people teach a class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gradus.accounts.addresses import EMAIL_CHARS
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.accounts.token_rules import LearnerData
from gradus.classes import changes, members, services
from gradus.classes.models import (
    LABEL_CHARS,
    NAME_CHARS,
    TEXT_CHARS,
    TITLE_CHARS,
    Announcement,
    Class,
    Label,
    Member,
)
from gradus.courses.models import Course
from gradus.notices import announcements
from gradus.teach.forms import SeenForm, ServiceForm, ZonedForm, text
from gradus.teach.local_times import LocalTimeField, shown_in
from gradus.teach.widgets import NamesSelect, told_apart
from gradus.validators import allowed_characters, whole_number

ROLES = [
    (LearnerData.NONE, _("Learner")),
    (LearnerData.VIEWER, _("Assistant: sees answers and grades")),
    (LearnerData.EDITOR, _("Instructor: also decides")),
]
CODE_WORKS_FOR = timedelta(days=14)
ADDRESSES_CHARS = 20_000
# The choice of an announcement for all members.
EVERYBODY = "all"
# People in the list of a form; more are found by searching.
LISTED = 200


class ClassForm(ZonedForm):
    """What a class is called and when it runs."""

    title = text(_("Title"), TITLE_CHARS, required=True, help_text=_("Such as “Autumn 2026, evening group”."))
    timezone = text(
        _("Time zone"),
        64,
        required=True,
        help_text=_("The dates of this class are in this zone. Write a name such as Europe/Vienna, or a city."),
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
    )
    begins_at = LocalTimeField(
        label=_("Begin"), required=False, help_text=_("Before it, nothing counts for this class. Empty: at once.")
    )
    ends_at = LocalTimeField(
        label=_("End"),
        required=False,
        help_text=_("From this time on, nothing counts for this class any more. Empty: it has no end."),
    )

    @property
    def zones(self) -> list[str]:
        return sorted(available_timezones())

    def clean_timezone(self) -> str:
        """Takes a city such as “Vienna” for its zone, if there is one such zone only."""
        given = str(self.cleaned_data["timezone"]).strip()
        cities: dict[str, list[str]] = {}
        for zone in self.zones:
            cities.setdefault(zone.split("/")[-1].casefold(), []).append(zone)
        wanted = given.replace(" ", "_").casefold()
        names = {zone.casefold(): zone for zone in self.zones}
        found = [names[wanted]] if wanted in names else cities.get(wanted, [])
        if len(found) == 1:
            return found[0]
        city = wanted.split("/")[-1]
        near = found or [zone for one in get_close_matches(city, cities, 3) for zone in cities[one]]
        said = gettext("There is no such time zone.")
        if near:
            said += " " + gettext("Did you mean %(zones)s?") % {"zones": ", ".join(near[:6])}
        raise forms.ValidationError(said)

    def clean(self) -> dict[str, Any]:
        self.zone = self.cleaned_data.get("timezone", "")
        return super().clean()


class NewClassForm(ClassForm):
    course = forms.ModelChoiceField(
        label=_("Course"), queryset=Course.objects.none(), to_field_name="slug", widget=NamesSelect("en")
    )
    field_order = ("course", "title", "timezone", "begins_at", "ends_at")

    def __init__(self, courses: Any, data: Any = None, **initial: Any) -> None:
        super().__init__(data, initial=initial)
        field: Any = self.fields["course"]
        field.queryset = courses
        field.empty_label = None


class SettingsForm(SeenForm, ClassForm):
    """All settings of a class."""

    points = forms.ChoiceField(
        label=_("Points"),
        choices=Class.Points,
        help_text=_("How the gradebook turns a score into points. Learners see their score as it is."),
    )
    steps = forms.CharField(
        label=_("Steps"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "For “Steps of your own” only. A line such as 0.6 0.8 gives 80 % of the points from a score of 0.6 on."
        ),
    )
    board = forms.ChoiceField(label=_("Who sees a leaderboard of the class, by pseudonym"), choices=Class.Board)

    def __init__(self, of_class: Class, data: Any = None) -> None:
        self.of_class = of_class
        lines = "\n".join(f"{one['from']:.15g} {one['points']:.15g}" for one in of_class.steps)
        times = {name: shown_in(of_class.zone, getattr(of_class, name)) for name in ("begins_at", "ends_at")}
        kept = {name: getattr(of_class, name) for name in ("title", "timezone", "points", "board")}
        super().__init__(data, initial={**kept, **times, "steps": lines, "seen": self.version})

    @property
    def version(self) -> str:
        return changes.version_of(services.settings_of(self.of_class))

    def clean_steps(self) -> list[dict[str, str]]:
        lines = [line.split() for line in self.cleaned_data["steps"].splitlines() if line.strip()]
        # The service says what is wrong with a line that has other than two numbers.
        return [dict(zip(("from", "points"), line, strict=False)) if len(line) == 2 else {} for line in lines]

    def differing(self) -> list[tuple[str, Any]]:
        """Returns the label and the present value of each field that differs from what the person sent."""
        names = [name for name in self.fields if name not in ("seen", "steps")]
        now = services.settings_of(self.of_class)
        found = [(self.fields[name].label, now[name]) for name in names if self.cleaned_data.get(name) != now[name]]
        return [(str(label), value) for label, value in found]


class CodeForm(ZonedForm):
    join_code_until = LocalTimeField(
        label=_("The code works until"), help_text=_("The link and the code end together.")
    )

    def __init__(self, of_class: Class, data: Any = None) -> None:
        until = (timezone.now() + CODE_WORKS_FOR).replace(second=0, microsecond=0)
        if of_class.join_code_until is not None:
            until = of_class.join_code_until
        elif of_class.ends_at is not None and of_class.ends_at > timezone.now():
            until = min(until, of_class.ends_at)
        super().__init__(data, initial={"join_code_until": shown_in(of_class.zone, until)})
        self.zone = of_class.timezone


class LabelsField(forms.CharField):
    """Names of labels, with commas between them, as a list."""

    def __init__(self, **given: Any) -> None:
        super().__init__(required=False, validators=[allowed_characters], **given)

    def clean(self, value: Any) -> list[str]:
        names = [" ".join(one.split()) for one in re.split(r"[,;\n]", super().clean(value))]
        if any(len(name) > LABEL_CHARS for name in names):
            said = _("A label has at most %(most)d characters. Put commas between labels.")
            raise forms.ValidationError(said % {"most": LABEL_CHARS})
        return [name for name in names if name]


class AddForm(ServiceForm):
    """People who are added by address."""

    emails = forms.CharField(
        label=_("Email addresses"),
        max_length=ADDRESSES_CHARS,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("One to a line, or with commas. People without an account are in as soon as they confirm it."),
    )
    learner_data = forms.ChoiceField(label=_("Role"), choices=ROLES, initial=LearnerData.NONE)
    labels = LabelsField(label=_("Labels"), help_text=_("With commas, such as: Section 1, Extra time"))
    mail = forms.BooleanField(label=_("Tell them by mail"), required=False, initial=True)


class MemberForm(SeenForm):
    first_name = text(_("First name"), NAME_CHARS)
    last_name = text(_("Last name"), NAME_CHARS)
    email = text(_("Email address"), EMAIL_CHARS)
    login = text(_("Login"), NAME_CHARS, help_text=_("As in the system from which your roster comes."))
    registration_number = text(_("Registration number"), NAME_CHARS)
    learner_data = forms.ChoiceField(label=_("Role"), choices=ROLES)
    labels = LabelsField(label=_("Labels"), help_text=_("With commas, such as: Section 1, Extra time"))

    def __init__(self, member: Member, data: Any = None) -> None:
        values = members.values_of(member)
        initial = {**values, "labels": ", ".join(values["labels"]), "seen": changes.version_of(values)}
        super().__init__(data, initial=initial)


class MarkForm(ServiceForm):
    """What to do with the members that are marked in the list."""

    label = text(_("Label"), LABEL_CHARS)
    action = forms.ChoiceField(choices=[(one, one) for one in ("label", "unlabel", "remove", "mail")])


class AnnouncementForm(SeenForm, ZonedForm):
    """An announcement. Of one that the members have read, only the title and the text can be changed."""

    label = forms.ChoiceField(label=_("For"), widget=NamesSelect(is_name=str.isdigit))
    title = text(_("Title"), TITLE_CHARS, required=True)
    text = forms.CharField(
        label=_("Text"),
        max_length=TEXT_CHARS,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 6, "lang": ""}),
        help_text=_("In Markdown, as in a lesson: lists, links, code and formulas work."),
    )
    publish_at = LocalTimeField(label=_("From when on"), required=False)
    by_mail = forms.BooleanField(
        label=_("Also by mail"),
        required=False,
        initial=True,
        help_text=_("To those who have asked for notices by mail in their profile."),
    )

    def __init__(self, of_class: Class, data: Any = None, now: Announcement | None = None, **initial: Any) -> None:
        if now is not None:
            values = announcements.settings_of(now)
            initial = {name: values[name] for name in ("title", "text", "by_mail")}
            initial |= {"label": now.label_id or EVERYBODY, "publish_at": shown_in(of_class.zone, now.publish_at)}
            initial["seen"] = changes.version_of(values)
        super().__init__(data, initial=initial)
        self.zone = of_class.timezone
        self.fields["publish_at"].help_text = gettext("Empty: now. The time is that of the class (%(zone)s).") % {
            "zone": of_class.timezone
        }
        active = of_class.members.active()
        counted = of_class.labels.annotate(number=Count("members", filter=Q(members__in=active)))
        self.labels = {str(one.pk): one for one in counted}
        field: Any = self.fields["label"]
        field.choices = [
            ("", gettext("Choose for whom")),
            (EVERYBODY, gettext("Everybody in the class (%(number)d)") % {"number": active.count()}),
            *((key, f"{one.name} ({one.number})") for key, one in self.labels.items()),
        ]
        if not can_send_mails():
            del self.fields["by_mail"]
        if now is not None and now.sent_at is not None:
            for name in ("label", "publish_at", "by_mail"):
                self.fields.pop(name, None)

    def clean_label(self) -> Label | None:
        return self.labels.get(self.cleaned_data["label"])

    def clean_publish_at(self) -> Any:
        return self.cleaned_data["publish_at"] or timezone.now()


class ViewForm(ZonedForm):
    """As whom to look, and when. `who` is `label-KEY` or `member-KEY`; without it, it is a learner without labels."""

    who = forms.CharField(label=_("As whom"), required=False, widget=NamesSelect())
    at = LocalTimeField(label=_("At what time"), required=False)

    def __init__(self, of_class: Class, data: Any = None, who: str = "", search: str = "") -> None:
        super().__init__(data, initial={"who": who})
        self.zone = of_class.timezone
        self.fields["at"].help_text = gettext("Empty: now. What is open or due is as at that time (%(zone)s).") % {
            "zone": of_class.timezone
        }
        self.labels = {f"label-{one.pk}": one for one in of_class.labels.all()}
        self.learners = of_class.members.active().learners().select_related("user", "of_class")
        found = self.learners.matching(search).by_name().prefetch_related("labels")
        listed = list(found[:LISTED])
        chosen = self.learners.filter(pk__in=_keys_of(self["who"].value())).prefetch_related("labels")
        self.members = {f"member-{one.pk}": one for one in dict.fromkeys([*chosen, *listed])}
        self.listed, self.all = len(listed), self.learners.count()
        names = Counter(member.name for member in self.members.values())
        any_learner = ("", _("A learner without a label"))
        labels = [(key, label.name) for key, label in self.labels.items()]
        members = [
            (key, told_apart(member) if names[member.name] > 1 else member.name) for key, member in self.members.items()
        ]
        groups = [(_("A learner with the label"), labels), (_("A person"), members)]
        field: Any = self.fields["who"]
        field.widget.choices = [any_learner, *((name, choices) for name, choices in groups if choices)]

    def clean_who(self) -> str:
        who = str(self.cleaned_data["who"])
        if who and who not in self.labels and who not in self.members:
            raise forms.ValidationError(gettext("Choose somebody of the list."))
        return who


def _keys_of(who: Any) -> list[int]:
    """Returns the key of the member that a choice names, or nothing."""
    kind, _dash, key = str(who or "").partition("-")
    number = whole_number(key) if kind == "member" else None
    return [] if number is None else [number]


class FilterForm(forms.Form):
    """Which members are listed. What is not understood is left out."""

    search = forms.CharField(label=_("Search"), required=False, max_length=NAME_CHARS)
    label = forms.ModelChoiceField(
        label=_("Label"), queryset=Label.objects.none(), required=False, empty_label=_("All"), widget=NamesSelect()
    )
    state = forms.ChoiceField(
        label=_("Shown"),
        required=False,
        choices=[("", _("In the class")), ("left", _("Left")), ("new", _("No account"))],
    )

    def __init__(self, labels: Iterable[Label], data: Any) -> None:
        super().__init__(data)
        field: Any = self.fields["label"]
        field.queryset = labels

    @property
    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        return self.cleaned_data
