"""What the forms for teachers share, and the forms with which owners invite people and change their roles."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from gradus.accounts.models import Enrolment
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.classes import times
from gradus.refusal import Refused
from gradus.validators import allowed_characters


def text(label: Any, most: int, *, required: bool = False, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=most, required=required, validators=[allowed_characters], **more)


class ServiceForm(forms.Form):
    """A form for a service, which may refuse what the form has found right."""

    def refuse(self, refused: Refused) -> None:
        """Shows each problem of a refusal beside the field that it is about."""
        # Django adds problems only to a form that has read what was sent.
        self.is_valid()
        for problem in refused.problems or [{"field": None, "message": refused.message}]:
            field = problem["field"]
            self.add_error(field if field in self.fields else None, problem["message"])


class SeenForm(ServiceForm):
    """A form that sends back what the person saw, so that nobody overwrites a change unseen."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def see(self, now: str) -> None:
        """Sends `now` back from now on: who has read what it is now, and saves again, means it."""
        self.data = {**dict(self.data.items()), self.add_prefix("seen"): now}


class ZonedForm(ServiceForm):
    """A form whose times are local ones in `zone`. When it is cleaned, they are in UTC."""

    zone = ""

    def clean(self) -> dict[str, Any]:
        super().clean()
        return times.read_all({**self.cleaned_data, **self._unedited()}, self.zone)

    def _unedited(self) -> dict[str, datetime]:
        """Returns the times that came back as they were shown, with the seconds that a browser does not show."""
        if self.zone not in available_timezones():
            return {}
        found = {}
        for name, sent in self.cleaned_data.items():
            shown = self.initial.get(name)
            if isinstance(sent, datetime) and isinstance(shown, datetime) and _to_the_minute(shown) == sent:
                found[name] = shown.replace(tzinfo=ZoneInfo(self.zone))
        return found


def _to_the_minute(shown: datetime) -> datetime:
    return shown.replace(second=0, microsecond=0, fold=0)


class LevelsForm(ServiceForm):
    content = forms.ChoiceField(label=_("Course content"), choices=Content, initial=Content.NONE)
    learner_data = forms.ChoiceField(label=_("Learner data"), choices=LearnerData, initial=LearnerData.NONE)

    @property
    def scope(self) -> Scope:
        return Scope(Content(self.cleaned_data["content"]), LearnerData(self.cleaned_data["learner_data"]))


class RoleForm(LevelsForm):
    """The levels of one person on the page. Each has ids of its own, because the page has many."""

    def __init__(self, role: Enrolment, data: Any = None) -> None:
        levels = {"content": role.content, "learner_data": role.learner_data}
        super().__init__(data, initial=levels, auto_id=f"role-{role.pk}-%s")


class InviteForm(LevelsForm):
    email = forms.EmailField(
        label=_("Email address"),
        help_text=_("The invitation works only for an account with this address, once it is confirmed there."),
        validators=[allowed_characters],
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("email", "content", "learner_data")
