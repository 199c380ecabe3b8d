"""How far the verification of a course's content has come on this server, shown and kept up to date by htmx."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from challenges.bundle import sha256_of
from gradus.accounts import roles
from gradus.courses import publishing, verification
from gradus.courses.bundles import BundleMissing
from gradus.courses.models import ChallengeVersion, Course, CourseVersion
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.services import Check, CheckState
from gradus.teach.views.access import account, allowed, in_course


@in_course(roles.VIEWS)
def verification_show(request: HttpRequest, course: Course, pk: int) -> HttpResponse:
    """Returns the checks of one content, or 204 while nothing has changed for a page that is open."""
    version = get_object_or_404(course.versions, pk=pk)
    if not request.headers.get("HX-Request"):
        return redirect("teach:course", course.slug)
    may = allowed(roles.scope_in(request.user, course))
    shown = verification_of(version, may["edit"])
    if request.GET.get("seen") == shown["seen"]:
        return HttpResponse(status=204)
    return render(request, "teach/_verification.html", {"course": course, "may": may, "shown": shown})


@require_POST
@in_course(roles.EDITS)
def findings_check(request: HttpRequest, course: Course, pk: int) -> HttpResponse:
    """Has the findings of the draft, or of what is live, checked by the workers."""
    current = (publishing.draft_of(course), course.versions.published().first())
    version = next((one for one in current if one is not None and one.pk == pk), None)
    if version is None:
        messages.error(request, _("This version is neither the draft nor live any more, so nothing was checked."))
        return redirect("teach:course", course.slug)
    try:
        count = services.verify_findings(version)
    except BundleMissing:
        said = _("The archive of this version was not kept, so its findings cannot be checked. Push the course again.")
        messages.error(request, said)
    else:
        said = ngettext("%(count)d run was started.", "%(count)d runs were started.", count) % {"count": count}
        messages.success(request, _("The records of the findings were checked. %(runs)s") % {"runs": said})
    return redirect("teach:course", course.slug)


def verification_of(version: CourseVersion, edits: bool) -> dict[str, Any]:
    """Returns a version with the checks of those of its challenges that are not verified or have findings to show.

    `seen` tells two states apart. Who does not edit the course (`edits`) reads nothing about single hidden rows.
    """
    held = publishing.versions_in(version)
    found = services.progress([one for one in held if one.is_draft or not one.is_verified or one.findings])
    checks_of = {pk: [one if edits else _for_viewers(one) for one in checks] for pk, checks in found.checks.items()}
    waits = [one for one in held if one.is_draft and one.goes_live]
    rows = [
        {
            "version": one,
            "checks": checks,
            "failed": sum(check.state == CheckState.FAILED for check in checks),
            "done": sum(check.has_ended for check in checks),
            "lacks": _lacking(one, edits) if one in waits and all(check.has_ended for check in checks) else [],
        }
        for one in held
        if (checks := checks_of.get(one.pk))
    ]
    states = [[one.pk, one.is_verified, *map(str, found.checks.get(one.pk, ()))] for one in held]
    return {"version": version, "progress": found, "rows": rows, "waits": waits, "seen": sha256_of(states)[:16]}


def _lacking(version: ChallengeVersion, edits: bool) -> list[str]:
    """Returns what is missing before a published challenge goes live, as the person may read it."""
    lines = verification.lacking(version)
    return lines if edits else [verification.for_viewers(line) for line in lines]


@require_POST
@in_course(roles.EDITS)
def waiting_publish(request: HttpRequest, course: Course, pk: int) -> HttpResponse:
    """Publishes a challenge that waits to be verified as it is: a question, for example, that people grade."""
    version = get_object_or_404(course.versions.published(), pk=pk)
    try:
        publishing.publish_waiting(version, by=account(request), unverified=[request.POST.get("challenge", "")])
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, _("Published as it is. Learners see that this server has not verified it."))
    return redirect("teach:course", course.slug)


def _for_viewers(check: Check) -> Check:
    return replace(check, said=verification.for_viewers(check.said))
