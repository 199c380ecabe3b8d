"""A template tag with what the site knows of each provider of sign-in."""

from __future__ import annotations

from django import template

from gradus.sign_in.status import Status, statuses

register = template.Library()


@register.simple_tag
def sign_in_statuses() -> list[Status]:
    return list(statuses())
