"""The list of the courses in which a person has a role, the page of one of them, and who may open it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts import roles
from gradus.accounts.models import EVERYTHING, User
from gradus.accounts.token_rules import LEARNER, Scope
from gradus.classes import membership
from gradus.courses import catalogue, differences, listing, publishing
from gradus.courses.models import Course, CourseVersion
from gradus.teach.views.access import account, allowed, has_role, in_course
from gradus.teach.views.verification import verification_of

# The versions that a course's page lists, and the classes that the list of courses does.
NEWEST = 10


@login_required
def course_list(request: HttpRequest) -> HttpResponse:
    """Lists the courses in which the person has a role, with what the person may do there."""
    user = account(request)
    if not user.has_role:
        raise Http404
    found = list(Course.objects.filter(has_role(user)).order_by("title", "slug"))
    levels = {one.course_id: one.scope for one in user.enrolments.all()}
    drafts = {one.course_id: one for one in CourseVersion.objects.drafts().filter(course__in=found)}
    rows: list[dict[str, Any]] = [
        {"course": one, "scope": levels.get(one.pk), "may": may_of(user, one, levels), "draft": drafts.get(one.pk)}
        for one in found
    ]
    context = {"rows": rows, "may_create": user.may_create_courses or user.is_staff}
    context["sees_boards"] = any(row["may"]["review"] for row in rows)
    context["classes"] = membership.taught_by(user).select_related("course").order_by("-pk")[:NEWEST]
    return render(request, "teach/courses.html", context)


def may_of(user: User, course: Course, levels: dict[int, Scope]) -> dict[str, bool]:
    scope = EVERYTHING if user.is_staff else levels[course.pk]
    return allowed(scope)


@in_course()
def course_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows what is live, the draft and how far its verification is, and the newest versions."""
    scope = roles.scope_in(request.user, course)
    may = allowed(scope)
    context: dict[str, Any] = {"course": course, "scope": scope, "may": may}
    context["is_member"] = account(request).enrolments.filter(course=course).exclude(**vars(LEARNER)).exists()
    draft = publishing.draft_of(course) if may["preview"] else None
    context["draft"] = draft
    if may["view"]:
        versions = list(course.versions.select_related("pushed_by", "published_by")[:NEWEST])
        context |= {"versions": versions, "live": course.versions.published().first()}
        if context["live"] is not None:
            context["live_verification"] = verification_of(context["live"], may["edit"])
    if draft is not None and may["view"]:
        found = draft.difference if may["edit"] else differences.for_viewers(draft.difference)
        context["changes"] = found.get("lines", [])
        context["draft_verification"] = verification_of(draft, may["edit"])
    live = next((one for one in catalogue.live().courses if one.pk == course.pk), None)
    context["is_open"] = live is not None
    if may["view"] or may["review"]:
        context["lessons"] = live.current_lessons if live else []
    return render(request, "teach/course.html", context)


@require_POST
@in_course(roles.OWNS)
def listing_change(request: HttpRequest, course: Course) -> HttpResponse:
    """Says who may open the course and who finds it in lists."""
    chosen = request.POST.get("listing", "")
    if chosen in Course.Listing.values:
        listing.change(course, Course.Listing(chosen), by=account(request))
        messages.success(request, _("Saved: who may open the course."))
    else:
        messages.warning(request, _("Choose one of the three."))
    return redirect("teach:course", course.slug)
