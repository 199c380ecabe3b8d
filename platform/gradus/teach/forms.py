"""The forms with which owners invite people and change their roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gradus.accounts.models import Enrolment
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.refusal import Refused
from gradus.validators import allowed_characters


class LevelsForm(forms.Form):
    content = forms.ChoiceField(label=_("Course content"), choices=Content, initial=Content.NONE)
    learner_data = forms.ChoiceField(label=_("Learner data"), choices=LearnerData, initial=LearnerData.NONE)

    @property
    def scope(self) -> Scope:
        return Scope(Content(self.cleaned_data["content"]), LearnerData(self.cleaned_data["learner_data"]))

    def refuse(self, refused: Refused) -> None:
        """Shows the message beside the field that it is about."""
        field = refused.problems[0]["field"] if refused.problems else None
        self.add_error(field if field in self.fields else None, refused.message)


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
