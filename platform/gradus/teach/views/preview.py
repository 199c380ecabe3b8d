"""The preview of a draft, for people with a role in its course; see `gradus.courses.preview`."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts import roles
from gradus.courses import catalogue, preview
from gradus.courses.models import Course
from gradus.teach.views.access import in_course


@in_course(roles.PREVIEWS)
def preview_begin(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows the pages of the course as its draft has them, in this session and to this person, until they leave."""
    if preview.begin(request, course) is None:
        messages.info(request, _("There is no draft of this course at the moment."))
        return redirect("teach:course", course.slug)
    return redirect("learn:course", course.slug)


@login_required
@require_POST
def preview_leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows what is live again, also to a person who has lost the role meanwhile."""
    preview.end(request)
    if any(course.slug == slug for course in catalogue.live().courses):
        return redirect("learn:course", slug)
    course = Course.objects.filter(slug=slug).first()
    may_see = course is not None and roles.may(request.user, course, roles.PREVIEWS)
    return redirect("teach:course", slug) if may_see else redirect("home")
