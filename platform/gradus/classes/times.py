"""Converts times between UTC and the time zone of a class, in which people type and read them; and writes shares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.utils import formats
from django.utils.translation import gettext as _

from gradus.refusal import wrong

# Far from the ends of what a `datetime` can be, which another zone would cross.
YEARS = range(1970, 2200)
# Times from which on learners may do or see more. A local time that occurs twice or never is read in their favour.
OPENINGS = {"begins_at", "publish_at", "release_at", "score_at", "details_at"}


def in_years(given: datetime) -> datetime:
    """Returns the time. Raises ValueError if its year is not in `YEARS`."""
    if given.year not in YEARS:
        raise ValueError(_("Write a year from %(first)d to %(last)d.") % {"first": YEARS[0], "last": YEARS[-1]})
    return given


def read(given: datetime, zone: str, *, later: bool = True) -> datetime:
    """Returns a time in UTC. A naive time is a local time in `zone`.

    When clocks are put back, a local time occurs twice; when they are put forward, it never occurs. It is then read as
    the later of two moments or, with `later=False`, as the earlier one. The caller chooses what is better for learners.

    Raises:
        ValueError: the year is not in `YEARS`.
    """
    in_years(given)
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    moments = (given.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(moments) if later else min(moments)


def read_all(given: Mapping[str, Any], zone: str, field: str = "") -> dict[str, Any]:
    """Returns the values, by the names of their fields, with every time in UTC. If the zone is unknown, times are None.

    The service that gets the values refuses the zone then.

    Raises:
        Refused: 422, `range`: a year is not in `YEARS`. The problem is beside `field`, by default that of the time.
    """
    known, found = zone in available_timezones(), dict(given)
    for name, value in given.items():
        if not isinstance(value, datetime):
            continue
        try:
            found[name] = read(value, zone, later=name not in OPENINGS) if known else None
        except ValueError as error:
            raise wrong(field or name, str(error), "range") from None
    return found


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


def shown(moment: datetime, zone: str) -> str:
    """Returns a time in `zone` as text, such as "1 Dec 2026, 23:59 (Europe/Vienna)"."""
    return f"{plain(moment, zone)} ({zone})"


def plain(moment: datetime, zone: str) -> str:
    """Returns a time in `zone` as text without the zone, for pages that name it elsewhere."""
    return formats.date_format(local(moment, zone), "DATETIME_FORMAT")


def percent(share: float) -> str:
    """Returns a share of 0.5 as "50 %"."""
    return f"{round(100 * share, 2):g} %"
