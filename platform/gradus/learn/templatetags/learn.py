"""Numbers as a page writes them."""

import json as json_module
import math
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.safestring import SafeString

from gradus.learn import compare

register = template.Library()


@register.filter
def score(value: float | None) -> str:
    """A score in [0, 1]: two digits, three where the step needs them."""
    if value is None:
        return ""
    text = f"{value:.3f}"
    return text[:-1] if text.endswith("0") else text


@register.filter
def share(value: float | None) -> str:
    """A probability, two digits."""
    return "" if value is None else f"{value:.2f}"


@register.filter
def percent(value: float | None) -> str:
    """A share as per cent, with enough digits for small ones."""
    if value is None:
        return ""
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.0f} %"


@register.filter
def duration(seconds: float | None) -> str:
    """Whole seconds, then minutes."""
    if seconds is None:
        return ""
    whole = math.ceil(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60} s"


@register.filter
def milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


@register.filter
def megabytes(value: float | None) -> str:
    return "" if value is None else f"{value / 1e6:.1f} MB"


@register.filter
def whole(value: datetime | None) -> datetime | None:
    """A moment rounded up to its second: fractions could tell something of hidden rows."""
    if value is None or not value.microsecond:
        return value
    return value.replace(microsecond=0) + timedelta(seconds=1)


@register.filter
def get(mapping: dict[str, object], key: str) -> object:
    return mapping.get(key, "")


@register.filter
def heat(count: int, total: int) -> int:
    """One of ten shades."""
    return round(9 * count / total) if total else 0


@register.filter
def json(value: object) -> SafeString:
    """For `<script type="application/json">`: what could end the element is escaped, as `json_script` does."""
    text = json_module.dumps(value)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04X}")
    return SafeString(text)


@register.filter
def texts(payload: dict[str, Any]) -> list[tuple[str, str]]:
    """A payload as named texts."""
    return list(compare.texts(payload).items())
