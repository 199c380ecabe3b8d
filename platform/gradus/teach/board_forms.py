"""The forms for the moderation of leaderboards: which entries it shows, and the reason of a decision."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from gradus.courses.models import Course
from gradus.reviews.services.regrades import NOTE_CHARS
from gradus.submissions.models.board_decisions import REASON_CHARS, SEASON_TITLE_CHARS
from gradus.teach.board_entries import SHOWS
from gradus.teach.forms import ServiceForm, ZonedForm, text
from gradus.teach.local_times import LocalTimeField, shown_in

SEARCH_CHARS = 100


class FilterForm(forms.Form):
    """Which entries the page of a board shows. What cannot be understood is left out, because an address may be old."""

    show = forms.ChoiceField(label=_("Entries"), choices=list(SHOWS.items()), required=False)
    search = text(
        _("Name on leaderboards"),
        SEARCH_CHARS,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="filter-%s")
        self.label_suffix = ""
        self.full_clean()
        self.shown: str = self.cleaned_data.get("show", "")
        self.wanted: str = self.cleaned_data.get("search", "").strip()
        # The paginator takes any text.
        self.page: str = data.get("page", "")


class SeasonForm(ServiceForm):
    """The title of a season that begins."""

    title = text(
        _("Title of the new season"), SEASON_TITLE_CHARS, help_text=_("Such as “Spring 2027”. Learners read it.")
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="season-%s")
        self.label_suffix = ""


class DatesForm(ZonedForm):
    """When all leaderboards of a course close, and when they show their final ranks."""

    frozen_at = LocalTimeField(
        label=_("Leaderboards close"), required=False, help_text=_("Attempts after that have no rank. Empty: never.")
    )
    reveal_at = LocalTimeField(
        label=_("Final ranks are shown"), required=False, help_text=_("Empty: as soon as the leaderboards have closed.")
    )

    def __init__(self, course: Course, data: Any = None) -> None:
        self.zone, zone = course.timezone, ZoneInfo(course.timezone)
        now = {name: shown_in(zone, getattr(course, name)) for name in ("frozen_at", "reveal_at")}
        super().__init__(data, initial=now, auto_id="dates-%s")
        self.label_suffix = ""


class ReasonForm(ServiceForm):
    """A decision with its reason. `about` tells the forms of one page apart, and `reader` says who reads the reason."""

    def __init__(self, about: str, data: Any, *, label: Any, reader: Any, most: int = REASON_CHARS) -> None:
        super().__init__(data, auto_id=f"{about}-%s")
        self.label_suffix = ""
        self.about = about
        self.fields["reason"] = text(label, most, help_text=reader, widget=forms.Textarea(attrs={"rows": 2}))

    @classmethod
    def flag(cls, data: Any = None) -> ReasonForm:
        reader = _("It changes nothing. People who see answers of this course read it; the learner never does.")
        return cls("flag", data, label=_("Note for staff"), reader=reader)

    @classmethod
    def hide(cls, data: Any = None) -> ReasonForm:
        reader = _("The learner gets it at once in a notice, and may answer once.")
        return cls("hide", data, label=_("Reason for hiding it, for the learner"), reader=reader)

    @classmethod
    def regrade(cls, attempt: int = 0, data: Any = None) -> ReasonForm:
        """The form for one attempt, or for all of the learner."""
        reader = _("It stands with the shadow run. The learner does not read it.")
        return cls(f"regrade-{attempt}", data, label=_("Reason for grading again"), reader=reader, most=NOTE_CHARS)

    @classmethod
    def annul(cls, attempt: int, data: Any = None) -> ReasonForm:
        return cls(
            f"annul-{attempt}",
            data,
            label=_("Reason for annulling it, for the learner"),
            reader=_("The learner gets it at once in a notice."),
        )
