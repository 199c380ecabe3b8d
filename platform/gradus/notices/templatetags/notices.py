"""The number of new notices, for the header of each page."""

from collections.abc import Mapping
from typing import Any

from django import template

from gradus.notices.models import Notice

register = template.Library()


@register.simple_tag(takes_context=True)
def unseen_notices(context: Mapping[str, Any]) -> int:
    """How many notices the learner has not seen. A page that reports an error may have no learner."""
    user = context.get("learner")
    return Notice.objects.of(user).unseen().count() if user else 0
