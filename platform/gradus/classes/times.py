"""Converts times between UTC and the time zone of a class, in which people type and read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils import formats


def read(given: datetime, zone: str, *, later: bool = True) -> datetime:
    """Returns a time in UTC. A naive time is a local time in `zone`.

    When clocks are put back, a local time occurs twice; when they are put forward, it never occurs. It is then read as
    the later of two moments or, with `later=False`, as the earlier one. The caller chooses what is better for learners.
    """
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    moments = (given.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(moments) if later else min(moments)


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


def shown(moment: datetime, zone: str) -> str:
    """Returns a time in `zone` as text, such as "1 Dec 2026, 23:59 (Europe/Vienna)"."""
    return f"{formats.date_format(local(moment, zone), 'DATETIME_FORMAT')} ({zone})"
