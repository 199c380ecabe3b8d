"""Template filters about the members of a class."""

from __future__ import annotations

from django import template

from gradus.accounts.models import User
from gradus.classes import joining
from gradus.classes.models import Class

register = template.Library()
register.filter("can_leave", joining.can_leave)


@register.filter
def name_in(user: User | None, of_class: Class) -> str:
    """The name under which people of a class know somebody who teaches it; empty without an account."""
    return of_class.name_of(user) if user else ""
