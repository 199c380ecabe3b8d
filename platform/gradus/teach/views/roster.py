"""The page on which a roster is given, previewed and applied, and the download of the people of a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from gradus import csv_files
from gradus.accounts import roles
from gradus.classes.models import Class
from gradus.classes.roster import services
from gradus.classes.roster.columns import OWN
from gradus.classes.roster.comparison import Outcome, Plan, Step
from gradus.lti import rosters
from gradus.lti.models import Context
from gradus.refusal import Refused
from gradus.teach.class_forms import ROLES
from gradus.teach.roster_forms import PersonForm, RosterForm
from gradus.teach.views.access import account, in_class
from gradus.teach.views.classes import shared

# Rows of one outcome that the page shows. The API and the command line have all of them.
SHOWN = 200
FIELDS = {
    "email": gettext_lazy("Email address"),
    "login": gettext_lazy("Login"),
    "registration_number": gettext_lazy("Registration number"),
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "role": gettext_lazy("Role"),
    "labels": gettext_lazy("Labels"),
}
ORDER = (
    (Outcome.WRONG, gettext_lazy("Wrong, and left out")),
    (Outcome.NOT_FOUND, gettext_lazy("Not found, and left out")),
    (Outcome.REMOVE, gettext_lazy("Removed")),
    (Outcome.CHANGE, gettext_lazy("Changed")),
    (Outcome.BACK, gettext_lazy("Brought back")),
    (Outcome.ADD, gettext_lazy("Added")),
    (Outcome.UNCHANGED, gettext_lazy("Unchanged")),
)


@in_class(roles.DECIDES)
def roster_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Shows the form for a roster. A POST previews it, applies what was previewed, or adds one person."""
    if request.method != "POST":
        return page(request, of_class)
    if request.POST.get("action") == "add":
        return person_add(request, of_class)
    form, by = RosterForm(request.POST, request.FILES), account(request)
    if not form.is_valid():
        return page(request, of_class, form=form, status=422)
    seen, sync = form.cleaned_data["seen"], form.cleaned_data["sync"]
    try:
        if seen:
            plan = services.apply(of_class, form.roster, by=by, sync=sync, seen=seen)
            return page(request, of_class, form=form, plan=plan, applied=True)
    except Refused as refused:
        plan = services.preview(of_class, form.roster, by=by, sync=sync)
        return page(request, of_class, form=form, plan=plan, refused=refused, status=refused.status)
    return page(request, of_class, form=form, plan=services.preview(of_class, form.roster, by=by, sync=sync))


def person_add(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Adds the person of the form, or brings the person back, or fills in what the class does not know yet."""
    form = PersonForm(request.POST)
    if not form.is_valid():
        return page(request, of_class, person=form, status=422)
    try:
        step = services.add_person(of_class, form.cleaned_data, by=account(request))
    except Refused as refused:
        form.refuse(refused)
        return page(request, of_class, person=form, status=refused.status)
    said = {
        Outcome.ADD: _("%(name)s is in the class."),
        Outcome.BACK: _("%(name)s is in the class again, with all that was there before."),
        Outcome.CHANGE: _("%(name)s was in the class already, and is changed."),
        Outcome.UNCHANGED: _("%(name)s was in the class already. Nothing is changed."),
    }
    messages.success(request, said[step.outcome] % {"name": step.name})
    return redirect("teach:roster", of_class.pk)


@in_class()
def roster_download(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Sends the people of the class as CSV, in the columns that a roster has."""
    return csv_files.response(services.as_csv(of_class), "roster", of_class.pk)


@require_POST
@in_class(roles.DECIDES)
def roster_fetch(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Has the roster of the platform's course fetched, which the reconciler does."""
    try:
        rosters.ask(of_class, by=account(request))
    except Refused as refused:
        if refused.code == "missing_role":
            raise
        messages.warning(request, refused.message)
    else:
        messages.success(request, _("The roster will be fetched within a minute. Load this page again then."))
    return redirect("teach:roster", of_class.pk)


def page(
    request: HttpRequest,
    of_class: Class,
    *,
    form: RosterForm | None = None,
    person: PersonForm | None = None,
    plan: Plan | None = None,
    refused: Refused | None = None,
    applied: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Renders the page. With `plan` it shows what the roster of `form` changes or, if `applied`, has changed."""
    context = {
        **shared(request, of_class, "roster"),
        "form": form or RosterForm(),
        "person": person or PersonForm(),
        "plan": plan,
        "groups": list(groups(plan, form.rows if form else {})) if plan else [],
        "without_account": sum(one.outcome is Outcome.ADD and one.user is None for one in plan.steps) if plan else 0,
        "site": request.build_absolute_uri("/"),
        "refused": refused,
        "applied": applied,
        "headings": ",".join(OWN),
        "missing": plan.missing[:SHOWN] if plan else (),
        "context": Context.objects.filter(of_class=of_class).select_related("deployment__platform").first(),
    }
    return render(request, "teach/classes/roster.html", context, status=status)


def groups(plan: Plan, cells: dict[int, list[str]]) -> Iterator[dict[str, Any]]:
    """Yields the rows by outcome, those that need attention first, with the `cells` of rows that are left out."""
    for outcome, title in ORDER:
        steps = [step for step in plan.steps if step.outcome is outcome]
        if steps:
            shown = cells if outcome in (Outcome.WRONG, Outcome.NOT_FOUND) else {}
            rows = [
                (step, list(changes(step)), " · ".join(filter(None, map(str.strip, shown.get(step.row or 0, [])))))
                for step in steps[:SHOWN]
            ]
            more = len(steps) - len(rows)
            yield {"outcome": outcome, "title": title, "count": len(steps), "rows": rows, "more": more}


def changes(step: Step) -> Iterator[tuple[str, str, str]]:
    """Yields the name of each field that changes, with its value before and after."""
    for name, value in step.after.items():
        if name in FIELDS:
            yield str(FIELDS[name]), _shown(name, step.before.get(name, "")), _shown(name, value)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return str(dict(ROLES).get(value, value)) if name == "role" and value else str(value)
