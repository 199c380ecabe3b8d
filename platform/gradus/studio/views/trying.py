"""A submission is run on the public rows of a challenge as the draft has it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.studio import trials
from gradus.studio.forms import TryForm
from gradus.studio.views.page import in_studio
from gradus.teach.views.access import account, allowed


@require_http_methods(["GET", "HEAD", "POST"])
@in_studio
def try_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows a form for a submission. A POST queues its run, whose page shows the score on the public rows."""
    tried = trials.tried_in(course).get(request.GET.get("path", "").strip("/"))
    if tried is None:
        said = _("No draft and no published version of the course has this challenge with public rows. Make a draft.")
        messages.warning(request, said)
        return redirect("studio:studio", course.slug)
    form = TryForm(tried.baselines, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given, by = form.cleaned_data, account(request)
        try:
            if given["baseline"]:
                # The page of the run shows what the file holds, which learners must not read.
                file = f"{tried.path}/{given['baseline']}"
                staff.note(StaffAction.What.HIDDEN_ROWS_READ, course, file=file)
                run = trials.run_baseline(tried, given["baseline"], by=by)
            else:
                run = trials.run_typed(tried, given["text"], by=by)
        except Refused as refused:
            form.refuse(refused)
        else:
            return redirect("learn:run", run.uuid)
    context = {
        "course": course,
        "may": allowed(roles.scope_in(request.user, course)),
        "tried": tried,
        "form": form,
        "changed": course.edits.filter(path__startswith=f"{tried.path}/").exists(),
    }
    return render(request, "studio/try.html", context, status=422 if form.errors else 200)
