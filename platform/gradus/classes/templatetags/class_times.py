"""Template filters for times in the zone of a class, and for shares in percent."""

from __future__ import annotations

from datetime import datetime

from django import template

from gradus.classes import times

register = template.Library()


@register.filter
def in_zone(moment: datetime | None, zone: str) -> str:
    """Returns a time such as "1 Dec 2026, 23:59 (Europe/Vienna)", or an empty text for None."""
    return times.shown(moment, zone) if moment else ""


@register.filter
def as_percent(credit: float | None) -> str:
    """Returns a share of 0.5 as "50 %", and an empty text for None."""
    return "" if credit is None else times.percent(credit)
