"""Messages beside the field that they are about. A field's message has the id `<id of the field>-problem`."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString

from gradus.learn.form_problems import Problem

register = template.Library()
# The list beside the buttons has all of them.
SHOWN = 3


@register.inclusion_tag("learn/_field_problems.html", takes_context=True)
def problems_at(context: Mapping[str, Any], control: str, *, swap: bool = False) -> dict[str, Any]:
    """The messages about the field with the id `control`; an empty place for them where there are none."""
    about = _about(context, control)
    return {"control": control, "shown": about[:SHOWN], "more": len(about[SHOWN:]), "swap": swap}


@register.simple_tag(takes_context=True)
def invalid(context: Mapping[str, Any], control: str) -> SafeString:
    """Attributes of a field: a browser without scripts goes to the first field that wants the focus."""
    return SafeString('aria-invalid="true" autofocus' if _about(context, control) else "")


@register.filter
def controls(problems: Iterable[Problem]) -> list[str]:
    """The fields that problems are about, each once."""
    return list(dict.fromkeys(problem.control for problem in problems if problem.control))


def _about(context: Mapping[str, Any], control: str) -> list[Problem]:
    return [problem for problem in context.get("problems") or () if problem.control == control]
