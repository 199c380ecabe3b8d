"""The list of the classes that a person teaches, a new class, and the page of one with its link and settings."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts import roles
from gradus.accounts.token_rules import LEARNER
from gradus.classes import membership, services
from gradus.classes.models import Class
from gradus.courses.models import Course
from gradus.gradebook import queries
from gradus.refusal import Refused
from gradus.teach.class_forms import CodeForm, NewClassForm, SettingsForm
from gradus.teach.views.access import account, in_class


def teachable(request: HttpRequest) -> Any:
    """Returns the courses in which the person may create classes."""
    user = account(request)
    found = roles.reach(user, roles.DECIDES) | roles.reach(user, roles.EDITS)
    return Course.objects.filter(found).order_by("title", "slug")


@login_required
def class_list(request: HttpRequest) -> HttpResponse:
    """Lists the classes that the person teaches, the newest first."""
    if not account(request).has_role:
        raise Http404
    learners = Count("members", filter=Q(members__state="active", members__learner_data="none"))
    found = membership.taught_by(account(request)).select_related("course").annotate(learners=learners).order_by("-pk")
    return render(request, "teach/classes/list.html", {"classes": found, "may_create": teachable(request).exists()})


@login_required
def class_new(request: HttpRequest) -> HttpResponse:
    """Shows the form of a new class. A POST creates it."""
    courses = teachable(request)
    if not courses:
        raise Http404
    first = courses.filter(slug=request.GET.get("course", "")).first() or courses[0]
    last = membership.taught_by(account(request)).order_by("-pk").first()
    zone = last.timezone if last else first.timezone
    form = NewClassForm(courses, request.POST or None, course=first.slug, timezone=zone)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            made = services.create(given.pop("course"), by=account(request), **given)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("The class is there. Now let people join, or add them."))
            return redirect("teach:class", made.pk)
    return render(request, "teach/classes/new.html", {"form": form}, status=422 if form.errors else 200)


@in_class()
def class_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Shows how people join, and the settings. A POST changes them."""
    user = account(request)
    if request.method != "POST":
        return page(request, of_class)
    membership.refuse_unless(user, of_class, roles.DECIDES)
    form = SettingsForm(of_class, request.POST)
    if form.is_valid():
        given = {name: form.cleaned_data[name] for name in services.SETTINGS}
        try:
            services.change(of_class, by=user, seen=form.cleaned_data["seen"], **given)
        except Refused as refused:
            form.refuse(refused)
            of_class.refresh_from_db()
            meanwhile = form.differing() if refused.code == "changed_meanwhile" else []
            if meanwhile:
                form.see(form.version)
            return page(request, of_class, form=form, meanwhile=meanwhile, status=refused.status)
        said = _("The settings are saved.")
        if of_class.board == Class.Board.OFF and form.cleaned_data["board"] != Class.Board.OFF:
            said = " ".join([said, _("Links to the leaderboards of the class stand below.")])
        messages.success(request, said)
        return redirect("teach:class", of_class.pk)
    return page(request, of_class, form=form, status=422)


@require_POST
@in_class(roles.DECIDES)
def code_change(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Makes another code by which people join, or lets nobody join by code any more."""
    if request.POST.get("action") == "stop":
        services.stop_code(of_class, by=account(request))
        messages.success(request, _("Nobody can join by code or link any more. Members stay."))
        return redirect("teach:class", of_class.pk)
    form, had_link = CodeForm(of_class, request.POST), of_class.join_code is not None
    if form.is_valid():
        until = form.cleaned_data["join_code_until"]
        try:
            if request.POST.get("action") == "until":
                services.extend_code(of_class, by=account(request), until=until)
                said = _("The link has a new end. It is the same link as before.")
            else:
                services.rotate_code(of_class, by=account(request), until=until)
                said = (
                    _("There is a new link. The earlier one no longer works.")
                    if had_link
                    else _("There is a link now.")
                )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, said)
            return redirect("teach:class", of_class.pk)
    return page(request, of_class, code=form, status=422)


def page(
    request: HttpRequest,
    of_class: Class,
    *,
    form: SettingsForm | None = None,
    code: CodeForm | None = None,
    meanwhile: list[tuple[str, Any]] | None = None,
    status: int = 200,
) -> HttpResponse:
    learners = of_class.members.active().learners()
    link = reverse("learn:join", args=[of_class.join_code]) if of_class.join_code else ""
    context = {
        **shared(request, of_class, "class"),
        "form": form or SettingsForm(of_class),
        "code": code or CodeForm(of_class),
        "meanwhile": meanwhile,
        "learners": learners.count(),
        "without_account": learners.filter(user=None).count(),
        "link": link and request.build_absolute_uri(link),
        "boards": queries.challenges_of(of_class, touched=False) if of_class.board != Class.Board.OFF else [],
        "join": request.build_absolute_uri(reverse("learn:join_begin")),
    }
    return render(request, "teach/classes/class.html", context, status=status)


def shared(request: HttpRequest, of_class: Class, tab: str) -> dict[str, Any]:
    """Returns what the templates of all pages of a class need. `tab` is the page's one of `_tabs.html`."""
    decides = membership.may_in_class(account(request), of_class, roles.DECIDES)
    in_course = roles.scope_in(account(request), of_class.course_id) != LEARNER
    return {"class": of_class, "course": of_class.course, "tab": tab, "decides": decides, "in_course": in_course}
