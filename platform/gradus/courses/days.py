"""The day that a limit by day belongs to. Every such limit asks here, so that all days begin at the same midnight."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone


def today(zone: str) -> date:
    """The date in `zone`, an IANA name such as `Pacific/Auckland`; a course's own is `Course.timezone`."""
    return timezone.now().astimezone(ZoneInfo(zone)).date()


def seconds_to_midnight(zone: str) -> int:
    """Whole seconds until the next day begins in `zone`, at least 1; right also on a day when clocks are changed."""
    midnight = datetime.combine(today(zone) + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    # Two times of one zone are subtracted as a wall clock shows them, without the hour that a change adds or takes.
    return max(1, int((midnight.astimezone(UTC) - timezone.now()).total_seconds()))
