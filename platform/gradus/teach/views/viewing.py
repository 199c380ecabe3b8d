"""The page on which somebody who teaches chooses as whom to look at the site; see `gradus.teach.viewing`."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.classes.models import Class
from gradus.refusal import Refused
from gradus.teach import viewing
from gradus.teach.class_forms import ViewForm
from gradus.teach.views.access import in_class
from gradus.teach.views.classes import shared


@in_class()
def view_as(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Asks as whom and when. A POST begins."""
    data, search = request.POST if request.method == "POST" else None, request.GET.get("search", "")[:120]
    form = ViewForm(of_class, data, request.GET.get("who", ""), search)
    status = 200
    if request.method == "POST" and form.is_valid():
        who = form.cleaned_data["who"]
        try:
            member, label = form.members.get(who), form.labels.get(who)
            viewing.begin(request, of_class, member, label, form.cleaned_data["at"])
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
        else:
            return redirect("learn:course", of_class.course.slug)
    elif form.errors:
        status = 422
    context = {**shared(request, of_class, "view_as"), "form": form, "search": search}
    return render(request, "teach/classes/view_as.html", context, status=status)


@login_required
@require_POST
def view_as_stop(request: HttpRequest) -> HttpResponse:
    """Shows the site again as what the person is."""
    of_class = viewing.end(request)
    if of_class is None:
        return redirect("home")
    messages.success(request, _("You no longer look at the site as a learner."))
    return redirect("teach:class", of_class.pk)
