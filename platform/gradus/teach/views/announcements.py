"""The announcements of a class: the list, a new one, and the page of one that is changed or withdrawn."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.classes import changes, membership
from gradus.classes.models import Announcement, Class
from gradus.notices import announcements as services
from gradus.refusal import Refused
from gradus.teach.class_forms import AnnouncementForm
from gradus.teach.views.access import account, in_class, label_chosen
from gradus.teach.views.classes import shared

LISTED = 20


@in_class()
def announcements_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Lists the announcements, the newest first. A POST writes one."""
    if request.method != "POST":
        label = label_chosen(of_class, request)
        return page(request, of_class, AnnouncementForm(of_class, label=label.pk if label else ""))
    user = account(request)
    membership.refuse_unless(user, of_class, roles.DECIDES)
    form = AnnouncementForm(of_class, request.POST)
    if not form.is_valid():
        return page(request, of_class, form, status=422)
    given = {name: value for name, value in form.cleaned_data.items() if name != "seen"}
    try:
        made = services.announce(of_class, by=user, **given)
    except Refused as refused:
        form.refuse(refused)
        return page(request, of_class, form, status=refused.status)
    said = _("The announcement is published.") if made.sent_at else _("The announcement will be published then.")
    messages.success(request, said)
    return redirect("teach:announcements", of_class.pk)


@in_class(roles.DECIDES)
def announcement_change(request: HttpRequest, of_class: Class, key: int) -> HttpResponse:
    """Shows one announcement in a form. A POST saves or withdraws it."""
    found = get_object_or_404(of_class.announcements.select_related("label"), pk=key, withdrawn_at=None)
    if request.method != "POST":
        return one_page(request, of_class, found, AnnouncementForm(of_class, now=found))
    form, user, meanwhile = AnnouncementForm(of_class, request.POST, now=found), account(request), None
    try:
        if request.POST.get("action") == "withdraw":
            services.withdraw(found, by=user)
            messages.success(request, _("The announcement is withdrawn."))
            return redirect("teach:announcements", of_class.pk)
        if form.is_valid():
            services.change(found, by=user, **form.cleaned_data)
            messages.success(request, _("The announcement is saved."))
            return redirect("teach:announcements", of_class.pk)
        status = 422
    except Refused as refused:
        status = refused.status
        form.refuse(refused)
        if refused.code == "changed_meanwhile":
            meanwhile = Announcement.objects.select_related("label").get(pk=found.pk)
            form.see(changes.version_of(services.settings_of(meanwhile)))
    return one_page(request, of_class, found, form, meanwhile, status)


def page(request: HttpRequest, of_class: Class, form: AnnouncementForm, status: int = 200) -> HttpResponse:
    rows = of_class.announcements.select_related("label", "by")
    context = {
        **shared(request, of_class, "announcements"),
        "form": form,
        "rows": Paginator(rows, LISTED).get_page(request.GET.get("page")),
    }
    return render(request, "teach/classes/announcements.html", context, status=status)


def one_page(
    request: HttpRequest,
    of_class: Class,
    one: Announcement,
    form: AnnouncementForm,
    meanwhile: Announcement | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {**shared(request, of_class, "announcements"), "one": one, "form": form, "meanwhile": meanwhile}
    return render(request, "teach/classes/announcement.html", context, status=status)
