"""The bell in the header of each page, and the titles of challenges in notices."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gradus.notices import bell

register = template.Library()


@register.simple_tag(takes_context=True)
def bell_of(context: Mapping[str, Any]) -> bell.Bell | None:
    """What the bell shows the learner; None for a visitor who has done nothing."""
    user = context.get("learner")
    return bell.of(user) if user else None


@register.filter
def english(title: str) -> SafeString:
    """A title of a course, marked as English so that screen readers read it with the right voice."""
    return format_html('<span lang="en">{}</span>', title)
