"""Says which day it is for a limit by day. All such limits use it, so that their days begin at the same midnight."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone


def today(zone: str) -> date:
    """Returns the date in `zone`, an IANA name such as `Pacific/Auckland`. A course has its zone in `timezone`."""
    return timezone.now().astimezone(ZoneInfo(zone)).date()


def seconds_to_midnight(zone: str) -> int:
    """Returns the whole seconds, at least 1, until the next day begins in `zone`, also when clocks are changed."""
    return seconds_to(today(zone) + timedelta(days=1), zone)


def midnight(day: date, zone: str) -> datetime:
    """Returns when the day begins in `zone`."""
    return datetime.combine(day, datetime.min.time(), ZoneInfo(zone))


def seconds_to(day: date, zone: str) -> int:
    """Returns the whole seconds, at least 1, until the day begins in `zone`, also when clocks are changed."""
    # Python subtracts two times of the same zone as wall-clock times, which would miss the hour that a change of clocks
    # adds or removes. So both are converted to UTC.
    return max(1, int((midnight(day, zone).astimezone(UTC) - timezone.now()).total_seconds()))
