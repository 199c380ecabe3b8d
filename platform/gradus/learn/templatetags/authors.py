"""The links that people who write or teach a course see on its pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course, Lesson

register = template.Library()


@register.inclusion_tag("learn/_author_links.html", takes_context=True)
def author_links(context: Any, course: Course, lesson: Lesson | None = None, challenge: Challenge | None = None) -> Any:
    """Links to the studio for those who may edit, and to a challenge's figures for those who may see them."""
    user = getattr(context.get("request"), "user", None)
    # `has_role` is cached for the request, so most people cost no further query.
    if not isinstance(user, User) or not user.has_role:
        return {}
    scope = roles.scope_in(user, course)
    studio = reverse("studio:studio", args=[course.slug])
    path = "/".join(one.name for one in (lesson, challenge) if one is not None)
    file = "" if lesson is None else f"file/?{urlencode({'path': f'{path}/{_text_of(challenge)}'})}"
    figures = scope.includes(roles.VIEWS) or scope.includes(roles.SEES_ANSWERS)
    return {
        "edit": studio + file if scope.includes(roles.EDITS) else "",
        "figures": reverse("teach:health", args=[challenge.slug]) if challenge is not None and figures else "",
    }


def _text_of(challenge: Challenge | None) -> str:
    return "lesson.md" if challenge is None else "statement.md"
