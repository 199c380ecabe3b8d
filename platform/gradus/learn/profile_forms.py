"""The forms of the profile: the name on leaderboards, and a new API token."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from gradus.accounts import pseudonyms, token_rules
from gradus.accounts.models import User
from gradus.accounts.token_rules import DAYS_MAX, TOKEN_DAYS, Content, LearnerData, Scope
from gradus.validators import allowed_characters


class PseudonymForm(forms.ModelForm[User]):
    pseudonym = forms.CharField(
        label=_("Name"),
        min_length=pseudonyms.CHARS_MIN,
        max_length=pseudonyms.CHARS_MAX,
        validators=[pseudonyms.IS_NAME],
        error_messages={"unique": pseudonyms.TAKEN},
        help_text=_("Other learners see this name and nothing else of you. Choose one that does not tell who you are."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "data-mirror": "#shown-name"}),
    )

    class Meta:
        model = User
        fields = ("pseudonym",)


def ends() -> list[tuple[int, str]]:
    """When a token may end: the number of days, and what to call it."""
    numbers = (7, 30, TOKEN_DAYS, 180)
    named = [(days, ngettext("after %(days)d day", "after %(days)d days", days) % {"days": days}) for days in numbers]
    return [*named, (DAYS_MAX, gettext("after a year"))]


class TokenForm(forms.Form):
    """What staff and teachers may do beside their own work is offered to them. What is left out is as it begins."""

    name = forms.CharField(
        max_length=80,
        label=_("What is it for?"),
        help_text=_("For example “laptop”."),
        validators=[allowed_characters],
    )
    days = forms.ChoiceField(
        choices=ends,
        initial=TOKEN_DAYS,
        label=_("When does it end?"),
    )
    content = forms.ChoiceField(
        choices=Content,
        initial=Content.NONE,
        label=_("Course content"),
        help_text=_("Lessons, challenges and their versions."),
    )
    learner_data = forms.ChoiceField(
        choices=LearnerData,
        initial=LearnerData.NONE,
        label=_("Learner data"),
        help_text=_("Other people's answers and grades."),
    )

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(None if data is None else self.completed(data))
        for axis, widest in vars(user.widest_scope).items():
            levels = [level for level in type(widest) if token_rules.rank(level) <= token_rules.rank(widest)]
            self.fields[axis].choices = [(level.value, level.label) for level in levels]  # type: ignore[attr-defined]
            if len(levels) == 1:
                self.fields[axis].widget = forms.HiddenInput()

    @classmethod
    def completed(cls, data: QueryDict) -> QueryDict:
        """A script that posts the name alone gets a token as it begins."""
        whole = data.copy()
        for name, field in cls.base_fields.items():
            if field.initial is not None:
                whole.setdefault(name, str(field.initial))
        return whole

    @property
    def scope(self) -> Scope:
        return Scope(Content(self.cleaned_data["content"]), LearnerData(self.cleaned_data["learner_data"]))
