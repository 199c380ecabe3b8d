"""Choices that are not the site's words, such as people's names and titles of challenges, with their language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.html import format_html

from gradus.classes.models import Member


class NamesSelect(forms.Select):
    """A list whose choices are marked with a language, by default as one that nobody knows.

    `is_name` tells by its value whether a choice is marked; without it, all but the empty one are.
    """

    def __init__(self, lang: str = "", is_name: Callable[[str], bool] = bool) -> None:
        super().__init__()
        self.lang, self.is_name = lang, is_name

    def create_option(self, name: str, value: Any, *args: Any, **given: Any) -> dict[str, Any]:
        made: dict[str, Any] = super().create_option(name, value, *args, **given)
        if self.is_name(str(value)):
            made["attrs"]["lang"] = self.lang
        return made


def as_name(person: Any) -> str:
    """Returns a person's name for a label in HTML, such as that of a box to tick."""
    return format_html('<span lang="">{}</span>', person)


def told_apart(member: Member) -> str:
    """Returns a name with what tells the member from others of the same name: the number or address, and labels."""
    known = member.registration_number or member.login or member.address
    return " · ".join(filter(None, [str(member), known, ", ".join(one.name for one in member.labels.all())]))
