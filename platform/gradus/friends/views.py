"""The page on which learners give their code, ask, answer and end friendships."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from gradus.accounts import rate_limits
from gradus.accounts.models import User
from gradus.friends import services
from gradus.refusal import Refused
from gradus.validators import whole_number


@login_required
def friends(request: HttpRequest) -> HttpResponse:
    """Shows the own code, friends and requests. A POST asks, answers, ends, or makes another code."""
    user = request.user
    assert isinstance(user, User)
    context: dict[str, Any] = {"code": request.GET.get("code", "")[:40]}
    status = 200
    if request.method == "POST":
        try:
            messages.success(request, _act(request, user))
            return redirect("friends")
        except Refused as refused:
            if not refused.problems:
                messages.warning(request, refused.message)
                return redirect("friends")
            context = {"code": request.POST.get("code", "")[:40], "problem": refused.message}
            status = refused.status
    own = services.code_of(user)
    link = own and request.build_absolute_uri(f"{reverse('friends')}?code={own}")
    context |= {"own_code": own, "link": link, "found": services.everybody(user), "most": services.MOST}
    return render(request, "friends/friends.html", context, status=status)


def _act(request: HttpRequest, user: User) -> str:
    """Does what the form asks for, and returns what to tell. Raises `Refused`."""
    given = request.POST
    key = whole_number(given.get("friendship")) or 0
    match given.get("action"):
        case "ask":
            rate_limits.allow(request, "friend")
            made = services.ask(given.get("code", ""), by=user)
            return _("You are friends now.") if made.agreed_at else _("Your request waits for the other person's yes.")
        case "renew":
            services.renew_code(user)
            return _("You have a new code. Nobody can ask you by an earlier one.")
        case "agree":
            services.agree(key, by=user)
            return _("You are friends now.")
        case "refuse":
            services.refuse(key, by=user)
            return _("You have said no. This person cannot ask you again.")
        case "end":
            services.end(key, by=user)
            return _("It has ended.")
    raise Http404
