"""How a class is doing, with what one can do about each line."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts import roles
from gradus.classes import members as services
from gradus.classes.models import LABEL_CHARS, Class, Member
from gradus.gradebook.progress import STUCK, Progress, progress
from gradus.refusal import Refused
from gradus.teach.views.access import account, in_class, label_chosen
from gradus.teach.views.classes import shared

# Lines of each part of the page.
LISTED = 50


@in_class()
def progress_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    label = label_chosen(of_class, request)
    found = progress(of_class, label)
    context = {
        **shared(request, of_class, "progress"),
        "found": found,
        "labels": of_class.labels.all(),
        "chosen": label,
        "listed": LISTED,
        "stuck_after": STUCK,
        "weeks": _weeks(found),
    }
    return render(request, "teach/classes/progress.html", context)


def _weeks(found: Progress) -> list[tuple[str, int, int]]:
    """Returns what to call each number, the number of the last seven days, and that of the seven days before."""
    names = {
        "attempts": _("Attempts"),
        "active": _("Learners who made an attempt"),
        "passes": _("Challenges passed for the first time"),
        "joined": _("People who joined"),
    }
    return [(name, getattr(found.week, field), getattr(found.week_before, field)) for field, name in names.items()]


@require_POST
@in_class(roles.DECIDES)
def progress_write(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Gives a group of the page a label, and begins an announcement for it."""
    name, group = _group(of_class, request.POST.get("group", ""))
    if not group:
        messages.info(request, _("There is nobody in this group any more."))
        return redirect("teach:progress", of_class.pk)
    user = account(request)
    keys = {one.pk for one in group}
    others = list(of_class.members.filter(labels__name__iexact=name).exclude(pk__in=keys))
    try:
        services.label_members(of_class, group, name, by=user)
        if others:
            services.label_members(of_class, others, name, by=user, on=False)
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("teach:progress", of_class.pk)
    label = of_class.labels.get(name__iexact=name)
    return redirect(f"{reverse('teach:announcements', args=[of_class.pk])}?label={label.pk}")


def _group(of_class: Class, group: str) -> tuple[str, list[Member]]:
    """Returns the name of the label for a group, and who is in it now. Raises `Http404` for no group."""
    found = progress(of_class)
    if group == "not-begun":
        return _("Has not begun"), list(found.not_begun)
    if group == "stuck":
        return _("Is stuck"), list(dict.fromkeys(one.member for one in found.stuck))
    for loss in found.losses:
        if group == loss.challenge.slug:
            return (_("Not passed: %(title)s") % {"title": loss.challenge.title})[:LABEL_CHARS].strip(), list(loss.lost)
    raise Http404
