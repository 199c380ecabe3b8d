"""The announcements of a class: the list, a new one, and the page of one that is changed or withdrawn."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts import roles
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.classes import changes, membership
from gradus.classes.models import TEXT_CHARS, TITLE_CHARS, Announcement, Class, Label
from gradus.notices import announcements as services
from gradus.refusal import Refused
from gradus.teach.class_forms import ServiceForm, text
from gradus.teach.local_times import LocalTimeField, in_zone, shown_in
from gradus.teach.views.access import account, in_class
from gradus.teach.views.classes import shared
from gradus.teach.widgets import NamesSelect
from gradus.validators import allowed_characters

LISTED = 20


class AnnouncementForm(ServiceForm):
    """An announcement. Of one that the members have read, only the title and the text can be changed."""

    title = text(gettext_lazy("Title"), TITLE_CHARS, required=True)
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=TEXT_CHARS,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 6, "lang": ""}),
        help_text=gettext_lazy("In Markdown, as in a lesson: lists, links, code and formulas work."),
    )
    label = forms.ModelChoiceField(
        label=gettext_lazy("For"),
        queryset=Label.objects.none(),
        required=False,
        empty_label=gettext_lazy("Everybody in the class"),
        widget=NamesSelect(),
    )
    publish_at = LocalTimeField(label=gettext_lazy("From when on"), required=False)
    by_mail = forms.BooleanField(
        label=gettext_lazy("Also by mail"),
        required=False,
        initial=True,
        help_text=gettext_lazy("To those who have asked for notices by mail in their profile."),
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, of_class: Class, data: Any = None, now: Announcement | None = None, **initial: Any) -> None:
        if now is not None:
            values = services.settings_of(now)
            initial = {name: values[name] for name in ("title", "text", "by_mail")}
            initial |= {"label": now.label, "publish_at": shown_in(of_class.zone, now.publish_at)}
            initial["seen"] = changes.version_of(values)
        super().__init__(data, initial=initial)
        self.zone = of_class.zone
        self.fields["publish_at"].help_text = _("Empty: now. The time is that of the class (%(zone)s).") % {
            "zone": of_class.timezone
        }
        field: Any = self.fields["label"]
        field.queryset = of_class.labels.all()
        if not can_send_mails():
            del self.fields["by_mail"]
        if now is not None and now.sent_at is not None:
            for name in ("label", "publish_at", "by_mail"):
                self.fields.pop(name, None)

    def clean_publish_at(self) -> Any:
        chosen = self.cleaned_data["publish_at"]
        return in_zone(chosen, self.zone) if chosen else timezone.now()


@in_class()
def announcements_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Lists the announcements, the newest first. A POST writes one."""
    if request.method != "POST":
        label = of_class.labels.filter(pk=_whole(request.GET.get("label")) or 0).first()
        return page(request, of_class, AnnouncementForm(of_class, label=label))
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
        form.is_valid()
        form.refuse(refused)
        if refused.code == "changed_meanwhile":
            meanwhile = Announcement.objects.select_related("label").get(pk=found.pk)
            # Who has read what it is now, and saves again, means it.
            given = request.POST.copy()
            given["seen"] = changes.version_of(services.settings_of(meanwhile))
            form.data = given
    return one_page(request, of_class, found, form, meanwhile, status)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def page(request: HttpRequest, of_class: Class, form: AnnouncementForm, status: int = 200) -> HttpResponse:
    rows = of_class.announcements.select_related("label", "by")
    context = {
        **shared(request, of_class),
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
    context = {**shared(request, of_class), "one": one, "form": form, "meanwhile": meanwhile}
    return render(request, "teach/classes/announcement.html", context, status=status)
