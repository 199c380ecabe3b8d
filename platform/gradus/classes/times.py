"""Reads and writes times of a class, which people give and see in the time zone of the class."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils import formats


def read(given: datetime, zone: str, *, later: bool = True) -> datetime:
    """Returns a time in UTC. Without a time zone of its own, it is one of the clocks in `zone`.

    Where the clocks are put back, a time comes twice, and where they are put forward, a time is left out. It is then
    read as the later of two moments, or with `later=False` as the earlier one: whatever is better for learners.
    """
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    moments = (given.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(moments) if later else min(moments)


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


def shown(moment: datetime, zone: str) -> str:
    """Returns a time as people in the class read it, such as "1 Dec 2026, 23:59 (Europe/Vienna)"."""
    return f"{formats.date_format(local(moment, zone), 'DATETIME_FORMAT')} ({zone})"
