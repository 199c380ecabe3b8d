"""The form that says when the grades of a class are released, at one challenge or at all."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gradus.classes import changes, releases
from gradus.classes.models import Class, ReleaseRule
from gradus.courses.models import Challenge
from gradus.teach.forms import SeenForm, ZonedForm
from gradus.teach.local_times import LocalTimeField, shown_in

FOLLOWS = "class"
When = ReleaseRule.When
PROVISIONAL = ReleaseRule._meta.get_field("provisional")


class ReleaseForm(SeenForm, ZonedForm):
    """When score and details are released. For a challenge, it can also be as for the class."""

    score = forms.ChoiceField(label=_("Score"), choices=When)
    score_at = LocalTimeField(label=_("Date of the score"), required=False, help_text=_("For “At a date” only."))
    details = forms.ChoiceField(
        label=_("Details"),
        choices=When,
        help_text=_("Results of public samples, marks and comments. Learners never see them before the score."),
    )
    details_at = LocalTimeField(label=_("Date of the details"), required=False, help_text=_("For “At a date” only."))
    provisional = forms.BooleanField(label=PROVISIONAL.verbose_name, help_text=PROVISIONAL.help_text, required=False)

    def __init__(
        self, of_class: Class, rule: ReleaseRule, challenge: Challenge | None = None, data: Any = None
    ) -> None:
        self.challenge, self.zone = challenge, of_class.timezone
        settings = releases.settings_of(rule)
        initial = {**settings, "seen": changes.version_of(settings)}
        for name in ("score_at", "details_at"):
            initial[name] = shown_in(of_class.zone, settings[name])
        if challenge is not None and rule.challenge_id is None:
            initial["score"] = FOLLOWS
        super().__init__(data, initial=initial, prefix=f"of-{challenge.pk if challenge else 'all'}")
        if challenge is not None:
            as_class: Any = self.fields["score"]
            as_class.choices = [(FOLLOWS, _("As for all challenges")), *When.choices]

    @property
    def follows(self) -> bool:
        """Whether the challenge should have no rule of its own."""
        return bool(self.cleaned_data["score"] == FOLLOWS)

    def settings(self) -> dict[str, Any]:
        """Returns what the service takes."""
        return {name: self.cleaned_data[name] for name in releases.SETTINGS}
