"""How far the clock of another server is from ours: tokens that it signs say when they begin and end."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import httpx
from django.utils import timezone


def skew(headers: httpx.Headers) -> float | None:
    """Returns by how many seconds the server's clock is ahead of ours, or None if its answer does not say the time."""
    try:
        said = parsedate_to_datetime(headers["Date"])
        return (said - timezone.now()).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None
