"""The page *Workers* of the admin: which machines work for the site, and how another one joins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from gradus.accounts.models import User
from gradus.courses import days
from gradus.fleet import tokens
from gradus.fleet.machines import COUNTED_DAYS, machines
from gradus.fleet.models import LANES, NAME_MAX, WorkerToken
from gradus.refusal import Refused
from gradus.validators import allowed_characters

LANE_TITLES = {
    "interactive": gettext_lazy("interactive: runs that a learner waits for on the page"),
    "grade": gettext_lazy("grade: attempts without training"),
    "train": gettext_lazy("train: attempts that train a model"),
}
# Of the service's field, that of the form.
FIELDS = {"name": "name", "lanes": "lanes", "ends_at": "ends_on"}


def last_day() -> date:
    return days.today(settings.TIME_ZONE) + timedelta(days=tokens.DAYS_MAX)


def usual_day() -> date:
    return days.today(settings.TIME_ZONE) + timedelta(days=tokens.USUAL_DAYS)


class JoinForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_MAX,
        validators=[allowed_characters],
        help_text=gettext_lazy("Of the characters a-z, 0-9 and “-”, such as gpu-1. It cannot be changed."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    lanes = forms.MultipleChoiceField(
        label=gettext_lazy("Lanes"),
        choices=[(lane, LANE_TITLES[lane]) for lane in LANES],
        initial=["grade", "train"],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one lane.")},
    )
    ends_on = forms.DateField(
        label=gettext_lazy("Last day"),
        initial=usual_day,
        help_text=gettext_lazy("The token works until the end of this day, at most two years from now."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_ends_on(self) -> date:
        day: date = self.cleaned_data["ends_on"]
        if day <= days.today(settings.TIME_ZONE):
            raise forms.ValidationError(_("Choose a day in the future."))
        if day > last_day():
            raise forms.ValidationError(_("Choose a day within the next two years."))
        return day

    def make(self, by: User) -> str:
        """Returns the secret, or "" where the service has refused, which then stands beside the fields."""
        given = self.cleaned_data
        ends_at = datetime.combine(given["ends_on"], time.max, timezone.get_current_timezone())
        try:
            return tokens.make(given["name"], given["lanes"], ends_at, by)[1]
        except Refused as refused:
            for problem in refused.problems:
                self.add_error(FIELDS[problem["field"]], problem["message"])
            return ""


@require_http_methods(["GET", "HEAD", "POST"])
def workers_page(request: HttpRequest) -> HttpResponse:
    """All machines, and the form with which another one joins. `admin_view` lets only staff come here.

    The answer to the POST is the only one that holds the secret.
    """
    user = _account(request)
    may = {name: user.has_perm(f"fleet.{name}_workertoken") for name in ("view", "add", "change")}
    if not any(may.values()) or (request.method == "POST" and not may["add"]):
        raise PermissionDenied
    form = JoinForm(request.POST if request.method == "POST" else None)
    secret = form.make(user) if form.is_valid() else ""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Workers"),
        "machines": machines(),
        "days": COUNTED_DAYS,
        "may_change": may["change"],
        "form": (JoinForm() if secret else form) if may["add"] else None,
        "secret": secret,
        "joined": form.cleaned_data["name"] if secret else "",
        "site": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "fleet/workers.html", context, status=422 if form.errors else 200)


ACTS: dict[str, Callable[[WorkerToken, User], bool]] = {
    "drain": lambda token, by: tokens.drain(token, True, by=by),
    "resume": lambda token, by: tokens.drain(token, False, by=by),
    "release": lambda token, by: tokens.release(token, by=by),
    "revoke": lambda token, by: tokens.revoke(token, by=by),
}
DONE = {
    "drain": gettext_lazy("“%(name)s” gets no new jobs, and ends those that it has."),
    "resume": gettext_lazy("“%(name)s” gets jobs again."),
    "release": gettext_lazy("“%(name)s” is released: the next machine that uses its token keeps it."),
    "revoke": gettext_lazy("The token of “%(name)s” was revoked, and its jobs are in the queue again."),
}


@permission_required("fleet.change_workertoken", raise_exception=True)
@require_POST
def worker_change(request: HttpRequest, name: str) -> HttpResponse:
    """Does one of `ACTS` to the token of a machine."""
    token = get_object_or_404(WorkerToken, name=name)
    act = request.POST.get("act", "")
    if act not in ACTS:
        raise BadRequest("act")
    if ACTS[act](token, _account(request)):
        messages.success(request, DONE[act] % {"name": name})
    else:
        messages.info(request, _("Nothing was changed: “%(name)s” was in this state already.") % {"name": name})
    return redirect("workers")


def _account(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
