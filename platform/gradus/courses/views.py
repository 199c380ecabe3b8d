"""The preview of a draft, for people with a role in its course."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from gradus.courses import catalogue, preview
from gradus.courses.models import Course
from gradus.refusal import Refused


@login_required
@never_cache
def preview_begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the pages of a course as its draft has them, in this session and to this person, until they leave."""
    course = get_object_or_404(Course, slug=slug)
    try:
        draft = preview.begin(request, course)
    except Refused as refused:
        raise PermissionDenied(refused.message) from refused
    if draft is None:
        messages.info(request, _("There is no draft of this course at the moment."))
        return redirect("learn:course", slug) if _is_live(slug) else redirect("home")
    return redirect("learn:course", slug)


@login_required
@require_POST
def preview_leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows what is live again."""
    preview.end(request)
    return redirect("learn:course", slug) if _is_live(slug) else redirect("home")


def _is_live(slug: str) -> bool:
    return any(course.slug == slug for course in catalogue.live().courses)
