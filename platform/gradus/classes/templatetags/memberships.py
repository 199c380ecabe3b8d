"""Template filters about the members of a class."""

from __future__ import annotations

from django import template

from gradus.classes import joining

register = template.Library()
register.filter("can_leave", joining.can_leave)
