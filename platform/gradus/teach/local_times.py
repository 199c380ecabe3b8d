"""Fields of forms for times in the zone of a class."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

# What browsers send for `datetime-local`, and what a person may type where the browser has no such field.
FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")

# Far from the ends of what a `datetime` can be, which another zone would cross.
YEARS = range(1970, 2200)


def in_zone(local: datetime, zone: ZoneInfo) -> datetime:
    """Returns the moment of a local time without a zone.

    Of a time that comes twice or never, because clocks are changed, it is the later reading.
    """
    readings = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return max(one.astimezone(UTC) for one in readings)


class LocalTimeField(forms.DateTimeField):
    """A local time, as a `datetime` without a zone. `in_zone` makes it a moment."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "placeholder": "2026-10-05 09:00"}, format=FORMATS[0])
    input_formats = FORMATS

    def to_python(self, value: Any) -> datetime | None:
        # Django would read it in the time zone of the site.
        text = str(value or "").strip()
        if not text:
            return None
        for form in FORMATS:
            try:
                found = datetime.strptime(text, form)
            except ValueError:
                continue
            if found.year in YEARS:
                return found
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")

    def prepare_value(self, value: Any) -> Any:
        return value


def shown_in(zone: ZoneInfo, moment: datetime | None) -> datetime | None:
    """Returns a moment as the initial value of a `LocalTimeField`."""
    return moment.astimezone(zone).replace(tzinfo=None) if moment else None
