"""Numbers of the page about costs: amounts of money, and how far a number varies."""

from collections.abc import Callable

from django import template
from django.utils.html import format_html
from django.utils.translation import gettext as _

from gradus.intervals import Spread
from gradus.learn.costs.comparison import is_compared
from gradus.learn.costs.entries import Entry

register = template.Library()
register.filter("is_compared", is_compared)


@register.filter
def whose(entry: Entry) -> str:
    """Whose result it is, as part of a sentence."""
    if entry.is_own:
        return _("your best attempt")
    return format_html(_("the author's {name}"), name=format_html('<span lang="en">“{}”</span>', entry.name))


@register.filter
def amount(value: object) -> str:
    """An amount of money, with four decimals where it is less than 1."""
    if not isinstance(value, int | float):
        return ""
    if 0 < value < 0.00005:
        return "< 0.0001"
    return f"{value:,.2f}" if value >= 1 or value == 0 else f"{value:.4f}"


@register.filter
def number(value: object) -> str:
    """A count, with a decimal where it is small."""
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


@register.filter
def amounts(spread: object) -> str:
    """The ends of a spread of money; nothing where it has none, or both are written alike."""
    return _ends(spread, amount)


@register.filter
def numbers(spread: object) -> str:
    """The ends of a spread of counts."""
    return _ends(spread, number)


@register.filter
def ends(interval: object) -> str:
    """The ends of a score's interval, two digits each."""
    if not isinstance(interval, tuple):
        return ""
    low, high = (f"{end:.2f}" for end in interval)
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def _ends(spread: object, write: Callable[[object], str]) -> str:
    if not isinstance(spread, Spread) or spread.low is None or spread.high is None:
        return ""
    low, high = write(max(0.0, spread.low)), write(spread.high)
    return "" if low == high else _("%(low)s to %(high)s") % {"low": low, "high": high}
