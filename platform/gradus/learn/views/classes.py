"""Joining a class by its code or link, and leaving it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts import rate_limits
from gradus.accounts.models import User
from gradus.classes import access, joining, membership, visibility
from gradus.classes.models import Class
from gradus.gradebook import own
from gradus.refusal import Refused


def join_begin(request: HttpRequest) -> HttpResponse:
    """Asks for the code of a class, and leads to its page."""
    code = "".join(request.GET.get("code", "").split()).lower().replace("-", "")
    if code and _open_class(request, code) is not None:
        return redirect("learn:join", code)
    return render(request, "learn/join_begin.html", {"code": code}, status=404 if code else 200)


def join(request: HttpRequest, code: str) -> HttpResponse:
    """Says which class this is and what its instructors see. A POST joins it."""
    found, user = _open_class(request, code), request.user
    if found is None:
        return render(request, "learn/join_begin.html", {"code": code}, status=404)
    account = user if isinstance(user, User) and not user.is_guest else None
    if request.method == "POST" and account is not None:
        try:
            joining.join(code, by=account)
        except Refused as refused:
            messages.warning(request, refused.message)
            return redirect("learn:join_begin")
        messages.success(request, _("You are in the class “%(title)s”.") % {"title": found.title})
        return redirect("learn:course", found.course.slug)
    here = urlencode({"next": reverse("learn:join", args=[code])})
    context: dict[str, Any] = {"class": found, "account": account, "query": here}
    context["is_in"] = membership.active(account).filter(of_class=found).exists()
    return render(request, "learn/join.html", context)


def _open_class(request: HttpRequest, code: str) -> Class | None:
    """Counts wrong codes by address. Right ones are not counted, so that a whole classroom can join at once."""
    rate_limits.refuse_beyond(request, "join_code")
    found = joining.open_class(code)
    if found is None:
        rate_limits.allow(request, "join_code", limit_get=True)
    return found


@login_required
@require_POST
def class_leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes the person out of a class."""
    found = get_object_or_404(Class, pk=pk)
    if not isinstance(request.user, User) or not membership.active(request.user).filter(of_class=found).exists():
        raise Http404
    try:
        joining.leave(found, by=request.user)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("You have left the class “%(title)s”.") % {"title": found.title})
        if not visibility.may_open(request.user, found.course):
            return redirect("home")
    return redirect("learn:course", found.course.slug)


@login_required
def class_grades(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows learners the own grades in a class, as far as they are released, also after they left it."""
    viewed = access.viewed()
    if viewed is not None and viewed.member is not None and viewed.of_class.pk == pk:
        member = viewed.member
    else:
        of_class = get_object_or_404(Class, pk=pk)
        member = own.member_of(request.user, of_class)
    context = {"class": member.of_class, "course": member.of_class.course, "grades": own.grades_of(member)}
    return render(request, "learn/class_grades.html", context)
