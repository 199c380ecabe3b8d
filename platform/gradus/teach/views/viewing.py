"""The page on which somebody who teaches chooses as whom to look at the site; see `gradus.teach.viewing`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from gradus.classes.models import Class
from gradus.refusal import Refused
from gradus.teach import viewing
from gradus.teach.class_forms import ServiceForm
from gradus.teach.local_times import LocalTimeField, in_zone
from gradus.teach.views.access import in_class
from gradus.teach.views.classes import shared
from gradus.teach.widgets import NamesSelect


class ViewForm(ServiceForm):
    """As whom to look, and when. `who` is `label-KEY` or `member-KEY`; without it, it is a learner without labels."""

    who = forms.ChoiceField(label=_("As whom"), required=False, widget=NamesSelect())
    at = LocalTimeField(label=_("At what time"), required=False)

    def __init__(self, of_class: Class, data: Any = None, who: str = "") -> None:
        super().__init__(data, initial={"who": who})
        self.zone = of_class.zone
        self.fields["at"].help_text = _("Empty: now. What is open or due is as at that time (%(zone)s).") % {
            "zone": of_class.timezone
        }
        self.labels = {f"label-{one.pk}": one for one in of_class.labels.all()}
        found = of_class.members.active().learners().select_related("user", "of_class")
        self.members = {f"member-{one.pk}": one for one in found.order_by("last_name", "first_name", "pk")}
        any_learner = ("", _("A learner without a label"))
        labels = [(key, label.name) for key, label in self.labels.items()]
        members = [(key, member.name) for key, member in self.members.items()]
        groups = [(_("A learner with the label"), labels), (_("A person"), members)]
        field: Any = self.fields["who"]
        field.choices = [any_learner, *((name, choices) for name, choices in groups if choices)]

    def clean_at(self) -> Any:
        return in_zone(self.cleaned_data["at"], self.zone) if self.cleaned_data["at"] else None


@in_class()
def view_as(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Asks as whom and when. A POST begins."""
    form = ViewForm(of_class, request.POST if request.method == "POST" else None, request.GET.get("who", ""))
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
    return render(request, "teach/classes/view_as.html", {**shared(request, of_class), "form": form}, status=status)


@login_required
@require_POST
def view_as_stop(request: HttpRequest) -> HttpResponse:
    """Shows the site again as what the person is."""
    of_class = viewing.end(request)
    if of_class is None:
        return redirect("home")
    messages.success(request, _("You no longer look at the site as a learner."))
    return redirect("teach:class", of_class.pk)
