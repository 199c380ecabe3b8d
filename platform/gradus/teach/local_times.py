"""Fields of forms for times in the zone of a class."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from gradus.classes import times

# What browsers send for `datetime-local`, and what a person may type where the browser has no such field.
FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def parsed(text: str) -> datetime | None:
    """Returns the local time, or None if the text is no time. Raises ValidationError for a year of no class."""
    for form in FORMATS:
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        try:
            return times.in_years(found)
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from None
    return None


class LocalTimeField(forms.DateTimeField):
    """A local time, as a `datetime` without a zone. A `ZonedForm` makes it a moment."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "placeholder": "2026-10-05 09:00"}, format=FORMATS[0])
    input_formats = FORMATS

    def to_python(self, value: Any) -> datetime | None:
        # Django would read it in the time zone of the site.
        text = str(value or "").strip()
        if not text:
            return None
        if (found := parsed(text)) is None:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return found

    def prepare_value(self, value: Any) -> Any:
        return value


def shown_in(zone: ZoneInfo, moment: datetime | None) -> datetime | None:
    """Returns a moment as the initial value of a `LocalTimeField`."""
    return moment.astimezone(zone).replace(tzinfo=None) if moment else None
