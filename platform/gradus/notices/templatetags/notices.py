"""The bell in the header of each page."""

from collections.abc import Mapping
from typing import Any

from django import template

from gradus.notices import bell

register = template.Library()


@register.simple_tag(takes_context=True)
def bell_of(context: Mapping[str, Any]) -> bell.Bell | None:
    """What the bell shows the learner; None for a visitor who has done nothing."""
    user = context.get("learner")
    return bell.of(user) if user else None
