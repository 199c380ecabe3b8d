"""The members of a class: their list with labels and roles, adding and inviting people, and the page of one member."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gradus.accounts import roles
from gradus.classes import invitations, members, membership, services
from gradus.classes.changes import version_of
from gradus.classes.models import Class, Label, Member
from gradus.gradebook import queries
from gradus.gradebook.queries import Wanted
from gradus.refusal import Refused
from gradus.teach.class_forms import AddForm, FilterForm, MarkForm, MemberForm
from gradus.teach.views.access import account, in_class
from gradus.teach.views.classes import shared
from gradus.validators import whole_number

# Members on one page of the list.
LISTED = 100


@in_class()
def members_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Lists the members, by search, label and state. A POST adds people by address."""
    if request.method != "POST":
        return page(request, of_class)
    user = account(request)
    membership.refuse_unless(user, of_class, roles.DECIDES)
    form = AddForm(request.POST)
    if form.is_valid():
        given = dict(form.cleaned_data)
        try:
            emails = invitations.addresses_in(given.pop("emails"))
            made = invitations.invite(of_class, emails, by=user, site=request.build_absolute_uri("/"), **given)
        except Refused as refused:
            form.refuse(refused)
            return page(request, of_class, add=form, status=refused.status)
        say_invited(request, made)
        return redirect("teach:members", of_class.pk)
    return page(request, of_class, add=form, status=422)


def say_invited(request: HttpRequest, made: invitations.Invited) -> None:
    said = ngettext("%(count)d person is in the class.", "%(count)d people are in the class.", len(made.members))
    parts = [said % {"count": len(made.members)}]
    if made.mailed:
        said = ngettext("%(count)d mail is on its way.", "%(count)d mails are on their way.", len(made.mailed))
        parts.append(said % {"count": len(made.mailed)})
    messages.success(request, " ".join(parts))
    if made.failed:
        said = _("The mail could not be sent to: %(names)s. Try again in a few minutes.")
        messages.warning(request, said % {"names": ", ".join(one.email for one in made.failed)})


@require_POST
@in_class(roles.DECIDES)
def members_mark(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Labels the marked members, takes a label from them, removes them from the class, or sends them the mail."""
    form, user = MarkForm(request.POST), account(request)
    keys = filter(None, map(whole_number, request.POST.getlist("member")))
    marked = list(of_class.members.filter(pk__in=keys).by_name())
    if not form.is_valid() or not marked:
        messages.warning(request, _("Mark members in the list first."))
        return redirect("teach:members", of_class.pk)
    label, action = form.cleaned_data["label"], form.cleaned_data["action"]
    try:
        if action == "mail":
            made = invitations.invite_again(of_class, marked, by=user, site=request.build_absolute_uri("/"))
            say_invited(request, made)
        elif action == "remove":
            members.remove_members(of_class, marked, by=user)
        else:
            members.label_members(of_class, marked, label, by=user, on=action == "label")
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("teach:members", of_class.pk)
    if action != "mail":
        said = ngettext("%(count)d member is changed.", "%(count)d members are changed.", len(marked))
        messages.success(request, said % {"count": len(marked)})
    return redirect("teach:members", of_class.pk)


@require_POST
@in_class(roles.DECIDES)
def label_change(request: HttpRequest, of_class: Class, label: int) -> HttpResponse:
    """Renames a label, or removes it from the class."""
    found = get_object_or_404(Label.objects.filter(of_class=of_class), pk=label)
    try:
        if request.POST.get("action") == "remove":
            services.remove_label(found, by=account(request))
        else:
            services.rename_label(found, request.POST.get("name", ""), by=account(request))
        messages.success(request, _("The labels are changed."))
    except Refused as refused:
        messages.warning(request, refused.message)
    return redirect("teach:members", of_class.pk)


@in_class()
def member_show(request: HttpRequest, of_class: Class, member: int) -> HttpResponse:
    """Shows what the class knows of a member. A POST changes it."""
    found = get_object_or_404(Member.objects.select_related("user").filter(of_class=of_class), pk=member)
    if request.method != "POST":
        return member_page(request, of_class, found, MemberForm(found))
    user = account(request)
    membership.refuse_unless(user, of_class, roles.DECIDES)
    form, action = MemberForm(found, request.POST), request.POST.get("action")
    try:
        if action == "remove":
            members.remove_member(found, by=user)
        elif action == "back":
            members.restore_member(found, by=user)
        elif form.is_valid():
            members.change_member(found, by=user, **form.cleaned_data)
        else:
            return member_page(request, of_class, found, form, status=422)
    except Refused as refused:
        form.refuse(refused)
        meanwhile = None
        if refused.code == "changed_meanwhile":
            meanwhile = members.values_of(Member.objects.get(pk=found.pk))
            form.see(version_of(meanwhile))
        return member_page(request, of_class, found, form, meanwhile=meanwhile, status=refused.status)
    messages.success(request, _("The member is changed."))
    return redirect("teach:member", of_class.pk, found.pk)


def member_page(
    request: HttpRequest,
    of_class: Class,
    member: Member,
    form: MemberForm,
    *,
    meanwhile: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    work = None
    if not member.teaches:
        found = queries.table(of_class, Wanted(members=(member.pk,), left=True))
        [work] = found.lines
    common = shared(request, of_class, "members")
    invites = common["decides"] and member.is_active and member.email and member.user is None
    site = request.build_absolute_uri("/")
    context = {
        **common,
        "member": member,
        "invitation": invites and invitations.words(of_class, member, account(request), site),
        "form": form,
        "meanwhile": meanwhile,
        "total": work.total if work else None,
        "cells": list(zip(found.columns, work.cells, strict=True)) if work else None,
    }
    return render(request, "teach/classes/member.html", context, status=status)


def page(request: HttpRequest, of_class: Class, *, add: AddForm | None = None, status: int = 200) -> HttpResponse:
    learners = Count("members", filter=Q(members__state=Member.State.ACTIVE))
    labels = of_class.labels.annotate(members_now=learners).order_by("name", "pk")
    chosen = FilterForm(of_class.labels.all(), request.GET)
    rows = Paginator(listed(of_class, chosen.chosen), LISTED).get_page(request.GET.get("page"))
    context = {
        **shared(request, of_class, "members"),
        "rows": rows,
        "filter": chosen,
        "labels": labels,
        "add": add or AddForm(),
    }
    return render(request, "teach/classes/members.html", context, status=status)


def listed(of_class: Class, chosen: dict[str, Any]) -> Any:
    state = chosen.get("state")
    found = of_class.members.filter(state=Member.State.LEFT if state == "left" else Member.State.ACTIVE)
    if state == "new":
        found = found.filter(user=None)
    if label := chosen.get("label"):
        found = found.filter(labels=label)
    found = found.matching(chosen.get("search") or "").by_name()
    return found.select_related("user").prefetch_related("labels", "user__emailaddress_set")
